import CEngine
import CWire

// UMTX_OP_SHM of _umtx_op(2): a page of shared memory for each address of an object that processes share. libthr keeps the real
// mutex there since 11, and finds it again by the object's address. Facts: sys/umtx.h, umtx_shm() of kern/kern_umtx.c.
//
// The pages are files in the session's folder, named by the memory that holds the object: so all guests of a session find them,
// and they end with it. FreeBSD drops a page when that memory is gone.

extension Call {
  private enum SharedPage {
    static let create: UInt32 = 1
    static let lookUp: UInt32 = 2
    static let destroy: UInt32 = 4
    static let isAlive: UInt32 = 8
  }

  func sharedPage(_ address: UInt64, flags: UInt32) -> Int {
    guard (flags & 15).nonzeroBitCount == 1 else { return error(EINVAL) }
    guard let mapping = mapping(at: address) else { return error(flags & SharedPage.isAlive != 0 ? EINVAL : EFAULT) }
    if flags & SharedPage.isAlive != 0 { return 0 }
    guard mapping.protection & Int(PROT_WRITE) != 0 else { return error(EFAULT) }
    guard let name = pageName(of: address, mapping) else { return error(ENOMEM) }
    guard let folder = highFolder() else { return error(ENOMEM) }
    defer { _ = quietly(__NR_close, folder) }
    if flags & SharedPage.destroy != 0 { return found(hostNow(__NR_unlinkat, folder, name.word, 0)) }
    let creates = flags & SharedPage.create != 0
    let file = hostNow(__NR_openat, folder, name.word, Int(O_RDWR | O_CLOEXEC | O_NOFOLLOW | (creates ? O_CREAT : 0)), 0o600)
    guard creates, file >= 0 else { return found(file) }
    // Another process may be here too: both make it as long, and neither clears it.
    let sized = hostNow(__NR_ftruncate, file, 4096)
    if sized < 0 {
      _ = quietly(__NR_close, file)
      return sized
    }
    return file
  }

  /// The session's folder, by a number that leaves the lowest free one to the page.
  private func highFolder() -> Int? {
    let folder = quietly(Int32(PERSONA_HYPERCALL), Int(PERSONA_HC_FOLDER.rawValue))
    guard folder >= 0 else { return nil }
    let high = quietly(__NR_fcntl, folder, Int(F_DUPFD_CLOEXEC), folder + 1)
    _ = quietly(__NR_close, folder)
    return high >= 0 ? high : nil
  }

  /// No page is ESRCH.
  private func found(_ result: Int) -> Int { result == -Int(ENOENT) ? error(ESRCH) : result }

  private func mapping(at address: UInt64) -> MemoryMap.Entry? {
    var mappings = MemoryMap(self)
    while let mapping = mappings.next() {
      if address < mapping.range.end { return address >= mapping.range.start ? mapping : nil }
    }
    return nil
  }

  /// "umtx-" with device, inode and offset of memory that is shared, or with process and address of what is its own.
  private func pageName(of address: UInt64, _ mapping: MemoryMap.Entry) -> UnsafeMutableRawPointer? {
    guard var name = ByteWriter(self, limit: 112) else { return nil }
    name.append("umtx")
    func add(_ number: Int) {
      name.append("-")
      name.append(decimal: number)
    }
    if mapping.isShared {
      add(Int(mapping.device.major))
      add(Int(mapping.device.minor))
      add(mapping.inode)
      add(Int(truncatingIfNeeded: address - mapping.range.start + mapping.offset))
    } else {
      add(Int(process.pointee.pid))
      name.append("-own")
      add(Int(truncatingIfNeeded: address))
    }
    name.append(0)
    return name.start
  }
}
