import CEngine
import CWire
import Translation
import Wire

// The signal actions that a program begins with. Ignored signals stay ignored over an exec; all else starts as the
// personality's default.

/// Linux signals that can be caught, but for the engine's own.
private let ordinary = Int32(1)..<parentDied

/// What the next program, before an exec, need not ask Linux for.
func tellIgnored(_ process: UnsafeMutablePointer<persona_process>) -> persona_ignored {
  let table = Table(UnsafeRawPointer(process.pointee.table))
  // Notes have actions of their own.
  if table.frame == .note_frame { return persona_ignored() }
  let actions = persona_actions(process)!
  // Those that the personality lacks are as they were.
  var (ignored, byLinux) = (process.pointee.ignored_unknown, process.pointee.ignored_unknown)
  for native in ordinary where native != 9 && native != 19 {
    let foreign = table.foreignSignal(Int(native))
    guard foreign != 0 else { continue }
    if actions[foreign].handler == 1 { ignored |= bit(native) }
    if kernelAction(process, foreign, native).handler == 1 { byLinux |= bit(native) }
  }
  return persona_ignored(by_guest: ignored, by_linux: byLinux, is_known: 1)
}

private func bit(_ native: Int32) -> UInt64 { 1 << UInt64(native - 1) }

/// Takes over what is ignored, and installs what the engine itself and the personality's defaults need.
func inheritActions(_ thread: UnsafeMutablePointer<persona_thread>, _ known: persona_ignored) {
  let process = thread.pointee.process!
  let table = Table(UnsafeRawPointer(process.pointee.table))
  let actions = persona_actions(process)!
  var (ignored, byLinux) = (known.by_guest, known.by_linux)
  if known.is_known == 0 {
    byLinux = askIgnored()
    ignored = byLinux
  }
  var unknown = ignored
  for native in ordinary where native != 9 && native != 19 {
    let foreign = table.foreignSignal(Int(native))
    guard foreign != 0 else { continue }
    unknown &= ~bit(native)
    if ignored & bit(native) != 0 { actions[foreign].handler = 1 }
    let isDefaultIgnored = table.signalDefault(foreign) == Int(PERSONA_DEFAULT_IGNORE.rawValue)
    let wantsIgnored = ignored & bit(native) != 0 || isDefaultIgnored && !isIgnoredByLinux(native)
    if wantsIgnored != (byLinux & bit(native) != 0) { _ = persona_install_action(thread, Int32(foreign), native) }
  }
  // Mostly nothing is: what is not written needs no page.
  if unknown != 0 { process.pointee.ignored_unknown = unknown }
  if table.frame == .note_frame { catchNotes(table) }
  let own: InlineArray<4, Int> = [7, 11, Int(ThreadRequest.signal), Int(parentDied)]
  for index in own.indices {
    var action = engineAction()
    setKernelAction(own[index], &action)
  }
  installTrap()
}

private func askIgnored() -> UInt64 {
  var ignored: UInt64 = 0
  for native in ordinary where native != 9 && native != 19 {
    var kernel = KernelAction()
    _ = withUnsafeMutablePointer(to: &kernel) {
      persona_syscall(Int64(__NR_rt_sigaction), UInt64(native), 0, UInt64(UInt(bitPattern: $0)), 8, 0, 0)
    }
    if kernel.handler == 1 { ignored |= bit(native) }
  }
  return ignored
}
