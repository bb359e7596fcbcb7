import CEngine
import CWire
import Wire

// Sockets and open files as netstat(1), sockstat(1) and fstat(1) ask of FreeBSD's kernel: lists of control blocks between
// two generations (sys/netinet/{in_pcb,tcp_var}.h, sys/sys/{socketvar,unpcb,file}.h). A socket's address is its inode on
// Linux, which both the lists and the files tell.

enum SocketList { case tcp, udp, raw }

/// net.inet.tcp.pcblist, net.inet.udp.pcblist, net.inet.raw.pcblist
func internetSockets(_ list: SocketList, _ request: inout SysctlRequest) -> Int {
  let call = request.call
  guard let memory = call.scratch(2048) else { return call.error(ENOMEM) }
  putGeneration(call, call.table.size(.xinpgen), &request)
  var limits = list == .tcp ? ListenLimits(call) : nil
  let mark = call.thread.pointee.scratch_used
  for isNewer in [false, true] {
    let path: StaticString
    switch list {
    case .tcp: path = isNewer ? "/proc/net/tcp6" : "/proc/net/tcp"
    case .udp: path = isNewer ? "/proc/net/udp6" : "/proc/net/udp"
    case .raw: path = isNewer ? "/proc/net/raw6" : "/proc/net/raw"
    }
    limits?.read(isNewer)
    var file = HostFile(call, path)
    file.skipLine()
    while file.peek() != nil {
      if let size = socketLine(&file, call.table, memory, list, isNewer, limits) { request.put(memory, size) }
      file.skipLine()
    }
    call.thread.pointee.scratch_used = mark
  }
  putGeneration(call, call.table.size(.xinpgen), &request)
  return 0
}

/// struct xinpgen or xunpgen: its size, how many there are, and two generations; nothing changes while Linux tells.
private func putGeneration(_ call: Call, _ size: Int, _ request: inout SysctlRequest) {
  guard let memory = call.scratch(size) else { return }
  clear(memory, size)
  memory.put(UInt64(size), at: 0)
  request.put(memory, size)
}

/// The entry for a line of a table; its size, nil when the line is none.
private func socketLine(
  _ file: inout HostFile, _ table: Table, _ memory: UnsafeMutableRawPointer, _ list: SocketList, _ isNewer: Bool,
  _ limits: ListenLimits?
) -> Int? {
  guard let line = InternetSocket(&file, isNewer: isNewer) else { return nil }
  let whole = table.size(list == .tcp ? .xtcpcb : .xinpcb)
  clear(memory, whole)
  memory.put(UInt64(whole), at: 0)
  // Until 10 struct xtcpcb holds the kernel's own blocks, and the socket behind them.
  let apart = list == .tcp ? table.layout(.xtcpcb__xt_socket) : nil
  let base = memory + (list == .tcp && apart == nil ? table.layout(.xtcpcb__xt_inp)?.offset ?? 0 : 0)
  let block = Record(base, table)
  let socketBase = apart.map { memory + $0.offset } ?? base + (table.layout(.xinpcb__xi_socket)?.offset ?? 0)
  let socket = Record(socketBase, table)
  func put(_ end: InternetEnd, _ address: FieldName, _ port: FieldName) {
    // An address of 4 bytes stands at the end of the room for one of 16.
    if let place = table.layout(address)?.offset {
      for word in 0..<(isNewer ? 4 : 1) { base.put(end.words[word], at: place + (isNewer ? 4 * word : 12)) }
    }
    block[port] = UInt64(end.port.byteSwapped)
  }
  put(line.local, .xinpcb__inp_laddr, .xinpcb__inp_lport)
  put(line.peer, .xinpcb__inp_faddr, .xinpcb__inp_fport)
  block[.xinpcb__inp_vflag] = isNewer ? 2 : 1
  block[.xinpcb__inp_ip_ttl] = 64
  block[.xinpcb__inp_socket] = line.inode
  let protocolNumber: UInt64 = list == .tcp ? 6 : list == .udp ? 17 : UInt64(line.local.port)
  block[.xinpcb__inp_ip_p] = protocolNumber
  if list == .raw { block[.xinpcb__inp_lport] = 0 }
  if list == .tcp { Record(memory, table)[.xtcpcb__t_state] = UInt64(tcpState(line.state)) }
  // SOCK_STREAM 1, SOCK_DGRAM 2, SOCK_RAW 3; AF_INET 2, AF_INET6 28.
  describe(socket, line.inode, list == .tcp ? 1 : list == .udp ? 2 : 3)
  socket[.xsocket__xso_protocol] = protocolNumber
  socket[.xsocket__xso_family] = isNewer ? 28 : 2
  socket[.xsocket__so_uid] = UInt64(line.user)
  let listens = list == .tcp && line.state == Int(SocketDiagnosis.listening)
  socket[.xsocket__so_rcv_cc] = listens ? 0 : line.receiving
  socket[.xsocket__so_snd_cc] = line.sending
  if listens {
    // Of a listening socket Linux's queue is what waits to be accepted.
    socket[.xsocket__so_qlen] = line.receiving
    socket[.xsocket__so_qlimit] = limits?[line.inode] ?? 0
    // SO_ACCEPTCONN
    socket[.xsocket__so_options] = 2
  }
  return whole
}

private func describe(_ socket: Record, _ inode: UInt64, _ type: UInt64) {
  socket[.xsocket__xso_len] = UInt64(socket.table.size(.xsocket))
  socket[.xsocket__xso_so] = inode
  socket[.xsocket__so_pcb] = inode
  socket[.xsocket__so_type] = type
}

/// TCPS_* of netinet/tcp_fsm.h for Linux's TCP_* of net/tcp_states.h.
private func tcpState(_ state: Int) -> Int {
  let states: InlineArray<13, UInt8> = [0, 4, 2, 3, 6, 9, 10, 0, 5, 8, 1, 7, 3]
  return state < 13 ? Int(states[state]) : 0
}

/// net.local.stream.pcblist and its kin: struct xunpcb of /proc/net/unix, whose lines are "0: 00000002 00000000 00010000
/// 0001 01 12345 /path".
func localSockets(_ type: UInt64, _ request: inout SysctlRequest) -> Int {
  let call = request.call
  let size = call.table.size(.xunpcb)
  let generation = 32
  guard let memory = call.scratch(size), let own = call.table.layout(.xunpcb__xu_addr),
    let place = call.table.layout(.xunpcb__xu_socket)
  else { return call.error(ENOMEM) }
  guard let buffer = call.scratch(Netlink.capacity) else { return call.error(ENOMEM) }
  let facts = Netlink(buffer, protocolNumber: SocketDiagnosis.netlinkProtocol)
  putGeneration(call, generation, &request)
  var file = HostFile(call, "/proc/net/unix")
  file.skipLine()
  while let line = LocalSocket(&file) {
    let inode = line.inode
    clear(memory, size)
    memory.put(UInt64(size), at: 0)
    let block = Record(memory, call.table)
    block[.xunpcb__xu_unpp] = inode
    if let first = file.peek(), first != 0x0a {
      var length = 0
      while length < 103, let next = file.peek(), next != 0x0a {
        memory.put(next, at: own.offset + 2 + length)
        length += 1
        file.byte()
      }
      memory.put(UInt8(length + 3), at: own.offset)
      memory.put(UInt8(1), at: own.offset + 1)
      block[.xunpcb__unp_addr] = inode
    }
    file.skipLine()
    guard line.type == type else { continue }
    let socket = Record(memory + place.offset, call.table)
    describe(socket, inode, type)
    socket[.xsocket__xso_family] = 1
    let more = SocketDiagnosis.local(facts, inode)
    block[.xunpcb__unp_conn] = more.peer
    if more.isListening {
      socket[.xsocket__so_qlen] = more.waiting
      socket[.xsocket__so_qlimit] = more.limit
      // SO_ACCEPTCONN
      socket[.xsocket__so_options] = 2
    }
    request.put(memory, size)
  }
  putGeneration(call, generation, &request)
  return 0
}

// MARK: - Open files

/// DTYPE_* of sys/file.h
private enum DescriptorType {
  static let file: UInt64 = 1
  static let socket: UInt64 = 2
  static let pipe: UInt64 = 3
}

/// kern.file: struct xfile of each descriptor of each process that the caller may look at.
func fileTable(_ request: inout SysctlRequest) -> Int {
  let call = request.call
  let size = call.table.size(.xfile)
  guard let memory = call.scratch(size) else { return call.error(ENOMEM) }
  let file = Record(memory, call.table)
  var found = request
  let result = eachProcess(call) { pid in
    let mark = call.thread.pointee.scratch_used
    defer { call.thread.pointee.scratch_used = mark }
    guard let path = processFile(call, pid, "fd"), let status = call.scratch(144),
      quietly(__NR_stat, Int(bitPattern: path), status.word) == 0
    else { return true }
    // st_uid
    let user = status.get(at: 28, as: UInt32.self)
    eachNumber(call, in: path) { descriptor in
      clear(memory, size)
      let mark = call.thread.pointee.scratch_used
      defer { call.thread.pointee.scratch_used = mark }
      guard describe(call, pid, descriptor, file) else { return true }
      file[.xfile__xf_size] = UInt64(size)
      file[.xfile__xf_pid] = UInt64(pid)
      file[.xfile__xf_uid] = UInt64(user)
      file[.xfile__xf_fd] = UInt64(descriptor)
      file[.xfile__xf_count] = 1
      found.put(memory, size)
      return true
    }
    return true
  }
  request = found
  return result
}

/// What a descriptor leads to, its position and flags; false when it is gone.
private func describe(_ call: Call, _ pid: Int, _ descriptor: Int, _ file: Record) -> Bool {
  guard var path = ByteWriter(call, limit: 64), var details = ByteWriter(call, limit: 64), let status = call.scratch(144)
  else { return false }
  path.append("/proc/")
  path.append(decimal: pid)
  path.append("/fd/")
  path.append(decimal: descriptor)
  path.append(0)
  guard quietly(__NR_stat, path.start.word, status.word) == 0 else { return false }
  let inode = status.get(at: 8, as: UInt64.self)
  switch status.get(at: 24, as: UInt32.self) & 0o170000 {
  case 0o140000: file[.xfile__xf_type] = DescriptorType.socket
  case 0o010000: file[.xfile__xf_type] = DescriptorType.pipe
  default:
    file[.xfile__xf_type] = DescriptorType.file
    file[.xfile__xf_vnode] = inode
  }
  file[.xfile__xf_data] = inode
  file[.xfile__xf_file] = inode
  details.append("/proc/")
  details.append(decimal: pid)
  details.append("/fdinfo/")
  details.append(decimal: descriptor)
  details.append(0)
  var info = HostFile(call, UnsafeRawPointer(details.start))
  if info.find("pos:"), let position = info.decimal() { file[.xfile__xf_offset] = UInt64(position) }
  info.skipLine()
  // O_ACCMODE plus one is FREAD and FWRITE; the flags are octal.
  if info.find("flags:") {
    while info.peek() == 0x09 { info.byte() }
    var flags: UInt64 = 0
    while let digit = info.peek(), 0x30...0x37 ~= digit {
      flags = flags << 3 | UInt64(digit - 0x30)
      info.byte()
    }
    file[.xfile__xf_flag] = (flags & 3) + 1
  }
  return true
}
