import CEngine
import CWire

// Descriptors that come in by recvmsg(2). Source: pledge_recvfd() of sys/kern/kern_pledge.c, unp_externalize() of
// sys/kern/uipc_usrreq.c.

extension Call {
  /// Looks at what a call of a process with promises has brought; the answer.
  func afterwards(_ result: Int) -> Int {
    if process.pointee.promised & PromiseState.marks != 0 { followMarked(result) }
    if process.pointee.promised & PromiseState.pinned != 0 { followStacks(result) }
    guard number == 27, result >= 0, process.pointee.promised & PromiseState.holds != 0 else { return result }
    return received(words[1]) ?? result
  }

  /// With promises no file becomes set-user-ID, set-group-ID or sticky: only ACCESSPERMS of a mode count
  /// (doopenat, domknodat, dofchmodat and sys_fchmod of sys/kern/vfs_syscalls.c).
  mutating func narrowModes() {
    guard process.pointee.promised & PromiseState.holds != 0 else { return }
    switch number {
    case 14, 15, 124, 132: words[1] &= ~0o7000  // mknod, chmod, fchmod, mkfifo
    case 5, 125, 314, 319, 320: words[2] &= ~0o7000  // open, __pledge_open, fchmodat, mkfifoat, mknodat
    case 321: words[3] &= ~0o7000  // openat
    default: break
    }
  }

  /// Whether promises let the descriptors in a message's control data in; else they are closed.
  private func received(_ address: UInt64) -> Int? {
    var answer: Int?
    forEachDescriptor(of: address) { descriptor in
      if answer != nil { return }
      if promises & Promise.receiveDescriptors == 0 {
        if let refusal = broken((EPERM, Promise.receiveDescriptors)) { answer = refusal }
      } else if !isSafe(descriptor) {
        answer = error(EPERM)
      }
    }
    if answer != nil {
      forEachDescriptor(of: address) { _ = hostNow(__NR_close, $0) }
      _ = write(UInt32(0), at: address &+ 40)  // msg_controllen
    }
    return answer
  }

  /// pledge_sendfd for the descriptors of a message that goes out.
  func sentBreach(_ address: UInt64) -> Breach? {
    var breach: Breach?
    forEachDescriptor(of: address) { descriptor in
      if promises & Promise.sendDescriptors == 0 {
        breach = (EPERM, Promise.sendDescriptors)
      } else if breach == nil, !isSafe(descriptor) {
        breach = (EINVAL, Promise.sendDescriptors)
      }
    }
    return breach
  }

  /// pledge_safefd: sockets, pipes and files other than directories.
  private func isSafe(_ descriptor: Int) -> Bool {
    guard let status = scratch(144) else { return false }
    guard hostNow(__NR_fstat, descriptor, status.word) == 0 else { return true }
    let type = status.load(fromByteOffset: 24, as: UInt32.self) & 0o170000
    // Linux's anonymous files, which kqueues are, have no type.
    return type != 0o040000 && type != 0
  }

  func forEachDescriptor(of address: UInt64, _ body: (Int) -> Void) {
    guard let message = scratch(48), copyIn(message, address, 48), let head = scratch(16) else { return }
    var place = message.load(fromByteOffset: 32, as: UInt64.self)
    let end = place &+ UInt64(message.load(fromByteOffset: 40, as: UInt32.self))
    if place == 0 { return }
    while place &+ 12 <= end, copyIn(head, place, 12) {
      let length = UInt64(head.load(as: UInt32.self))
      if length < 12 { return }
      // SOL_SOCKET, SCM_RIGHTS; the data begins at the next multiple of 8.
      if head.load(fromByteOffset: 4, as: UInt32.self) == 0xffff, head.load(fromByteOffset: 8, as: UInt32.self) == 1 {
        var at = place &+ 16
        var descriptor: Int32 = -1
        while at &+ 4 <= place &+ length, read(&descriptor, at: at) {
          body(Int(descriptor))
          at &+= 4
        }
      }
      place &+= (length + 7) & ~7
    }
  }
}
