import CEngine
import CWire

// What the files of #p say; sys/src/9/port/devproc.c.

func readProcessFile(
  _ call: Call, _ number: Int, _ descriptor: Int, _ buffer: UInt64, _ room: Int, _ offset: Int
) -> Int {
  guard let pid = call.processOf(descriptor) else { return call.fail(ESRCH, "process exited") }
  guard let state = call.names() else { return call.noNames }
  guard var text = call.newText(24 << 10) else { return call.error(ENOMEM) }
  switch number {
  case ProcessFile.args: call.arguments(pid, &text)
  case ProcessFile.fd: call.openFiles(pid, state, &text)
  case ProcessFile.wait:
    guard pid == call.process.pointee.pid else { return call.fail(EBUSY, "device or object already in use") }
    return tellNextEnd(call, buffer, room)
  case ProcessFile.note: return call.takeNote(pid, buffer, room)
  case ProcessFile.noteid:
    text.append(decimal: UInt64(call.memberOf(pid)?.pointee.note_group ?? 0), width: 11)
    text.append(UInt8(ascii: " "))
  case ProcessFile.ns: call.namespace(pid, state, &text)
  case ProcessFile.segment: _ = call.segments(pid, &text)
  case ProcessFile.status:
    call.status(pid, &text)
    guard text.count > 0 else { return call.fail(ESRCH, "process exited") }
  default: return call.fail(EPERM, "permission denied")
  }
  // A name space comes line by line.
  let rest = text.bytes.from(min(offset, text.count))
  var limit = room
  if number == ProcessFile.ns, let end = rest.firstIndex(of: UInt8(ascii: "\n")) { limit = min(room, end + 1) }
  return call.deliver(text.bytes, offset, buffer, limit)
}

extension Call {
  fileprivate func memberOf(_ pid: Int32) -> UnsafeMutablePointer<persona_member>? {
    guard let session = persona_session() else { return nil }
    persona_session_lock(session)
    defer { persona_session_unlock(session) }
    return findMember(session, pid)
  }

  private func openLinux(_ pid: Int32, _ file: StaticString) -> Int {
    guard var path = newText(48) else { return -1 }
    path.append("/proc/")
    path.append(decimal: UInt64(UInt32(bitPattern: pid)))
    path.append(file)
    return quietly(__NR_openat, Int(AT_FDCWD), path.word, Int(O_RDONLY | O_CLOEXEC))
  }

  /// The beginning of one of Linux's files about a process.
  private func readLinux(_ pid: Int32, _ file: StaticString, _ memory: UnsafeMutableRawPointer, _ room: Int) -> NameBytes {
    let descriptor = openLinux(pid, file)
    guard descriptor >= 0 else { return NameBytes("") }
    var count = 0
    while count < room {
      let piece = quietly(__NR_read, descriptor, memory.word + count, room - count)
      if piece <= 0 { break }
      count += piece
    }
    _ = quietly(__NR_close, descriptor)
    return NameBytes(start: memory.assumingMemoryBound(to: UInt8.self), count: count)
  }

  /// The arguments, quoted where they need it (%q).
  fileprivate func arguments(_ pid: Int32, _ text: inout NameText) {
    guard let memory = scratch(4096) else { return }
    let bytes = readLinux(pid, "/cmdline", memory, 4096)
    var begin = 0
    for index in 0..<bytes.count where bytes[index] == 0 {
      if text.count > 0 { text.append(UInt8(ascii: " ")) }
      let word = bytes.slice(begin..<index)
      if needsQuotes(word) { text.append(quoted: word) } else { text.append(word) }
      begin = index + 1
    }
  }

  private func needsQuotes(_ word: NameBytes) -> Bool {
    if word.count == 0 { return true }
    for index in 0..<word.count where word[index] <= UInt8(ascii: " ") || word[index] == UInt8(ascii: "'") {
      return true
    }
    return false
  }

  fileprivate func openFiles(_ pid: Int32, _ state: UnsafeMutablePointer<NamesState>, _ text: inout NameText) {
    if let session = persona_session(), let member = memberOf(pid) {
      text.append((SessionNames.directory(session, member) + SessionNames.directoryBytes / 2).terminated)
    } else {
      text.append(state.directoryName)
    }
    text.append(UInt8(ascii: "\n"))
    guard var folder = self.newText(48) else { return }
    folder.append("/proc/")
    folder.append(decimal: UInt64(UInt32(bitPattern: pid)))
    folder.append("/fd")
    var numbers = InlineArray<256, Int>(repeating: 0)
    var count = 0
    eachLinuxEntry(folder) { entry in
      if let number = entry.decimal, !isEngineDescriptor(number), count < 256 {
        numbers[count] = number
        count += 1
      }
    }
    let isOwn = pid == process.pointee.pid
    for index in 0..<count {
      if isOwn, quietly(__NR_fcntl, numbers[index], Int(F_GETFD)) < 0 { continue }
      _ = describe(self, state, numbers[index], isOwn ? nil : pid, &text)
    }
  }

  fileprivate func takeNote(_ pid: Int32, _ buffer: UInt64, _ room: Int) -> Int {
    if room < 1 { return fail(EINVAL, "read or write too small") }
    guard let session = persona_session(), let note = scratch(Int(PERSONA_NOTE_BYTES)) else { return 0 }
    persona_session_lock(session)
    guard let member = findMember(session, pid), member.pointee.note_count > 0 else {
      persona_session_unlock(session)
      return 0
    }
    let notes = persona_member_notes(member)!
    note.copyMemory(from: persona_note_text(notes)!, byteCount: Int(PERSONA_NOTE_BYTES))
    member.pointee.note_count -= 1
    for index in 0..<Int(member.pointee.note_count) { notes[index] = notes[index + 1] }
    persona_session_unlock(session)
    let count = min(note.assumingMemoryBound(to: UInt8.self).terminated.count + 1, room)
    note.storeBytes(of: 0, toByteOffset: count - 1, as: UInt8.self)
    return copyOut(buffer, note, count) ? count : error(EFAULT)
  }

  /// What makes the name space, as ns(1) shows it.
  fileprivate func namespace(_ pid: Int32, _ state: UnsafeMutablePointer<NamesState>, _ text: inout NameText) {
    var mounts = state.pointee.mounts
    var directory = state.directoryName
    if let session = persona_session(), let member = memberOf(pid) {
      directory = (SessionNames.directory(session, member) + SessionNames.directoryBytes / 2).terminated
      if let table = SessionNames.table(of: member.pointee.name_group, session), let memory = scratch(MountTable.bytes) {
        mounts = MountTable(memory: memory)
        persona_session_lock(session)
        mounts.copy(from: table)
        persona_session_unlock(session)
      }
    }
    var last: UInt32 = 0
    while true {
      var (offset, best) = (0, UInt32.max)
      var found: MountedTree?
      while let mount = mounts.next(&offset) {
        if mount.identifier > last, mount.identifier < best {
          found = mount
          best = mount.identifier
        }
      }
      guard let mount = found else { break }
      last = best
      text.append("bind ")
      if mount.flags != 0 { text.append(UInt8(ascii: "-")) }
      if mount.flags & MountFlags.after != 0 { text.append(UInt8(ascii: "a")) }
      if mount.flags & MountFlags.before != 0 { text.append(UInt8(ascii: "b")) }
      if mount.flags & MountFlags.create != 0 { text.append(UInt8(ascii: "c")) }
      if mount.flags & MountFlags.cache != 0 { text.append(UInt8(ascii: "C")) }
      text.append(UInt8(ascii: " "))
      text.append(mount.toName)
      text.append(UInt8(ascii: " "))
      text.append(mount.fromName)
      text.append(UInt8(ascii: "\n"))
    }
    text.append("cd ")
    text.append(directory)
    text.append(UInt8(ascii: "\n"))
  }

  /// The guest's segments; the bytes of all but its stack.
  fileprivate func segments(_ pid: Int32, _ text: inout NameText) -> UInt64 {
    guard let memory = scratch(16 << 10) else { return 0 }
    let bytes = readLinux(pid, "/maps", memory, 16 << 10)
    var total: UInt64 = 0
    var begin = 0
    // Neighbours of one kind are one segment.
    var (kind, low, high): (StaticString, UInt64, UInt64) = ("", 0, 0)
    func tell() {
      guard high > low else { return }
      text.append(kind)
      text.append(hexadecimal: low, width: 8)
      text.append(UInt8(ascii: " "))
      text.append(hexadecimal: high, width: 8)
      text.append(UInt8(ascii: " "))
      text.append(decimal: 1, width: 4)
      text.append(UInt8(ascii: "\n"))
    }
    for index in 0..<bytes.count where bytes[index] == UInt8(ascii: "\n") {
      let line = bytes.slice(begin..<index)
      begin = index + 1
      var position = 0
      guard let start = line.hexadecimal(&position), let end = line.hexadecimal(&position), position + 3 < line.count
      else { continue }
      let isStack = line.lastElement.equals("[stack]") || line.from(max(line.count - 7, 0)).equals("[stack]")
      // The text begins at UTZERO (sys/src/9/pc/mem.h); below it the engine may keep code of its own.
      guard start >= 0x20_0000, start < PERSONA_RESERVED_START || isStack else { continue }
      let isCode = line[position + 2] == UInt8(ascii: "x")
      let isFile = line.contains(UInt8(ascii: "/"))
      if !isStack { total += end - start }
      let isSame = start == high && isCode == (kind.utf8Start[0] == UInt8(ascii: "T")) && !isStack
      if isSame, isCode || isFile == (kind.utf8Start[0] == UInt8(ascii: "D")) {
        high = end
        continue
      }
      tell()
      kind = isStack ? "Stack     " : isCode ? "Text   R  " : isFile ? "Data      " : "Bss       "
      (low, high) = (start, end)
    }
    tell()
    return total
  }

  /// Name, user and state, then nine numbers.
  fileprivate func status(_ pid: Int32, _ text: inout NameText) {
    guard let memory = scratch(1024), let segments = self.newText(16 << 10) else { return }
    let bytes = readLinux(pid, "/stat", memory, 1024)
    var position = bytes.count
    while position > 0, bytes[position - 1] != UInt8(ascii: ")") { position -= 1 }
    guard position > 0, position + 1 < bytes.count else { return }
    var maps = segments
    let size = self.segments(pid, &maps)
    column(&text, 28, memberOf(pid).map { UnsafeMutableRawPointer(persona_member_name($0)!).assumingMemoryBound(to: UInt8.self).terminated } ?? NameBytes("?"))
    column(&text, 28, ownName)
    let word: StaticString =
      switch bytes[position + 1] {
      case UInt8(ascii: "R"): "Running"
      case UInt8(ascii: "T"), UInt8(ascii: "t"): "Stopped"
      case UInt8(ascii: "Z"): "Moribund"
      case UInt8(ascii: "X"): "Dead"
      default: "Wakeme"
      }
    column(&text, 12, NameBytes(word))
    // utime, stime, cutime and cstime of proc(5) are the 12th to 15th behind the name, starttime is the 20th, all in
    // hundredths of a second; the last counts from the boot.
    var numbers = InlineArray<20, UInt64>(repeating: 0)
    let fields = bytes.from(position + 1)
    var (field, begin) = (0, 0)
    for index in 0..<fields.count where fields[index] == UInt8(ascii: " ") {
      if field < 20 { numbers[field] = UInt64(fields.slice(begin..<index).decimal ?? 0) }
      field += 1
      begin = index + 1
    }
    let real = max(clock(7 /* CLOCK_BOOTTIME */) / 1_000_000, numbers[19] * 10) - numbers[19] * 10
    // Linux's priority is the 16th behind the name: 20 and the nice value. Plan 9's normal one is 10, a higher one comes first.
    let priority = UInt64(max(0, min(19, 30 - Int(numbers[15]))))
    let values: InlineArray<9, UInt64> = [
      numbers[11] * 10, numbers[12] * 10, real, numbers[13] * 10, numbers[14] * 10, 0, size >> 10, priority, priority,
    ]
    for index in 0..<9 {
      text.append(decimal: values[index], width: 11)
      text.append(UInt8(ascii: " "))
    }
  }

  private func column(_ text: inout NameText, _ width: Int, _ bytes: NameBytes) {
    let end = text.count + width
    text.append(bytes.slice(0..<min(bytes.count, width - 1)))
    while text.count < end { text.append(UInt8(ascii: " ")) }
  }
}

extension NameBytes {
  /// The hexadecimal number at a position, which moves behind it and the character that ends it.
  fileprivate func hexadecimal(_ position: inout Int) -> UInt64? {
    var (value, digits): (UInt64, Int) = (0, 0)
    while position < count {
      let byte = self[position]
      let digit: UInt8
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
      default:
        position += 1
        return digits > 0 ? value : nil
      }
      value = value << 4 | UInt64(digit)
      digits += 1
      position += 1
    }
    return digits > 0 ? value : nil
  }
}
