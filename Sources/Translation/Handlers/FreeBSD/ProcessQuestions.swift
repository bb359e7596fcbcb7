import CEngine
import CWire

// kern.proc's questions about one process, which procstat(1) and fstat(1) ask: open files, mappings, environment,
// groups, limits, mask of modes. Source: sys/user.h, kern/{kern_descrip,kern_proc,kern_resource}.c.

/// struct kinfo_file up to its path; the fields of files of before and since 12 lie apart, and both are told.
private enum FileEntry {
  static let type = 4
  static let descriptor = 8
  static let references = 12
  static let flags = 16
  static let offset = 24
  static let vnodeType = 32
  static let links = 280
  static let filesystem = 288
  static let device = 296
  static let fileNumber = 304
  static let fileSize = 312
  static let shortFilesystem = 320
  static let shortDevice = 324
  static let mode = 328
  static let status = 336
  static let path = 368
  static let longestPath = 1024
  /// KF_FD_TYPE_CWD, KF_FD_TYPE_ROOT, KF_FD_TYPE_TEXT
  static let directory: Int32 = -1
  static let root: Int32 = -2
  static let text: Int32 = -5
}

/// struct kinfo_vmentry up to its path.
private enum MapEntry {
  static let type = 4
  static let start = 8
  static let end = 16
  static let offset = 24
  static let fileNumber = 32
  static let resident = 48
  static let privateResident = 52
  static let protection = 56
  static let references = 60
  static let path = 136
  static let longestPath = 1024
}

/// The process that a question is about; nil if it says more or less than that.
func askedProcess(_ argument: MIB, _ call: Call) -> Int? {
  guard argument.count == 1 else { return nil }
  let number = Int32(bitPattern: argument[0])
  return number == -1 ? Int(call.process.pointee.pid) : Int(number)
}

/// Calls `tell` with what /proc tells of that process behind `title`, at the beginning of a line.
private func tellStatus(
  _ argument: MIB, _ request: inout SysctlRequest, _ title: StaticString,
  _ tell: (inout HostFile, inout SysctlRequest) -> Void
) -> Int {
  let call = request.call
  guard let pid = askedProcess(argument, call) else { return call.error(EINVAL) }
  guard let path = processFile(call, pid, "status") else { return call.error(ENOMEM) }
  var file = HostFile(call, path)
  guard file.find(title) else { return call.error(ESRCH) }
  tell(&file, &request)
  return 0
}

/// Adds a record of the length that its path leaves it, in whole words. False where there is no room for it: the list ends
/// there, without an error (export_kinfo_to_sb() of kern/kern_descrip.c).
private func put(_ record: UnsafeMutableRawPointer, path: Int, _ request: inout SysctlRequest) -> Bool {
  let length = (path + textLength(record + path) + 1 + 7) & ~7
  record.put(Int32(length), at: 0)
  return request.put(whole: record, length)
}

/// A length without a list leaves room for what is opened and mapped meanwhile: to look at it takes longer than in a kernel.
private func leaveRoom(_ request: inout SysctlRequest) {
  if request.old == 0 { request.skip(Int(request.produced)) }
}

// MARK: - Files

/// kern.proc.filedesc, and kern.proc.cwd, which is its one entry.
func processFiles(_ argument: MIB, onlyDirectory: Bool, _ request: inout SysctlRequest) -> Int {
  let call = request.call
  guard let pid = askedProcess(argument, call) else { return call.error(EINVAL) }
  guard let record = call.scratch(FileEntry.path + FileEntry.longestPath), let link = call.scratch(4097) else {
    return call.error(ENOMEM)
  }
  guard quietly(__NR_kill, pid, 0) != -Int(ESRCH) else { return call.error(ESRCH) }
  var hasRoom = true
  func add(_ name: StaticString, _ descriptor: Int32) {
    let mark = call.thread.pointee.scratch_used
    defer { call.thread.pointee.scratch_used = mark }
    guard hasRoom, let path = processFile(call, pid, name) else { return }
    if fill(call, record, link, path, descriptor, pid) { hasRoom = put(record, path: FileEntry.path, &request) }
  }
  if !onlyDirectory { add("exe", FileEntry.text) }
  add("cwd", FileEntry.directory)
  if onlyDirectory { return 0 }
  add("root", FileEntry.root)
  guard let folder = processFile(call, pid, "fd") else { return call.error(ENOMEM) }
  let sockets = request.old == 0 ? nil : ProcessSockets(call, pid, folder)
  let result = eachNumber(call, in: folder) { descriptor in
    let mark = call.thread.pointee.scratch_used
    defer { call.thread.pointee.scratch_used = mark }
    guard let path = descriptorPath(call, pid, descriptor) else { return false }
    guard hasRoom, fill(call, record, link, path, Int32(descriptor), pid) else { return hasRoom }
    if let inode = socketInode(link, 64) { sockets?.fill(record, inode, path) }
    hasRoom = put(record, path: FileEntry.path, &request)
    return hasRoom
  }
  leaveRoom(&request)
  return result == call.error(EACCES) ? call.error(EPERM) : 0
}

/// One file that a link of /proc leads to; false if it is gone, or not to be seen.
private func fill(
  _ call: Call, _ record: UnsafeMutableRawPointer, _ link: UnsafeMutableRawPointer, _ name: UnsafeRawPointer,
  _ descriptor: Int32, _ pid: Int
) -> Bool {
  clear(record, FileEntry.path + FileEntry.longestPath)
  let length = quietly(__NR_readlinkat, -100, Int(bitPattern: name), link.word, 4096)
  // struct stat: st_dev 0, st_ino 8, st_nlink 16, st_mode 24, st_rdev 40, st_size 48.
  guard length > 0, let status = call.scratch(144) else { return false }
  guard quietly(__NR_newfstatat, -100, Int(bitPattern: name), status.word, 0) == 0 else { return false }
  let mode = status.get(at: 24, as: UInt32.self)
  record.put(descriptor, at: FileEntry.descriptor)
  record.put(Int32(1), at: FileEntry.references)
  record.put(fileType(link, length, mode), at: FileEntry.type)
  if descriptor >= 0 { readState(call, record, descriptor, pid) }
  // What is not in a folder has no path, and of what is else, nothing more is known than what it is.
  guard link.get(at: 0, as: UInt8.self) == UInt8(ascii: "/") else { return true }
  let device = status.get(at: 40, as: UInt64.self)
  let filesystem = status.get(at: 0, as: UInt64.self)
  record.put(vnodeType(mode), at: FileEntry.vnodeType)
  record.put(status.get(at: 16, as: UInt64.self), at: FileEntry.links)
  record.put(filesystem, at: FileEntry.filesystem)
  record.put(UInt32(truncatingIfNeeded: filesystem), at: FileEntry.shortFilesystem)
  record.put(device, at: FileEntry.device)
  record.put(UInt32(truncatingIfNeeded: device), at: FileEntry.shortDevice)
  record.put(status.get(at: 8, as: UInt64.self), at: FileEntry.fileNumber)
  record.put(status.get(at: 48, as: UInt64.self), at: FileEntry.fileSize)
  record.put(UInt16(truncatingIfNeeded: mode), at: FileEntry.mode)
  // KF_ATTR_VALID
  record.put(UInt16(1), at: FileEntry.status)
  var shown = length
  if descriptor == FileEntry.text, let program = guestProgram(call, pid, link, room: 4096) { shown = program }
  shown = call.renameForeign(link, shown)
  (record + FileEntry.path).copyMemory(from: link, byteCount: min(shown, FileEntry.longestPath - 1))
  return true
}

/// KF_TYPE_*, by what Linux calls the file, or by its mode.
private func fileType(_ link: UnsafeMutableRawPointer, _ length: Int, _ mode: UInt32) -> Int32 {
  func begins(_ text: StaticString) -> Bool {
    guard length >= text.utf8CodeUnitCount else { return false }
    for index in 0..<text.utf8CodeUnitCount where link.get(at: index, as: UInt8.self) != text.utf8Start[index] {
      return false
    }
    return true
  }
  if begins("pipe:") { return 3 }
  if begins("anon_inode:[eventpoll]") { return 5 }
  if begins("anon_inode:[pidfd]") { return 11 }
  if begins("anon_inode:[eventfd]") { return 13 }
  if begins("/memfd:") { return 8 }
  if mode & 0o170000 == 0o140000 { return 2 }
  if !begins("/") { return 255 }
  return mode & 0o170000 == 0o010000 ? 4 : 1
}

/// KF_VTYPE_*
private func vnodeType(_ mode: UInt32) -> Int32 {
  switch mode & 0o170000 {
  case 0o100000: 1
  case 0o040000: 2
  case 0o060000: 3
  case 0o020000: 4
  case 0o120000: 5
  case 0o140000: 6
  case 0o010000: 7
  default: 255
  }
}

/// The place in the file, and KF_FLAG_READ, _WRITE, _APPEND and _NONBLOCK.
private func readState(_ call: Call, _ record: UnsafeMutableRawPointer, _ descriptor: Int32, _ pid: Int) {
  guard var path = ByteWriter(call, limit: 64) else { return }
  path.append("/proc/")
  path.append(decimal: pid)
  path.append("/fdinfo/")
  path.append(decimal: Int(descriptor))
  path.append(0)
  var file = HostFile(call, UnsafeRawPointer(path.start))
  record.put(Int64(file.number(after: "pos:")), at: FileEntry.offset)
  file.skipLine()
  let flags = file.find("flags:") ? octal(&file) : 0
  // O_ACCMODE, O_APPEND, O_NONBLOCK of asm-generic/fcntl.h.
  var told: Int32 = flags & 3 == 0 ? 1 : flags & 3 == 1 ? 2 : 3
  if flags & 0o2000 != 0 { told |= 4 }
  if flags & 0o4000 != 0 { told |= 0x20 }
  record.put(told, at: FileEntry.flags)
}

private func octal(_ file: inout HostFile) -> Int {
  while file.peek() == 0x20 || file.peek() == 0x09 { file.byte() }
  var value = 0
  while let next = file.peek(), next >= 0x30, next <= 0x37 {
    value = value << 3 | Int(next - 0x30)
    file.byte()
  }
  return value
}

// MARK: - Mappings

/// kern.proc.vmmap: what /proc tells of the process's mappings, the engine's own left out.
func processMappings(_ argument: MIB, _ request: inout SysctlRequest) -> Int {
  let call = request.call
  guard let pid = askedProcess(argument, call) else { return call.error(EINVAL) }
  guard let path = processFile(call, pid, "smaps"), let record = call.scratch(MapEntry.path + MapEntry.longestPath) else {
    return call.error(ENOMEM)
  }
  var file = HostFile(call, path)
  guard file.isOpen else { return call.error(quietly(__NR_kill, pid, 0) == -Int(ESRCH) ? ESRCH : EPERM) }
  while let start = file.hexadecimal() {
    clear(record, MapEntry.path + MapEntry.longestPath)
    file.byte()
    record.put(start, at: MapEntry.start)
    record.put(file.hexadecimal() ?? 0, at: MapEntry.end)
    file.byte()
    // "rwxp", as KVME_PROT_READ, _WRITE and _EXEC.
    var protection: Int32 = 0
    for bit in 0..<4 where (file.byte() ?? UInt8(ascii: "-")) != UInt8(ascii: "-") && bit < 3 { protection |= 1 << Int32(bit) }
    record.put(protection, at: MapEntry.protection)
    file.byte()
    let offset = file.hexadecimal() ?? 0
    file.skipWord()
    let number = UInt64(file.decimal() ?? 0)
    while file.peek() == 0x20 { file.byte() }
    let isFile = file.peek() == UInt8(ascii: "/")
    var length = 0
    while let next = file.byte(), next != 0x0a {
      if isFile, length < MapEntry.longestPath - 1 { record.put(next, at: MapEntry.path + length) }
      length += 1
    }
    if isFile {
      record.put(offset, at: MapEntry.offset)
      record.put(number, at: MapEntry.fileNumber)
    }
    // KVME_TYPE_VNODE, KVME_TYPE_DEFAULT
    record.put(Int32(isFile ? 2 : 1), at: MapEntry.type)
    record.put(Int32(1), at: MapEntry.references)
    record.put(Int32(truncatingIfNeeded: file.number(after: "Rss:") / 4), at: MapEntry.resident)
    let own = file.number(after: "Private_Clean:") + file.number(after: "Private_Dirty:")
    record.put(Int32(truncatingIfNeeded: own / 4), at: MapEntry.privateResident)
    guard file.find("VmFlags:") else { break }
    file.skipLine()
    if start >= PERSONA_RESERVED_START, start < PERSONA_RESERVED_END { continue }
    if isFile {
      let place = record + MapEntry.path
      let mark = call.thread.pointee.scratch_used
      let shown = call.renameForeign(place, min(length, MapEntry.longestPath - 1))
      place.put(UInt8(0), at: shown)
      call.thread.pointee.scratch_used = mark
    }
    guard put(record, path: MapEntry.path, &request) else { break }
  }
  leaveRoom(&request)
  return 0
}

// MARK: - Smaller things

/// kern.proc.groups: the effective group, then the others.
func processGroups(_ argument: MIB, _ request: inout SysctlRequest) -> Int {
  tellStatus(argument, &request, "Gid:") { file, request in
    _ = file.decimal()
    request.put(UInt32(truncatingIfNeeded: file.decimal() ?? 0))
    file.skipLine()
    guard file.find("Groups:") else { return }
    while let group = file.decimal() { request.put(UInt32(truncatingIfNeeded: group)) }
  }
}

/// kern.proc.umask
func processMask(_ argument: MIB, _ request: inout SysctlRequest) -> Int {
  tellStatus(argument, &request, "Umask:") { file, request in request.put(UInt16(truncatingIfNeeded: octal(&file))) }
}

/// kern.proc.rlimit: of one process and one resource.
func processLimit(_ argument: MIB, _ request: inout SysctlRequest) -> Int {
  let call = request.call
  guard argument.count == 2 else { return call.error(EINVAL) }
  let pid = Int(Int32(bitPattern: argument[0]))
  // RLIMIT_CPU to RLIMIT_PIPEBUF of sys/resource.h, as Linux numbers them; -1 where it has none.
  let resources: InlineArray<16, Int8> = [0, 1, 2, 3, 4, 5, 8, 6, 7, -1, 9, -1, -1, -1, -1, -1]
  guard argument[1] < 16 else { return call.error(EINVAL) }
  var limits: InlineArray<2, UInt64> = [.max, .max]
  let resource = resources[Int(argument[1])]
  if resource >= 0 {
    let result = withUnsafeMutablePointer(to: &limits) {
      quietly(__NR_prlimit64, pid, Int(resource), 0, Int(bitPattern: $0))
    }
    if result < 0 { return result }
  }
  // RLIM_INFINITY
  for index in 0..<2 { request.put(min(limits[index], UInt64(Int64.max))) }
  return 0
}

/// kern.proc.osrel: all programs of the system see one release.
func processRelease(_ argument: MIB, _ request: inout SysctlRequest) -> Int {
  let call = request.call
  guard let pid = askedProcess(argument, call) else { return call.error(EINVAL) }
  if quietly(__NR_kill, pid, 0) == -Int(ESRCH) { return call.error(ESRCH) }
  request.put(call.table.header.pointee.release)
  return 0
}

/// kern.proc.sv_name: by which system's calls a process works.
func processSystem(_ argument: MIB, _ request: inout SysctlRequest) -> Int {
  let call = request.call
  guard let pid = askedProcess(argument, call) else { return call.error(EINVAL) }
  guard let isGuest = isGuest(call, pid) else { return call.error(ESRCH) }
  request.put(isGuest ? "FreeBSD ELF64" : "Linux ELF64")
  return 0
}

/// kern.msgbuf: what Linux's kernel has said.
func kernelMessages(_ request: inout SysctlRequest) -> Int {
  let call = request.call
  // SYSLOG_ACTION_SIZE_BUFFER and SYSLOG_ACTION_READ_ALL of syslog(2).
  let size = quietly(__NR_syslog, 10, 0, 0)
  if size < 0 { return size }
  if request.old == 0 {
    request.skip(size)
    return 0
  }
  guard let text = persona_allocate(size) else { return call.error(ENOMEM) }
  defer { persona_release(text) }
  let length = quietly(__NR_syslog, 3, text.word, size)
  if length < 0 { return length }
  request.put(text, length)
  return 0
}
