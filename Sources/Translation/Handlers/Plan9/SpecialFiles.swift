import CEngine
import CWire

// Files whose bytes Linux does not have: directories (as records) and what devices tell. Each is a real descriptor, so
// that it is inherited, duplicated and closed as any other: memory of Linux's (memfd) that is opened so that Linux
// neither reads nor writes it (access mode 3). A transfer that Linux refuses with EBADF comes here; all others never
// do. The size tells which file it is, the offset is the reader's, and the contents begin with where and
// under what name it was opened.

/// Which special file a descriptor is.
struct SpecialFile {
  /// The device's letter.
  let device: UInt8
  /// The file's number within the device; `directory` for a directory.
  let number: Int

  static let directory = 0xffff
  private static let mark = 1 << 44

  fileprivate var size: Int { SpecialFile.mark | Int(device) << 16 | number }

  fileprivate init?(size: Int) {
    guard size >> 24 == SpecialFile.mark >> 24 else { return nil }
    device = UInt8(truncatingIfNeeded: size >> 16)
    number = size & 0xffff
  }

  init(device: UInt8, number: Int) {
    self.device = device
    self.number = number
  }
}

/// What stands at a special file's beginning.
struct SpecialHead {
  static let fixed = 24
  /// Where a directory's records begin.
  static let contents = 16 << 10

  /// The open file, readable and writable.
  let file: Int
  let location: NameBytes
  let name: NameBytes
  /// The union that it was opened through; empty for none.
  let head: NameBytes
  let mode: Int
  let isDevice: Bool
  /// Bytes of a directory's records.
  let contents: Int
}

extension Call {
  /// Opens a special file; its descriptor.
  func openSpecial(_ file: SpecialFile, _ place: NamePlace, mode: Int, isUnion: Bool = false) -> Int {
    let head = isUnion ? place.head.bytes : NameBytes(start: nil, count: 0)
    let count = SpecialHead.fixed + place.location.count + place.name.count + head.count
    guard count <= SpecialHead.contents, let memory = scratch(count), let link = scratch(32) else {
      return error(ENOMEM)
    }
    clear(memory, SpecialHead.fixed)
    memory.put(UInt32(mode & 0xff) | (place.isDevice ? 0x100 : 0), at: 0)
    memory.put(UInt16(place.location.count), at: 4)
    memory.put(UInt16(place.name.count), at: 6)
    memory.put(UInt16(head.count), at: 8)
    var offset = SpecialHead.fixed
    let texts: InlineArray<3, NameBytes> = [place.location.bytes, place.name.bytes, head]
    for part in 0..<3 {
      let text = texts[part]
      for index in 0..<text.count {
        memory.storeBytes(of: text[index], toByteOffset: offset + index, as: UInt8.self)
      }
      offset += text.count
    }
    let name: StaticString = "plan9"
    let made = quietly(__NR_memfd_create, Int(bitPattern: name.utf8Start), Int(MFD_CLOEXEC))
    if made < 0 { return made }
    writeDescriptorPath(made, to: link)
    let closing = mode & OpenMode.closeOnExec != 0 ? Int(O_CLOEXEC) : 0
    var opened = quietly(__NR_pwrite64, made, memory.word, count, 0)
    if opened >= 0 { opened = quietly(__NR_ftruncate, made, file.size) }
    if opened >= 0 { opened = quietly(__NR_openat, Int(AT_FDCWD), link.word, 3 | Int(O_CLOEXEC)) }
    guard opened >= 0 else {
      _ = quietly(__NR_close, made)
      return opened
    }
    // The lowest free descriptor is what an open answers.
    let result = hostNow(__NR_dup3, opened, made, closing)
    _ = quietly(__NR_close, opened)
    return result
  }

  /// Which special file a descriptor is; nil for any other, and for none.
  func special(_ descriptor: Int) -> SpecialFile? {
    let flags = quietly(__NR_fcntl, descriptor, Int(F_GETFL))
    guard flags >= 0, flags & 3 == 3 else { return nil }
    let mark = thread.pointee.scratch_used
    defer { thread.pointee.scratch_used = mark }
    // st_size lies at byte 48 of Linux's struct stat on x86-64.
    guard let status = scratch(144), quietly(__NR_fstat, descriptor, status.word) == 0 else { return nil }
    return SpecialFile(size: status.get(at: 48, as: Int.self))
  }

  /// Reads a special file's beginning; nil when that fails. The caller closes `file`.
  func openHead(_ descriptor: Int, ofProcess pid: Int32? = nil) -> SpecialHead? {
    guard var path = newText(48), let memory = scratch(SpecialHead.contents) else { return nil }
    if let pid {
      path.append("/proc/")
      path.append(decimal: UInt64(UInt32(bitPattern: pid)))
      path.append("/fd/")
      path.append(decimal: UInt64(descriptor))
    } else {
      writeDescriptorPath(descriptor, to: UnsafeMutableRawPointer(path.start))
    }
    let file = quietly(__NR_openat, Int(AT_FDCWD), path.word, Int(O_RDWR | O_CLOEXEC))
    guard file >= 0 else { return nil }
    let count = quietly(__NR_pread64, file, memory.word, SpecialHead.contents, 0)
    let lengths = (
      Int(memory.get(at: 4, as: UInt16.self)), Int(memory.get(at: 6, as: UInt16.self)),
      Int(memory.get(at: 8, as: UInt16.self))
    )
    guard count >= SpecialHead.fixed, SpecialHead.fixed + lengths.0 + lengths.1 + lengths.2 <= count else {
      _ = quietly(__NR_close, file)
      return nil
    }
    let text = memory.assumingMemoryBound(to: UInt8.self) + SpecialHead.fixed
    let flags = memory.get(at: 0, as: UInt32.self)
    return SpecialHead(
      file: file, location: NameBytes(start: text, count: lengths.0),
      name: NameBytes(start: text + lengths.0, count: lengths.1),
      head: NameBytes(start: text + lengths.0 + lengths.1, count: lengths.2), mode: Int(flags & 0xff),
      isDevice: flags & 0x100 != 0, contents: Int(memory.get(at: 16, as: UInt64.self)))
  }

  /// Hands the part of `bytes` at `offset` to the guest, as readstr of devcons.c does.
  func deliver(_ bytes: NameBytes, _ offset: Int, _ address: UInt64, _ room: Int) -> Int {
    guard offset < bytes.count, room > 0 else { return 0 }
    let count = min(room, bytes.count - offset)
    return copyOut(address, UnsafeRawPointer(bytes.baseAddress! + offset), count) ? count : error(EFAULT)
  }
}

// MARK: - Transfers

/// A read of a descriptor that Linux refused: of a special file, or in the wrong mode. `offset` -1 reads where the
/// descriptor is.
func readSpecial(_ call: Call, _ descriptor: Int, _ buffer: UInt64, _ room: Int, _ offset: Int) -> Int {
  guard let file = call.special(descriptor) else { return misuse(call, descriptor) }
  if file.number == SpecialFile.directory { return readDirectory(call, descriptor, buffer, room, offset) }
  guard offset >= -1 else { return call.fail(EINVAL, "negative i/o offset") }
  var position = offset
  if offset == -1 { position = quietly(__NR_lseek, descriptor, 0, 1) }
  if position < 0 { return position }
  let result: Int
  switch file.device {
  case UInt8(ascii: "c"): result = readConsole(call, file.number, buffer, room, position)
  case UInt8(ascii: "p"): result = readProcessFile(call, file.number, descriptor, buffer, room, position)
  case UInt8(ascii: "d"): result = readDescriptorControl(call, file.number, buffer, room, position)
  default: result = call.fail(EPERM, "permission denied")
  }
  if offset == -1, result > 0 { _ = quietly(__NR_lseek, descriptor, position + result, 0) }
  return result
}

/// The same for a write.
func writeSpecial(_ call: Call, _ descriptor: Int, _ buffer: UInt64, _ count: Int, _ offset: Int) -> Int {
  guard let file = call.special(descriptor) else { return misuse(call, descriptor) }
  if file.number == SpecialFile.directory { return misuse(call, descriptor) }
  guard offset >= -1 else { return call.fail(EINVAL, "negative i/o offset") }
  guard let text = call.scratch(min(count, 512) + 1) else { return call.error(ENOMEM) }
  guard call.copyIn(text, buffer, min(count, 512)) else { return call.error(EFAULT) }
  let bytes = NameBytes(start: text.assumingMemoryBound(to: UInt8.self), count: min(count, 512))
  switch file.device {
  case UInt8(ascii: "c"): return writeConsole(call, file.number, bytes, count)
  case UInt8(ascii: "p"): return writeProcessFile(call, file.number, descriptor, bytes, count)
  case UInt8(ascii: "s"): return postDescriptor(call, descriptor, bytes)
  default: return call.fail(EPERM, "permission denied")
  }
}

/// A descriptor that is not open, or not for this.
private func misuse(_ call: Call, _ descriptor: Int) -> Int {
  quietly(__NR_fcntl, descriptor, Int(F_GETFL)) < 0
    ? call.error(EBADF) : call.fail(EBADF, "inappropriate use of fd")
}
