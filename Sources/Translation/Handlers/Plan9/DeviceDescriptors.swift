import CEngine
import CWire

// #d: the process's open files; sys/src/9/port/devdup.c. And what an open file is: its place, mode and offset.

/// What is known of an open file.
struct OpenFile {
  var location: NameText
  var name: NameText
  /// OREAD, OWRITE or ORDWR.
  var mode: Int
  var special: SpecialFile?
  /// Whether it is one of the session's own files: a variable or a service.
  var isPipe = false
}

extension Call {
  /// The number of a #d file, 2 * descriptor + 1 for its control file; nil when the descriptor is not open.
  func descriptorFile(_ name: NameBytes) -> Int? {
    var digits = name
    var isControl = 0
    if name.count > 3, name.from(name.count - 3).equals("ctl") {
      digits = name.slice(0..<name.count - 3)
      isControl = 1
    }
    guard let number = digits.decimal, digits.count == 1 || digits[0] != UInt8(ascii: "0"),
      !isEngineDescriptor(number), quietly(__NR_fcntl, number, Int(F_GETFD)) >= 0
    else { return nil }
    return 2 * number + isControl
  }

  func descriptorPermissions(_ file: Int) -> UInt32 {
    if file & 1 != 0 { return 0o400 }
    switch accessMode(file / 2) {
    case 0: return 0o400
    case 1: return 0o200
    case 2: return 0o600
    default: return 0
    }
  }

  func eachDescriptorFile(_ body: (NameBytes) -> Void) {
    guard var folder = newText(32), var name = newText(24) else { return }
    folder.append("/proc/self/fd")
    var highest = -1
    eachLinuxEntry(folder) { entry in
      if let number = entry.decimal, !isEngineDescriptor(number) { highest = max(highest, number) }
    }
    guard highest >= 0 else { return }
    for number in 0...highest where quietly(__NR_fcntl, number, Int(F_GETFD)) >= 0 {
      // The directory that is being read has a descriptor of its own only while that lasts.
      name.cut(to: 0)
      name.append(decimal: UInt64(number))
      body(name.bytes)
      name.append("ctl")
      body(name.bytes)
    }
  }

  /// OREAD, OWRITE or ORDWR of an open file; -1 for none.
  func accessMode(_ descriptor: Int) -> Int {
    let flags = quietly(__NR_fcntl, descriptor, Int(F_GETFL))
    guard flags >= 0 else { return -1 }
    guard flags & 3 == 3 else { return flags & 3 }
    let mark = thread.pointee.scratch_used
    defer { thread.pointee.scratch_used = mark }
    guard let head = openHead(descriptor) else { return 0 }
    _ = quietly(__NR_close, head.file)
    return head.mode & 3 == 3 ? 0 : head.mode & 3
  }

  /// What an open file of this process or of another one is; nil when it is not open.
  func openFile(
    _ descriptor: Int, ofProcess pid: Int32? = nil, _ state: UnsafeMutablePointer<NamesState>
  ) -> OpenFile? {
    guard descriptor >= 0, let location = newText(4096 + 256), let name = newText(4096), var link = newText(64),
      let target = scratch(4096)
    else { return nil }
    var file = OpenFile(location: location, name: name, mode: 0)
    link.append("/proc/")
    if let pid { link.append(decimal: UInt64(UInt32(bitPattern: pid))) } else { link.append("self") }
    link.append("/fd/")
    link.append(decimal: UInt64(descriptor))
    let length = quietly(__NR_readlinkat, Int(AT_FDCWD), link.word, target.word, 4096)
    guard length > 0 else { return nil }
    let bytes = NameBytes(start: target.assumingMemoryBound(to: UInt8.self), count: length)
    if bytes.begins(with: NameBytes("/memfd:plan9")), let head = openHead(descriptor, ofProcess: pid) {
      defer { _ = quietly(__NR_close, head.file) }
      file.location.append(head.location)
      file.name.append(head.name)
      file.mode = head.mode & 3 == 3 ? 0 : head.mode & 3
      file.special = SpecialFile(device: head.location[1], number: SpecialFile.directory)
      if pid == nil { file.special = special(descriptor) }
      return file
    }
    file.mode = max(pid.map { linuxFile($0, descriptor).mode } ?? accessMode(descriptor), 0)
    if bytes[0] != UInt8(ascii: "/") {
      file.isPipe = true
      file.location.append("#|/data")
      file.name.append("#|/data")
      return file
    }
    locate(bytes, state, &file)
    return file
  }

  /// The access mode and offset of another process's open file, by Linux's "pos:\t0\nflags:\t02\n…".
  func linuxFile(_ pid: Int32, _ descriptor: Int) -> (mode: Int, offset: Int) {
    let mark = thread.pointee.scratch_used
    defer { thread.pointee.scratch_used = mark }
    guard var path = newText(64), let memory = scratch(256) else { return (0, 0) }
    path.append("/proc/")
    path.append(decimal: UInt64(UInt32(bitPattern: pid)))
    path.append("/fdinfo/")
    path.append(decimal: UInt64(descriptor))
    let file = quietly(__NR_openat, Int(AT_FDCWD), path.word, Int(O_RDONLY | O_CLOEXEC))
    guard file >= 0 else { return (0, 0) }
    let count = quietly(__NR_read, file, memory.word, 256)
    _ = quietly(__NR_close, file)
    let bytes = NameBytes(start: memory.assumingMemoryBound(to: UInt8.self), count: max(count, 0))
    var (offset, last, line) = (0, 0, 0)
    var value = 0
    for index in 0..<bytes.count where line < 2 {
      let byte = bytes[index]
      if byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") {
        value = value &* 10 &+ Int(byte - UInt8(ascii: "0"))
        last = Int(byte - UInt8(ascii: "0"))
      } else if byte == UInt8(ascii: "\n") {
        if line == 0 { offset = value }
        line += 1
        value = 0
      }
    }
    return (last & 3, offset)
  }

  /// The location and name of a file by its path in Linux's tree.
  private func locate(_ path: NameBytes, _ state: UnsafeMutablePointer<NamesState>, _ file: inout OpenFile) {
    let console: StaticString? =
      if path.equals("/dev/null") {
        "#c/null"
      } else if path.equals("/dev/zero") {
        "#c/zero"
      } else if path.equals("/dev/urandom") {
        "#c/random"
      } else if path.equals("/dev/tty") || path.begins(with: NameBytes("/dev/pts/")) || path.equals("/dev/console") {
        "#c/cons"
      } else {
        nil
      }
    if let console {
      file.location.append(console)
    } else if let kept = keptLocation(path, state) {
      file.location.append(UInt8(ascii: "#"))
      file.location.append(path[kept])
      file.location.append(path.from(kept + 1).firstSlash)
    } else {
      file.location.append("#U")
      file.location.append(path)
    }
    nameOf(file.location.bytes, state, &file.name)
  }

  /// The position of the device's letter in the path of a file in the session's folder.
  private func keptLocation(_ path: NameBytes, _ state: UnsafeMutablePointer<NamesState>) -> Int? {
    let count = state.pointee.folderCount
    guard path.count > count + 2 else { return nil }
    for index in 0..<count where path[index] != state.pointee.folder[index] { return nil }
    return path[count] == UInt8(ascii: "/") ? count + 1 : nil
  }
}

extension NameBytes {
  /// What begins with the first slash.
  fileprivate var firstSlash: NameBytes {
    for index in 0..<count where self[index] == UInt8(ascii: "/") { return from(index) }
    return from(count)
  }
}

/// Opens a file of #d: the open file itself once more, or what tells of it.
func openDescriptor(_ call: Call, _ place: NamePlace, _ mode: Int) -> Int {
  guard place.path.count > 0, let file = call.descriptorFile(place.path.from(1)) else { return call.error(ENOENT) }
  if file & 1 != 0 {
    return call.openSpecial(SpecialFile(device: UInt8(ascii: "d"), number: file / 2), place, mode: mode)
  }
  let wanted = mode & 3 == 3 ? 0 : mode & 3
  let given = call.accessMode(file / 2)
  guard given == 2 || given == wanted else { return call.fail(EBADF, "inappropriate use of fd") }
  let command = mode & OpenMode.closeOnExec != 0 ? 1030 /* F_DUPFD_CLOEXEC */ : 0 /* F_DUPFD */
  return call.hostNow(__NR_fcntl, file / 2, command, 0)
}

func readDescriptorControl(_ call: Call, _ descriptor: Int, _ buffer: UInt64, _ room: Int, _ offset: Int) -> Int {
  guard let state = call.names() else { return call.noNames }
  guard var text = call.newText(5000), describe(call, state, descriptor, nil, &text) else { return call.error(EBADF) }
  return call.deliver(text.bytes, offset, buffer, room)
}

/// procfdprint of devproc.c: descriptor, mode, device, file, offset and name.
func describe(
  _ call: Call, _ state: UnsafeMutablePointer<NamesState>, _ descriptor: Int, _ pid: Int32?, _ text: inout NameText
) -> Bool {
  let mark = call.thread.pointee.scratch_used
  defer { call.thread.pointee.scratch_used = mark }
  guard let file = call.openFile(descriptor, ofProcess: pid, state) else { return false }
  let record = call.record(of: file.location.bytes, state, name: NameBytes("")) ?? FileRecord()
  text.append(decimal: UInt64(descriptor), width: 3)
  text.append(file.mode == 0 ? " r  " : file.mode == 1 ? " w  " : " rw ")
  text.append(record.type == 0 ? file.location.start[1] : UInt8(truncatingIfNeeded: record.type))
  text.append(UInt8(ascii: " "))
  text.append(decimal: UInt64(record.device), width: 4)
  text.append(" (")
  text.append(hexadecimal: record.path, width: 16)
  text.append(UInt8(ascii: " "))
  text.append(decimal: UInt64(record.version))
  text.append(UInt8(ascii: " "))
  text.append(hexadecimal: UInt64(record.mode >> 24), width: 2)
  text.append(") ")
  text.append(decimal: 0, width: 5)
  text.append(UInt8(ascii: " "))
  let offset = pid.map { call.linuxFile($0, descriptor).offset } ?? quietly(__NR_lseek, descriptor, 0, 1)
  text.append(decimal: UInt64(max(offset, 0)), width: 8)
  text.append(UInt8(ascii: " "))
  text.append(file.name.bytes)
  text.append(UInt8(ascii: "\n"))
  return true
}
