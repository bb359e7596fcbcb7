import CEngine
import CWire

// Descriptors of __pledge_open (UF_PLEDGEOPEN): what libc opens for itself may be read, but neither written nor changed nor
// handed to another process, whatever the program may do by its promises. Devices are excepted. A duplicate is one
// too. Source: doopenat(), sys_fchmod(), sys_fchown(), sys_fchflags() and sys_ftruncate() of sys/kern/vfs_syscalls.c, dofilewritev() of
// sys/kern/sys_generic.c, finishdup() of sys/kern/kern_descrip.c, unp_internalize() of sys/kern/uipc_usrreq.c.

/// Descriptors that can be marked: a bit for each in `persona_process.marked`.
private let markable = 1 << 16

extension Call {
  private var marks: UnsafeMutablePointer<UInt64>? { process.pointee.marked?.assumingMemoryBound(to: UInt64.self) }

  private func isMarked(_ descriptor: Int) -> Bool {
    guard 0..<markable ~= descriptor, let marks else { return false }
    return marks[descriptor >> 6] >> UInt64(descriptor & 63) & 1 != 0
  }

  private func setMark(_ descriptor: Int, _ isMarked: Bool) {
    guard 0..<markable ~= descriptor, let marks else { return }
    persona_lock(&process.pointee.action_lock)
    defer { persona_unlock(&process.pointee.action_lock) }
    let bit = UInt64(1) << UInt64(descriptor & 63)
    if isMarked { marks[descriptor >> 6] |= bit } else { marks[descriptor >> 6] &= ~bit }
  }

  /// A descriptor that __pledge_open has opened.
  func markOpened(_ descriptor: Int) {
    guard let status = scratch(144), hostNow(__NR_fstat, descriptor, status.word) == 0,
      status.load(fromByteOffset: 24, as: UInt32.self) & 0o170000 != 0o020000
    else { return }
    if process.pointee.marked == nil {
      guard let memory = persona_allocate(markable / 8) else { return }
      memory.initializeMemory(as: UInt8.self, repeating: 0, count: markable / 8)
      process.pointee.marked = memory
    }
    setMark(descriptor, true)
    process.pointee.promised |= PromiseState.marks
  }

  /// Whether the call would write, change or truncate a marked file; one that is not open for it fails otherwise.
  func isChangingMarked() -> Bool {
    let descriptor = Int(Int32(truncatingIfNeeded: words[0]))
    switch number {
    case 4, 121, 168, 170, 172, 174, 201:  // write writev ftruncate pwrite pwritev pad_pwrite pad_ftruncate
      return isMarked(descriptor) && hostNow(__NR_fcntl, descriptor, Int(F_GETFL)) & 3 != 0
    case 35, 123, 124: return isMarked(descriptor)  // fchflags fchown fchmod
    default: return false
    }
  }

  /// Whether a message takes a marked descriptor to somebody else.
  func isSendingMarked() -> Bool {
    guard number == 28 else { return false }  // sendmsg
    var found = false
    forEachDescriptor(of: words[1]) { if isMarked($0) { found = true } }
    return found
  }

  /// Keeps the marks after a call that duplicated or closed descriptors.
  func followMarked(_ result: Int) {
    guard result >= 0 else { return }
    let descriptor = Int(Int32(truncatingIfNeeded: words[0]))
    switch number {
    case 6: setMark(descriptor, false)  // close
    case 287:  // closefrom
      for index in min(max(descriptor, 0), markable)..<markable where isMarked(index) { setMark(index, false) }
    case 41, 90, 102: setMark(result, isMarked(descriptor))  // dup dup2 dup3
    case 92:  // fcntl: F_DUPFD F_DUPFD_CLOEXEC F_DUPFD_CLOFORK
      let command = Int32(truncatingIfNeeded: words[1])
      if command == 0 || command == 10 || command == 12 { setMark(result, isMarked(descriptor)) }
    default: break
    }
  }
}
