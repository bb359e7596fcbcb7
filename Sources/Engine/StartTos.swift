import CEngine
import CWire
import Translation

/// Puts the top-of-stack structure, struct Tos (tos.h; longs are 4 bytes on amd64) above the arguments and answers
/// its address: profiling data, three clocks, the process id at 64.
func placeTos(_ process: UnsafeMutablePointer<persona_process>, _ data: inout UInt64) -> UInt64 {
  let size = 88
  data = (data - UInt64(size)) & ~15
  let tos = UnsafeMutableRawPointer(bitPattern: UInt(data))!
  tos.initializeMemory(as: UInt8.self, repeating: 0, count: size)
  tos.storeBytes(of: process.pointee.pid, toByteOffset: 64, as: Int32.self)
  return data
}

/// The program becomes what its process was before in the session, or a new process of it.
func join(_ thread: UnsafeMutablePointer<persona_thread>, tos: UInt64, environment: UInt64) {
  // An exec has kept all signals blocked until now.
  if isMemberKnown(thread.pointee.process.pointee.pid) { thread.pointee.saved_mask = 0 }
  let plan = UnsafeRawPointer(thread.pointee.process.pointee.plan!)
  let name = plan + Int(thread.pointee.process.pointee.plan.pointee.name)
  beginMembership(
    thread, tos: tos, environment: environment, name: name.assumingMemoryBound(to: CChar.self))
}

/// Every signal that means a note has the engine's handler, whether the guest asks for notes or not. Those that the
/// caller of Persona ignores stay ignored, but for the engine's own.
func catchNotes(_ table: Table) {
  for native in 1..<Int(parentDied) where native != 9 && native != 19 {
    let foreign = table.foreignSignal(native)
    guard foreign != 0, table.signalDefault(foreign) != Int(PERSONA_DEFAULT_IGNORE.rawValue) else { continue }
    var kernel = KernelAction()
    _ = withUnsafeMutablePointer(to: &kernel) {
      persona_syscall(Int64(__NR_rt_sigaction), UInt64(native), 0, UInt64(UInt(bitPattern: $0)), 8, 0, 0)
    }
    if kernel.handler == 1, native != noteSignal, native != 14 { continue }
    var action = engineAction()
    setKernelAction(native, &action)
  }
  // An end that Linux reports to nobody could not be awaited.
  var action = KernelAction()
  setKernelAction(17, &action)
}
