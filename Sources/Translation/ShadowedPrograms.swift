import CEngine
import CWire

// Programs that a root has in another of the folders of programs than the host. On hosts of today /bin is /usr/bin, so
// that PATH=/usr/bin:/bin would find the host's ls before the root's /bin/ls has its turn. The root's programs therefore
// hide the host's of the same name in all of these folders.

private let programFolders: InlineArray<4, StaticString> = ["/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/"]

/// Whether `path`, which the root does not hold, names a program of the host that one of the root's hides.
func isShadowedProgram(_ call: Call, _ root: PathRoot, _ path: UInt64) -> Bool {
  let longest = 256 + 16
  let used = call.thread.pointee.scratch_used
  defer { call.thread.pointee.scratch_used = used }
  guard let text = call.scratch(longest), let other = call.scratch(longest) else { return false }
  let count = Int(persona_copy_string(text.assumingMemoryBound(to: CChar.self), path, longest))
  guard count > 0, count < longest, let own = folder(of: text, count) else { return false }
  let head = programFolders[own].utf8CodeUnitCount
  for index in programFolders.indices where index != own {
    let folder = programFolders[index]
    other.copyMemory(from: folder.utf8Start, byteCount: folder.utf8CodeUnitCount)
    (other + folder.utf8CodeUnitCount).copyMemory(from: text + head, byteCount: count - head + 1)
    let walked = call.thread.pointee.scratch_used
    defer { call.thread.pointee.scratch_used = walked }
    guard var walk = RootWalk(call, root, from: Int(AT_FDCWD), follows: true) else { return false }
    if case .found = walk.walk(UInt64(UInt(bitPattern: other))) { return true }
  }
  return false
}

/// The folder of programs that a path of `count` bytes names something in.
private func folder(of path: UnsafeRawPointer, _ count: Int) -> Int? {
  for index in programFolders.indices {
    let folder = programFolders[index]
    let head = folder.utf8CodeUnitCount
    guard count > head, begins(path, with: folder) else { continue }
    for position in head..<count where path.load(fromByteOffset: position, as: UInt8.self) == slash { return nil }
    return index
  }
  return nil
}
