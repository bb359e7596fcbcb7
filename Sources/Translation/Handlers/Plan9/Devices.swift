import CEngine
import CWire

// What all devices have in common: dev.c of sys/src/9/port. Linux's own tree is device U, as in other systems that
// give Plan 9's programs their host's files.

/// A device's file as its table lists it: devcons.c, devproc.c.
struct DeviceFile {
  let name: StaticString
  let length: UInt64
  let permissions: UInt32
}

extension Call {
  /// What lies at a location of a device other than Linux's tree.
  func deviceKind(_ location: NameBytes, _ state: UnsafeMutablePointer<NamesState>) -> FileKind {
    let path = location.from(2)
    if path.count == 0 { return .directory }
    let name = path.from(1)
    let device = location[1]
    switch device {
    case UInt8(ascii: "/"): return topIndex(name) != nil ? .directory : .missing
    case UInt8(ascii: "c"): return consoleFile(named: name) != nil ? .file : .missing
    case UInt8(ascii: "e"), UInt8(ascii: "s"):
      guard let host = keptPath(device, state, name), let status = scratch(256) else { return .missing }
      return quietly(__NR_statx, Int(AT_FDCWD), host.word, Int(AT_SYMLINK_NOFOLLOW), 0x7ff, status.word) == 0
        ? .file : .missing
    case UInt8(ascii: "d"): return descriptorFile(name) != nil ? .file : .missing
    case UInt8(ascii: "p"): return processKind(name)
    default: return .missing
    }
  }

  private func topIndex(_ name: NameBytes) -> Int? {
    var index = 0
    while let top = topDirectory(index) {
      if name.equals(top) { return index }
      index += 1
    }
    return nil
  }

  /// Where Linux keeps a file of the environment or a posted service.
  private func keptPath(
    _ device: UInt8, _ state: UnsafeMutablePointer<NamesState>, _ name: NameBytes
  ) -> NameText? {
    device == UInt8(ascii: "e") ? environmentPath(state, name) : servicePath(state, name)
  }

  /// The entries of a device's directory.
  func eachDeviceEntry(_ location: NameBytes, _ body: (NameBytes) -> Void) {
    switch location[1] {
    case UInt8(ascii: "/"):
      guard location.count == 2 else { return }
      var index = 0
      while let top = topDirectory(index) {
        body(NameBytes(top))
        index += 1
      }
    case UInt8(ascii: "c"): for index in consoleFiles { body(NameBytes(consoleFile(index).name)) }
    case UInt8(ascii: "d"): eachDescriptorFile(body)
    case UInt8(ascii: "p"): eachProcessEntry(location.from(2), body)
    default: break
    }
  }

  /// What stat tells of a device's file (devdir); nil when there is none.
  func deviceRecord(
    _ location: NameBytes, _ state: UnsafeMutablePointer<NamesState>, name: NameBytes
  ) -> FileRecord? {
    var record = FileRecord()
    record.type = UInt16(location[1])
    record.name = name
    record.accessed = seconds()
    record.modified = record.accessed
    record.owner = ownName
    record.group = record.owner
    record.modifier = record.owner
    let path = location.from(2)
    if path.count == 0 {
      record.mode = DirectoryMode.directory | (location[1] == UInt8(ascii: "e") ? 0o775 : 0o555)
      return record
    }
    let inner = path.from(1)
    switch location[1] {
    case UInt8(ascii: "/"):
      guard let index = topIndex(inner) else { return nil }
      record.path = UInt64(index + 1)
      record.mode = DirectoryMode.directory | 0o555
    case UInt8(ascii: "c"):
      guard let index = consoleFile(named: inner) else { return nil }
      record.path = UInt64(index)
      record.mode = consoleFile(index).permissions
      record.length = consoleFile(index).length
    case UInt8(ascii: "d"):
      guard let file = descriptorFile(inner) else { return nil }
      record.path = UInt64(file + 1)
      record.mode = descriptorPermissions(file)
    case UInt8(ascii: "e"), UInt8(ascii: "s"):
      guard let host = keptPath(location[1], state, inner), let status = scratch(256),
        quietly(__NR_statx, Int(AT_FDCWD), host.word, Int(AT_SYMLINK_NOFOLLOW), 0x7ff, status.word) == 0
      else { return nil }
      let kept = self.record(status, host, name: name)
      (record.path, record.version) = (kept.path, kept.version)
      if location[1] == UInt8(ascii: "e") {
        record.mode = 0o666
        record.length = kept.length
      } else {
        record.mode = kept.mode & 0o777
      }
    case UInt8(ascii: "p"):
      guard processRecord(inner, &record) else { return nil }
    default: return nil
    }
    return record
  }

  func seconds() -> UInt32 { UInt32(truncatingIfNeeded: clock(0) / 1_000_000_000) }

  /// One of Linux's clocks in nanoseconds: 0 is CLOCK_REALTIME, 1 CLOCK_MONOTONIC.
  func clock(_ number: Int) -> UInt64 {
    var time: InlineArray<2, Int64> = [0, 0]
    withUnsafeMutablePointer(to: &time) {
      _ = quietly(__NR_clock_gettime, number, Int(bitPattern: $0))
    }
    return UInt64(bitPattern: time[0] &* 1_000_000_000 &+ time[1])
  }

  /// Whether the owner's permissions allow an open (devpermcheck): the guest's user owns all devices.
  func isPermitted(_ permissions: UInt32, _ mode: Int) -> Bool {
    let wanted: UInt32 =
      switch mode & 3 {
      case 0: 0o400
      case 1: 0o200
      case 2: 0o600
      default: 0o100
      }
    return permissions & wanted == wanted
  }
}
