import CHost
import CWire
import Glibc

/// The rings that guests write call records into: one memory file, mapped by everybody.
final class CallLogMemory {
  static let size = UInt64(PERSONA_LOG_SLOTS) * UInt64(PERSONA_LOG_SLOT_BYTES)

  /// Owned.
  let file: Int32
  let memory: UnsafeMutableRawPointer

  init() throws(LaunchError) {
    let file = persona_shared_file("persona-log", Int(CallLogMemory.size))
    guard file >= 0 else {
      throw LaunchError(.ours, "cannot make the call log: \(describe(-file))", remedy: "free some memory")
    }
    let memory = mmap(nil, Int(CallLogMemory.size), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0)
    guard let memory, memory != MAP_FAILED else {
      let code = errno
      close(file)
      throw LaunchError(.ours, "cannot map the call log: \(describe(code))", remedy: "free some memory")
    }
    self.file = file
    self.memory = memory
  }

  deinit {
    munmap(memory, Int(CallLogMemory.size))
    close(file)
  }
}
