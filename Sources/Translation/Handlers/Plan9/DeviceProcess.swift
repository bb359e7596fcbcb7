import CEngine
import CWire

// #p: the session's processes; sys/src/9/port/devproc.c. What a debugger needs beside memory (registers, profiles) and the
// event trace are not there.

/// The numbers of #p's files (devproc.c, enum Q*).
enum ProcessFile {
  static let args = 2
  static let ctl = 3
  static let fd = 4
  static let mem = 7
  static let note = 8
  static let noteid = 9
  static let notepg = 10
  static let ns = 11
  static let segment = 14
  static let status = 15
  static let text = 16
  static let wait = 17
}

/// Permissions 0 stand for the process's own mode, 0640 (newproc of proc.c).
private let files: InlineArray<12, (number: Int, file: DeviceFile)> = [
  (ProcessFile.args, DeviceFile(name: "args", length: 0, permissions: 0o660)),
  (ProcessFile.ctl, DeviceFile(name: "ctl", length: 0, permissions: 0o640)),
  (ProcessFile.fd, DeviceFile(name: "fd", length: 0, permissions: 0o444)),
  (ProcessFile.mem, DeviceFile(name: "mem", length: 0, permissions: 0o640)),
  (ProcessFile.note, DeviceFile(name: "note", length: 0, permissions: 0o640)),
  (ProcessFile.noteid, DeviceFile(name: "noteid", length: 0, permissions: 0o664)),
  (ProcessFile.notepg, DeviceFile(name: "notepg", length: 0, permissions: 0o640)),
  (ProcessFile.ns, DeviceFile(name: "ns", length: 0, permissions: 0o444)),
  (ProcessFile.segment, DeviceFile(name: "segment", length: 0, permissions: 0o444)),
  (ProcessFile.status, DeviceFile(name: "status", length: 176, permissions: 0o444)),
  (ProcessFile.text, DeviceFile(name: "text", length: 0, permissions: 0o640)),
  (ProcessFile.wait, DeviceFile(name: "wait", length: 0, permissions: 0o400)),
]

extension Call {
  /// "123" or "123/status" in parts: the process, and the file's place in `files` or nil for the directory.
  private func processPart(_ name: NameBytes) -> (pid: Int32, file: Int?)? {
    var end = 0
    while end < name.count, name[end] != UInt8(ascii: "/") { end += 1 }
    guard let number = name.slice(0..<end).decimal, number > 0, number < 1 << 30, name[0] != UInt8(ascii: "0"),
      isGuest(Int32(number))
    else { return nil }
    guard end < name.count else { return (Int32(number), nil) }
    let rest = name.from(end + 1)
    for index in 0..<files.count where rest.equals(files[index].file.name) { return (Int32(number), index) }
    return nil
  }

  /// Whether a process of the session has this id.
  private func isGuest(_ pid: Int32) -> Bool {
    if pid == process.pointee.pid { return true }
    guard let session = persona_session() else { return false }
    persona_session_lock(session)
    defer { persona_session_unlock(session) }
    return findMember(session, pid) != nil
  }

  func processKind(_ name: NameBytes) -> FileKind {
    guard let part = processPart(name) else { return .missing }
    return part.file == nil ? .directory : .file
  }

  func eachProcessEntry(_ path: NameBytes, _ body: (NameBytes) -> Void) {
    guard path.count == 0 else {
      for index in 0..<files.count { body(NameBytes(files[index].file.name)) }
      return
    }
    guard let session = persona_session(), var name = newText(16) else { return }
    var isListed = false
    for index in 0..<Int(PERSONA_MEMBERS) {
      let member = persona_session_members(session)! + index
      guard member.pointee.pid > 0, member.pointee.ended == 0 else { continue }
      if member.pointee.pid == process.pointee.pid { isListed = true }
      name.cut(to: 0)
      name.append(decimal: UInt64(member.pointee.pid))
      body(name.bytes)
    }
    guard !isListed else { return }
    name.cut(to: 0)
    name.append(decimal: UInt64(process.pointee.pid))
    body(name.bytes)
  }

  func processRecord(_ name: NameBytes, _ record: inout FileRecord) -> Bool {
    guard let part = processPart(name) else { return false }
    record.version = UInt32(part.pid)
    record.path = UInt64(part.pid) << 5
    guard let index = part.file else {
      record.mode = DirectoryMode.directory | 0o555
      return true
    }
    record.path |= UInt64(files[index].number)
    record.mode = files[index].file.permissions
    record.length = files[index].file.length
    if files[index].number == ProcessFile.wait { record.length = UInt64(endedChildren(part.pid)) }
    return true
  }

  /// How many children a process has not been told of yet.
  private func endedChildren(_ pid: Int32) -> Int {
    guard let session = persona_session() else { return 0 }
    if pid == process.pointee.pid { reap(session) }
    var count = 0
    let members = persona_session_members(session)!
    for index in 0..<Int(session.pointee.members_used)
    where members[index].parent == pid && members[index].pid > 0 && members[index].ended != 0 {
      count += 1
    }
    return count
  }

  /// Opens a file of #p (procopen).
  func openProcess(_ place: NamePlace, _ mode: Int) -> Int {
    guard place.path.count > 0, let part = processPart(place.path.from(1)), let index = part.file else {
      return fail(ESRCH, "process exited")
    }
    let access = mode & 3 == 3 ? 0 : mode & 3
    let number = files[index].number
    switch number {
    case ProcessFile.fd, ProcessFile.segment, ProcessFile.ns, ProcessFile.text:
      if access != 0 { return error(EPERM) }
    case ProcessFile.notepg: if access != 1 { return error(EPERM) }
    default: if !isPermitted(files[index].file.permissions, access) { return error(EPERM) }
    }
    if number == ProcessFile.mem || number == ProcessFile.text {
      guard var path = newText(4096) else { return error(ENOMEM) }
      if number == ProcessFile.mem {
        path.append("/proc/")
        path.append(decimal: UInt64(part.pid))
        path.append("/mem")
      } else if !programPath(part.pid, &path) {
        return error(EPERM)
      }
      return hostNow(__NR_openat, Int(AT_FDCWD), path.word, linuxFlags(mode))
    }
    return openSpecial(SpecialFile(device: UInt8(ascii: "p"), number: number), place, mode: mode)
  }

  /// The path in Linux's tree of the program that a process runs: the first one may have been named by a name space.
  private func programPath(_ pid: Int32, _ path: inout NameText) -> Bool {
    guard pid == process.pointee.pid else { return false }
    let plan = UnsafeRawPointer(process.pointee.plan!)
    let text = plan + Int(process.pointee.plan.pointee.path)
    let name = UnsafeMutablePointer(mutating: text.assumingMemoryBound(to: UInt8.self)).terminated
    var failure = 0
    guard let walk = walk(name, .access, &failure), walk.place.device == UInt8(ascii: "U") else { return false }
    guard let host = linuxPath(walk.place.location.bytes) else { return false }
    path.append(host.bytes)
    return true
  }

  /// The process that an open file of #p is about; nil when it has ended.
  func processOf(_ descriptor: Int) -> Int32? {
    let mark = thread.pointee.scratch_used
    defer { thread.pointee.scratch_used = mark }
    guard let head = openHead(descriptor) else { return nil }
    _ = quietly(__NR_close, head.file)
    guard head.location.count > 3 else { return nil }
    return processPart(head.location.from(3))?.pid
  }
}
