import CEngine
import CWire
import Wire

// statfs(2), fstatfs(2) and getfsstat(2) of systems whose struct statfs the table lays out; the names of a mount come
// from Linux's list of mounts.

private let nativeBytes = 120

/// mountStatus(path, buf)
func mountStatus(_ call: inout Call) -> Int {
  guard let native = call.scratch(nativeBytes) else { return call.error(ENOMEM) }
  let result = call.host(__NR_statfs, call[0], native.word)
  if result < 0 { return result }
  return tell(call, native, mountIdentifier(call, Int(AT_FDCWD), call[0], 0))
}

/// mountStatusOf(fd, buf)
func mountStatusOf(_ call: inout Call) -> Int {
  guard let native = call.scratch(nativeBytes) else { return call.error(ENOMEM) }
  let result = call.hostNow(__NR_fstatfs, call[0], native.word)
  if result < 0 { return result }
  let empty: StaticString = ""
  return tell(
    call, native, mountIdentifier(call, call[0], Int(bitPattern: empty.utf8Start), Int(AT_EMPTY_PATH)))
}

private func tell(_ call: Call, _ native: UnsafeMutableRawPointer, _ mount: UInt64?) -> Int {
  guard let structure = call.table.wellKnown(.statfs),
    let foreign = call.scratch(call.table.size(.statfs))
  else { return call.error(ENOMEM) }
  call.fill(foreign, structure, from: native)
  if let mount {
    var mounts = MountList(call)
    mounts?.each { line in
      guard line.identifier == mount else { return true }
      call.name(foreign, line)
      return false
    }
    mounts?.close()
  }
  return call.copyOut(call.address(1), foreign, call.table.size(.statfs)) ? 0 : call.error(EFAULT)
}

/// mountList(buf, bufsize, flags): how many file systems are mounted, and what fits of them.
func mountList(_ call: inout Call) -> Int {
  let size = call.table.size(.statfs)
  guard let structure = call.table.wellKnown(.statfs), let foreign = call.scratch(size),
    let native = call.scratch(nativeBytes), var mounts = MountList(call)
  else { return call.error(ENOMEM) }
  let address = call.address(0)
  let room = Int(min(call.unsigned(1), 1 << 30)) / size
  let copied = call
  return mounts.tell(room: address == 0 ? nil : room, native) { line, count in
    copied.fill(foreign, structure, from: native)
    copied.name(foreign, line)
    return copied.copyOut(address + UInt64(count * size), foreign, size)
  }
}

extension Call {
  fileprivate func fill(
    _ foreign: UnsafeMutableRawPointer, _ structure: Int, from native: UnsafeMutableRawPointer
  ) {
    table.structToForeign(structure, from: native, to: foreign)
    // f_type of Linux's struct statfs.
    if !isRemote(native.load(as: UInt64.self)) {
      let record = Record(foreign, table)
      record[.statfs__f_flags] |= UInt64(table[.MNT_LOCAL])
    }
  }

  fileprivate func name(_ foreign: UnsafeMutableRawPointer, _ line: MountLine) {
    if let place = table.layout(.statfs__f_fstypename) { line.type(to: foreign + place.offset, room: place.width) }
    if let place = table.layout(.statfs__f_mntonname) { line.path(to: foreign + place.offset, room: place.width) }
    for field in [FieldName.statfs__f_mntfromname, .statfs__f_mntfromspec] {
      if let place = table.layout(field) { line.source(to: foreign + place.offset, room: place.width) }
    }
  }
}
