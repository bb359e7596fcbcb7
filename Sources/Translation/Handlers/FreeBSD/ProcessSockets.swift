import CEngine
import CWire

// What struct kinfo_file says of a socket: its domain, type and protocol, both addresses, and the kernel's blocks, which are
// known by the socket's inode as in the lists of sockets. Source: fill_socket_info() of kern/kern_descrip.c and
// soo_fill_kinfo() of kern/sys_socket.c.

private enum SocketEntry {
  /// kf_sock_sendq since 12, kf_vnode_type before.
  static let sending = 32
  static let domain = 36
  static let type = 40
  static let protocolNumber = 44
  static let local = 48
  static let peer = 176
  static let block = 304
  static let internetBlock = 312
  static let connected = 320
  static let sendingState = 328
  static let receivingState = 330
  static let receiving = 332
  static let path = 368
}

/// What Linux's tables tell of one socket: head and two addresses of Linux's in memory of the engine.
private enum Found {
  static let inode = 0
  static let family = 8
  static let type = 12
  static let protocolNumber = 16
  static let sending = 24
  static let receiving = 32
  static let local = 40
  static let peer = 168
  static let size = 296
}

/// The sockets that a process has open, with what the tables of its network tell of them.
struct ProcessSockets: ~Copyable {
  private let call: Call
  private let memory: UnsafeMutableRawPointer
  private let count: Int

  deinit { persona_release(memory) }

  /// Looks for those of the process whose descriptors `folder` has; nil where there is no memory.
  init?(_ call: Call, _ pid: Int, _ folder: UnsafeRawPointer) {
    var inodes = ProcessNumbers()
    let mark = call.thread.pointee.scratch_used
    defer { call.thread.pointee.scratch_used = mark }
    eachNumber(call, in: folder) { descriptor in
      let mark = call.thread.pointee.scratch_used
      defer { call.thread.pointee.scratch_used = mark }
      guard let path = descriptorPath(call, pid, descriptor), let link = call.scratch(64) else { return false }
      let length = quietly(__NR_readlinkat, -100, Int(bitPattern: path), link.word, 64)
      guard let inode = socketInode(link, length) else { return true }
      return inodes.append(Int(truncatingIfNeeded: inode))
    }
    guard !inodes.isIncomplete else { return nil }
    guard let memory = persona_allocate(max(inodes.count, 1) * Found.size) else { return nil }
    self.call = call
    self.memory = memory
    count = inodes.count
    clear(memory, count * Found.size)
    for index in 0..<count {
      memory.put(UInt64(UInt32(truncatingIfNeeded: inodes[index])), at: index * Found.size + Found.inode)
    }
    if count == 0 { return }
    read(pid, "net/tcp", isNewer: false, 1, 6)
    read(pid, "net/tcp6", isNewer: true, 1, 6)
    read(pid, "net/udp", isNewer: false, 2, 17)
    read(pid, "net/udp6", isNewer: true, 2, 17)
    read(pid, "net/raw", isNewer: false, 3, 0)
    read(pid, "net/raw6", isNewer: true, 3, 0)
    read(pid, "net/icmp", isNewer: false, 2, 1)
    read(pid, "net/icmp6", isNewer: true, 2, 58)
    readLocal(pid)
  }

  private func place(_ inode: UInt64) -> UnsafeMutableRawPointer? {
    for index in 0..<count where memory.get(at: index * Found.size, as: UInt64.self) == inode { return memory + index * Found.size }
    return nil
  }

  /// A table of the Internet's: SOCK_* and IPPROTO_*, where a raw socket's protocol stands in place of a port.
  private func read(_ pid: Int, _ name: StaticString, isNewer: Bool, _ type: UInt32, _ protocolNumber: UInt32) {
    let mark = call.thread.pointee.scratch_used
    defer { call.thread.pointee.scratch_used = mark }
    guard let path = processFile(call, pid, name) else { return }
    var file = HostFile(call, path)
    file.skipLine()
    while file.peek() != nil {
      if let line = InternetSocket(&file, isNewer: isNewer), let found = place(line.inode) {
        found.put(UInt32(isNewer ? LinuxSocket.familyInternet6 : LinuxSocket.familyInternet), at: Found.family)
        found.put(type, at: Found.type)
        found.put(type == 3 ? UInt32(line.local.port) : protocolNumber, at: Found.protocolNumber)
        let listens = type == 1 && line.state == Int(SocketDiagnosis.listening)
        found.put(line.sending, at: Found.sending)
        found.put(listens ? 0 : line.receiving, at: Found.receiving)
        put(line.local, isNewer, type == 3, found + Found.local)
        put(line.peer, isNewer, type == 3, found + Found.peer)
      }
      file.skipLine()
    }
  }

  /// Linux's struct sockaddr_in or sockaddr_in6.
  private func put(_ end: InternetEnd, _ isNewer: Bool, _ isRaw: Bool, _ address: UnsafeMutableRawPointer) {
    address.put(isNewer ? LinuxSocket.familyInternet6 : LinuxSocket.familyInternet, at: 0)
    address.put(isRaw ? 0 : end.port.byteSwapped, at: 2)
    for word in 0..<(isNewer ? 4 : 1) { address.put(end.words[word], at: (isNewer ? 8 : 4) + 4 * word) }
  }

  private func readLocal(_ pid: Int) {
    let mark = call.thread.pointee.scratch_used
    defer { call.thread.pointee.scratch_used = mark }
    guard let path = processFile(call, pid, "net/unix") else { return }
    var file = HostFile(call, path)
    file.skipLine()
    while let line = LocalSocket(&file) {
      if let found = place(line.inode) {
        found.put(UInt32(LinuxSocket.familyUnix), at: Found.family)
        found.put(UInt32(truncatingIfNeeded: line.type), at: Found.type)
        let address = found + Found.local
        address.put(LinuxSocket.familyUnix, at: 0)
        // A relative name may begin with @ as an abstract one does here, which has no foreign spelling.
        if file.peek() == UInt8(ascii: "/") {
          var length = 0
          while length < LinuxSocket.pathBytes - 1, let next = file.peek(), next != 0x0a {
            address.put(next, at: 2 + length)
            length += 1
            file.byte()
          }
        }
      }
      file.skipLine()
    }
  }

  /// Completes an entry of struct kinfo_file for a socket; without a line of the tables, by the protocol's name alone.
  func fill(_ record: UnsafeMutableRawPointer, _ inode: UInt64, _ path: UnsafeRawPointer) {
    record.put(inode, at: SocketEntry.block)
    guard let found = place(inode), found.get(at: Found.family, as: UInt32.self) != 0 else {
      return fillUnlisted(record, path)
    }
    let family = UInt16(truncatingIfNeeded: found.get(at: Found.family, as: UInt32.self))
    describe(
      call, record, family, type: found.get(at: Found.type, as: UInt32.self),
      protocolNumber: found.get(at: Found.protocolNumber, as: UInt32.self))
    var sending = found.get(at: Found.sending, as: UInt64.self)
    var receiving = found.get(at: Found.receiving, as: UInt64.self)
    if family == LinuxSocket.familyUnix {
      fillLocal(record, inode, found, &sending, &receiving)
    } else if found.get(at: Found.protocolNumber, as: UInt32.self) == 6 {
      record.put(inode, at: SocketEntry.internetBlock)
    }
    put(found + Found.local, family, record + SocketEntry.local)
    put(found + Found.peer, family, record + SocketEntry.peer)
    if call.table.header.pointee.release >= 1_200_000 { record.put(UInt32(truncatingIfNeeded: sending), at: SocketEntry.sending) }
    record.put(UInt32(truncatingIfNeeded: receiving), at: SocketEntry.receiving)
  }

  /// A socket that no table lists has neither a peer nor, but for TCP's, an address: one of TCP's may be bound.
  private func fillUnlisted(_ record: UnsafeMutableRawPointer, _ path: UnsafeRawPointer) {
    guard let name = call.scratch(32), let address = call.scratch(LinuxSocket.longestAddress) else { return }
    let attribute: StaticString = "system.sockprotoname"
    clear(name, 32)
    guard quietly(__NR_getxattr, Int(bitPattern: path), Int(bitPattern: attribute.utf8Start), name.word, 31) > 0 else { return }
    func isCalled(_ text: StaticString) -> Bool {
      for index in 0...text.utf8CodeUnitCount where name.get(at: index, as: UInt8.self) != text.utf8Start[index] { return false }
      return true
    }
    let isNewer = isCalled("TCPv6") || isCalled("UDPv6")
    let family = isNewer ? LinuxSocket.familyInternet6 : LinuxSocket.familyInternet
    if isCalled("TCP") || isCalled("TCPv6") {
      describe(call, record, family, type: 1, protocolNumber: 6)
      record.put(record.get(at: SocketEntry.block, as: UInt64.self), at: SocketEntry.internetBlock)
    } else if isCalled("UDP") || isCalled("UDPv6") {
      describe(call, record, family, type: 2, protocolNumber: 17)
      clear(address, LinuxSocket.longestAddress)
      address.put(family, at: 0)
      put(address, family, record + SocketEntry.local)
      put(address, family, record + SocketEntry.peer)
    }
  }

  /// What is known of a local socket's name and of its peer.
  private func fillLocal(
    _ record: UnsafeMutableRawPointer, _ inode: UInt64, _ found: UnsafeMutableRawPointer, _ sending: inout UInt64,
    _ receiving: inout UInt64
  ) {
    let address = found + Found.peer
    address.put(LinuxSocket.familyUnix, at: 0)
    guard let buffer = call.scratch(Netlink.capacity) else { return }
    let facts = Netlink(buffer, protocolNumber: SocketDiagnosis.netlinkProtocol)
    _ = SocketDiagnosis.localName(facts, inode, found + Found.local + 2)
    let more = SocketDiagnosis.local(facts, inode)
    (sending, receiving) = (more.sending, more.receiving)
    guard more.peer != 0 else { return }
    record.put(more.peer, at: SocketEntry.connected)
    // SBS_CANTSENDMORE and SBS_CANTRCVMORE of sys/sockbuf.h.
    record.put(UInt16(more.shutdown & 2 != 0 ? 0x10 : 0), at: SocketEntry.sendingState)
    record.put(UInt16(more.shutdown & 1 != 0 ? 0x20 : 0), at: SocketEntry.receivingState)
    _ = SocketDiagnosis.localName(facts, more.peer, address + 2)
  }

  private func put(_ native: UnsafeMutableRawPointer, _ family: UInt16, _ foreign: UnsafeMutableRawPointer) {
    guard let address = call.scratch(LinuxSocket.longestAddress + 16) else { return }
    let length =
      family == LinuxSocket.familyInternet
      ? ForeignAddress.internetLength
      : family == LinuxSocket.familyInternet6 ? ForeignAddress.internet6Length : 2 + LinuxSocket.pathBytes
    let told = call.foreignAddress(NativeAddress(pointer: native, length: length), into: address)
    foreign.copyMemory(from: address, byteCount: min(told, LinuxSocket.longestAddress))
  }
}

/// The inode of a socket that a link of /proc names, "socket:[12345]".
func socketInode(_ link: UnsafeMutableRawPointer, _ length: Int) -> UInt64? {
  let title: StaticString = "socket:["
  guard length > title.utf8CodeUnitCount else { return nil }
  for index in 0..<title.utf8CodeUnitCount where link.get(at: index, as: UInt8.self) != title.utf8Start[index] { return nil }
  var inode: UInt64 = 0
  for index in title.utf8CodeUnitCount..<length {
    let digit = link.get(at: index, as: UInt8.self)
    guard 0x30...0x39 ~= digit else { break }
    inode = inode * 10 + UInt64(digit - 0x30)
  }
  return inode
}

/// "/proc/PID/fd/N", NUL-terminated.
func descriptorPath(_ call: Call, _ pid: Int, _ descriptor: Int) -> UnsafeRawPointer? {
  guard var path = ByteWriter(call, limit: 64) else { return nil }
  path.append("/proc/")
  path.append(decimal: pid)
  path.append("/fd/")
  path.append(decimal: descriptor)
  path.append(0)
  return UnsafeRawPointer(path.start)
}

/// Domain, type and protocol; the domain's name (dom_name) stands in place of a path.
private func describe(_ call: Call, _ record: UnsafeMutableRawPointer, _ family: UInt16, type: UInt32, protocolNumber: UInt32) {
  let domain = call.table.wellKnown(.address_family).flatMap { call.table.toForeign($0, UInt64(family)) } ?? 0
  record.put(UInt32(truncatingIfNeeded: domain), at: SocketEntry.domain)
  record.put(type, at: SocketEntry.type)
  record.put(protocolNumber, at: SocketEntry.protocolNumber)
  let name: StaticString =
    family == LinuxSocket.familyUnix ? "local" : family == LinuxSocket.familyInternet ? "internet" : "internet6"
  (record + SocketEntry.path).copyMemory(from: name.utf8Start, byteCount: name.utf8CodeUnitCount)
}
