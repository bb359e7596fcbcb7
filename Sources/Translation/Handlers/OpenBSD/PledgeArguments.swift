import CEngine
import CWire
import Wire

// What pledge(2) says of a call's arguments. Numbers are OpenBSD's calls, flags, requests and options.
// Source: sys/kern/kern_pledge.c, and the callers of its functions in vfs_syscalls.c, uipc_syscalls.c,
// kern_descrip.c, kern_sig.c and uvm_mmap.c.

extension Call {
  /// The rule that the call breaks, if any; `answer` receives an error that is no breach.
  func argumentBreach(_ answer: inout Int?) -> Breach? {
    let first = Int32(truncatingIfNeeded: words[0])
    switch number {
    case 5: return openBreach(words[1])  // open
    case 321: return openBreach(words[2])  // openat
    case 125:  // __pledge_open
      var opens = false
      return libraryOpenBreach(&answer, &opens)
    case 49, 74, 197: return executableBreach(words[2])  // mmap, mprotect, pad_mmap
    case 122:  // kill
      let isOwn = first == 0 || first == process.pointee.pid
      return isOwn ? nil : need(Promise.processes)
    case 92: return descriptorBreach(Int32(truncatingIfNeeded: words[1]))  // fcntl
    case 54: return requestBreach(UInt32(truncatingIfNeeded: words[1]), &answer)  // ioctl
    case 16, 254: ownerRule(words[1], words[2], &answer)  // chown, lchown
    case 123: ownerRule(words[1], words[2], &answer)  // fchown
    case 315: ownerRule(words[2], words[3], &answer)  // fchownat
    case 97:  // socket
      return domainBreach(UInt32(truncatingIfNeeded: words[0]), isForNames: words[1] & 0x1000 != 0)
    case 98, 104: return socketBreach(Int(first), words[1], words[2])  // connect, bind
    case 133:  // sendto
      if words[4] == 0 { return nil }
      return addressBreach() ?? (isForNames(Int(first)) ? portBreach(Int(first), words[4], words[5]) : nil)
    case 28: return messageBreach(words[1])  // sendmsg
    case 105, 118: return optionBreach(Int(first), UInt32(words[1] & 0xffff_ffff), UInt32(words[2] & 0xffff_ffff))
    case 202: return informationBreach()  // sysctl
    case 140: if words[0] != 0, promises & 0x2000 == 0 { answer = error(EPERM) }  // adjtime
    default: break
    }
    return nil
  }

  private func has(_ promise: UInt64) -> Bool { promises & promise != 0 }

  private func need(_ promise: UInt64) -> Breach? { has(promise) ? nil : (EPERM, promise) }

  private func openBreach(_ flags: UInt64) -> Breach? {
    var needed: UInt64 = 0
    if flags & 3 != 1 { needed |= Promise.readPath }  // O_WRONLY
    if flags & 3 != 0 { needed |= Promise.writePath }  // O_RDONLY
    if flags & 0x200 != 0 { needed |= Promise.createPath }  // O_CREAT
    if needed & ~promises != 0 { return (EPERM, needed & ~promises) }
    return flags & 0x30 != 0 ? need(Promise.locks) : nil  // O_SHLOCK, O_EXLOCK
  }

  private func executableBreach(_ protection: UInt64) -> Breach? {
    guard process.pointee.promised & PromiseState.bindingIsOver != 0, protection & 4 != 0 else { return nil }
    return need(Promise.executableMemory)
  }

  private func descriptorBreach(_ command: Int32) -> Breach? {
    switch command {
    case 6: need(Promise.processes)  // F_SETOWN
    case 7...9: need(Promise.locks)  // F_GETLK, F_SETLK, F_SETLKW
    default: nil
    }
  }

  /// Without "chown", only to oneself and one's groups; no breach, but EPERM.
  private func ownerRule(_ user: UInt64, _ group: UInt64, _ answer: inout Int?) {
    if has(Promise.anyOwner) { return }
    let (user, group) = (UInt32(truncatingIfNeeded: user), UInt32(truncatingIfNeeded: group))
    if user != .max, Int(user) != hostNow(__NR_geteuid) { answer = error(EPERM) }
    if group != .max, !isMember(group) { answer = error(EPERM) }
  }

  private func isMember(_ group: UInt32) -> Bool {
    if Int(group) == hostNow(__NR_getegid) { return true }
    guard let list = scratch(4 * 1024) else { return false }
    for index in 0..<max(0, hostNow(__NR_getgroups, 1024, list.word)) {
      if list.load(fromByteOffset: 4 * index, as: UInt32.self) == group { return true }
    }
    return false
  }

  private func requestBreach(_ request: UInt32, _ answer: inout Int?) -> Breach? {
    if let allowed = allowsDevice(request, &answer) { return allowed ? nil : (EPERM, Promise.terminal) }
    switch request {
    case 0x4004_667f, 0x8004_667e, 0x2000_6601, 0x2000_6602: return nil  // FIONREAD FIONBIO FIOCLEX FIONCLEX
    case 0x4004_7307, 0xc028_6988:  // SIOCATMARK SIOCGIFGROUP
      return has(Promise.internet) && isSocket(words[0]) ? nil : (EPERM, Promise.terminal)
    case 0xc020_6921, 0xc120_6949, 0xc120_6951, 0xc020_691b, 0xc020_6981, 0xc020_6911, 0xc020_6917, 0xc028_698a,
      // SIOCGIF: ADDR AFLAG_IN6 ALIFETIME_IN6 DATA DESCR FLAGS METRIC GMEMB RDOMAIN DSTADDR_IN6 NETMASK_IN6 XFLAGS INFO_IN6
      // MEDIA; SIOCGNBRINFO_IN6
      0xc020_69a0, 0xc120_6922, 0xc120_6925, 0xc020_699e, 0xc018_696c, 0xc040_6938, 0xc038_694e:
      return has(Promise.routes) && isSocket(words[0]) ? nil : (EPERM, Promise.terminal)
    case 0x8040_691a, 0x8020_6919, 0x8080_691a, 0x8120_6919, 0x8020_697f:
      // SIOCAIFADDR SIOCDIFADDR SIOCAIFADDR_IN6 SIOCDIFADDR_IN6 SIOCSIFMTU
      return has(Promise.writeRoutes) && isSocket(words[0]) ? nil : (EPERM, Promise.terminal)
    case 0x8004_7476:  // TIOCSPGRP
      return has(Promise.terminal) && has(Promise.processes) ? nil : (EPERM, Promise.terminal)
    case 0x8004_7410, 0x2000_746e, 0x4004_7477, 0x402c_7413, 0x4008_7468, 0x2000_7465:
      // TIOCFLUSH TIOCSTART TIOCGPGRP TIOCGETA TIOCGWINSZ TIOCSTAT: ENOTTY of what is no terminal
      return need(Promise.terminal)
    case 0x8008_7467, 0x8004_7460, 0x2000_747a, 0x2000_747b, 0x2000_7478, 0x2000_7479, 0x2000_740d,
      // TIOCSWINSZ TIOCEXT TIOCCBRK TIOCSBRK TIOCCDTR TIOCSDTR TIOCEXCL TIOCSETA TIOCSETAW TIOCSETAF TIOCSCTTY
      0x802c_7414, 0x802c_7415, 0x802c_7416, 0x2000_7461:
      return has(Promise.terminal) && isTerminal(words[0]) ? nil : (EPERM, Promise.terminal)
    default: return (EPERM, Promise.terminal)
    }
  }

  func isTerminal(_ descriptor: UInt64) -> Bool {
    guard let size = scratch(8) else { return false }
    return hostNow(__NR_ioctl, Int(Int32(truncatingIfNeeded: descriptor)), 0x5413, size.word) >= 0  // TIOCGWINSZ
  }

  private func domainBreach(_ domain: UInt32, isForNames: Bool) -> Breach? {
    if isForNames { return need(Promise.names) }
    switch domain {
    case 2, 24: return need(Promise.internet)  // AF_INET, AF_INET6
    case 1: return need(Promise.local)  // AF_UNIX
    default: return (EINVAL, Promise.internet)
    }
  }

  /// Linux's family of a socket; 0 when it is none.
  private func family(_ descriptor: Int) -> Int {
    guard let memory = scratch(16) else { return 0 }
    memory.storeBytes(of: 4, toByteOffset: 8, as: UInt32.self)
    let result = hostNow(__NR_getsockopt, descriptor, 1, 39, memory.word, memory.word + 8)  // SO_DOMAIN
    return result < 0 ? 0 : Int(memory.load(as: Int32.self))
  }

  private func isSocket(_ descriptor: UInt64) -> Bool { family(Int(Int32(truncatingIfNeeded: descriptor))) != 0 }

  /// pledge_socket, and dns_portcheck for a socket that is for names only.
  private func socketBreach(_ descriptor: Int, _ address: UInt64, _ length: UInt64) -> Breach? {
    switch family(descriptor) {
    case 0: return nil
    case 1: return need(Promise.local)
    case 2, 10:
      guard isForNames(descriptor) else { return need(Promise.internet) }
      return need(Promise.names) ?? portBreach(descriptor, address, length)
    default: return (EINVAL, Promise.internet)
    }
  }

  private func portBreach(_ descriptor: Int, _ address: UInt64, _ length: UInt64) -> Breach? {
    isNameServer(descriptor, address, length) ? nil : (EPERM, Promise.names)
  }

  /// dns_portcheck: a whole address of the socket's family, with port 53; true for one that cannot be read.
  private func isNameServer(_ descriptor: Int, _ address: UInt64, _ length: UInt64) -> Bool {
    // struct sockaddr_in and sockaddr_in6 have the port at the same place, in network order.
    guard UInt32(truncatingIfNeeded: length) >= (family(descriptor) == 10 ? 28 : 16) else { return false }
    var port: UInt16 = 0
    return !read(&port, at: address &+ 2) || port == UInt16(53).bigEndian
  }

  /// Without promises a socket that is for names only fails with EINVAL elsewhere.
  func asksNoNameServer() -> Bool {
    let (address, length): (UInt64, UInt64)
    switch number {
    case 98, 104: (address, length) = (words[1], words[2])  // connect, bind
    case 133 where words[4] != 0: (address, length) = (words[4], words[5])  // sendto
    default: return false
    }
    let descriptor = Int(Int32(truncatingIfNeeded: words[0]))
    return isForNames(descriptor) && !isNameServer(descriptor, address, length)
  }

  private func addressBreach() -> Breach? {
    has(Promise.internet | Promise.local | Promise.names) ? nil : (EPERM, Promise.internet)
  }

  /// struct msghdr: a name is an address, SCM_RIGHTS needs "sendfd".
  private func messageBreach(_ address: UInt64) -> Breach? {
    guard let message = scratch(48), copyIn(message, address, 48) else { return nil }
    if message.load(as: UInt64.self) != 0, let breach = addressBreach() { return breach }
    return sentBreach(address)
  }

  private func optionBreach(_ descriptor: Int, _ level: UInt32, _ name: UInt32) -> Breach? {
    let family = family(descriptor)
    if family == 0 { return nil }
    let isInternet = family == 2 || family == 10
    switch (level, name) {
    case (0xffff, 0x1002), (0xffff, 0x1007): return nil  // SO_RCVBUF, SO_ERROR
    case (6, 1) where isInternet || family == 1: return nil  // TCP_NODELAY
    case (0, 3) where isInternet: return nil  // IP_TOS
    case (41, 61) where family == 10: return nil  // IPV6_TCLASS
    case (0xffff, 0x1021) where has(Promise.writeRoutes): return nil  // SO_RTABLE
    default: break
    }
    if let breach = addressBreach() { return breach }
    if level == 0xffff, name == 0x800 { return nil }  // SO_TIMESTAMP
    if has(Promise.names), family == 10, level == 41, name == 36 || name == 42 { return nil }
    guard has(Promise.internet | Promise.local) else { return (EPERM, Promise.internet) }
    if level == 0xffff { return name == 0x1021 ? (EINVAL, Promise.writeRoutes) : nil }
    guard has(Promise.internet), isInternet else { return (EPERM, Promise.internet) }
    return isOrdinary(level, name, family) ? nil : (EPERM, Promise.internet)
  }

  /// Options of the protocols that "inet" allows, and of multicast with "mcast".
  private func isOrdinary(_ level: UInt32, _ name: UInt32, _ family: Int) -> Bool {
    switch (level, name) {
    case (6, 4), (6, 8), (6, 2), (6, 16), (6, 9): true
    case (0, 1) where family == 2: number == 118  // IP_OPTIONS, only to be read
    case (0, 4), (0, 32), (0, 37), (0, 19), (0, 7), (0, 33): family == 2
    case (0, 9...13): family == 2 && has(Promise.multicast)
    case (41, 62), (41, 4), (41, 65), (41, 37), (41, 14), (41, 36), (41, 64), (41, 57), (41, 27): family == 10
    case (41, 9...13): family == 10 && has(Promise.multicast)
    default: false
    }
  }
}
