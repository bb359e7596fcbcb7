import CEngine
import CWire
import Wire

// mkdir(2), rmdir(2), unlink(2) and rename(2) of a name that ends in a slash: namei() follows a symbolic link
// there (TRAILINGSLASH of kern/vfs_lookup.c), Linux refuses it.

/// MAXSYMLINKS of sys/param.h.
private let mostLinks = 32
private let longestPath = 4096

/// unlinkFile(dirfd, path, flag): unlink(2), unlinkat(2) and rmdir(2). A directory is EPERM for unlink(2) there.
func unlinkFile(_ call: inout Call) -> Int { unlink(call, call[2]) }

func unlink(_ call: Call, _ flags: Int) -> Int {
  var result = call.hostNow(__NR_unlinkat, call[0], call[1], flags)
  if result == call.error(ENOTDIR), let target = linkTarget(call, call[0], call.address(1)) {
    result = call.hostNow(__NR_unlinkat, call[0], target.word, flags)
  }
  return result == call.error(EISDIR) ? call.error(EPERM) : result
}

/// makeDirectory(dirfd, path, mode)
func makeDirectory(_ call: inout Call) -> Int {
  let result = call.hostNow(__NR_mkdirat, call[0], call[1], call[2])
  guard result == call.error(EEXIST), let target = linkTarget(call, call[0], call.address(1)) else {
    return result
  }
  return call.hostNow(__NR_mkdirat, call[0], target.word, call[2])
}

/// renameFile(oldfd, old, newfd, new)
func renameFile(_ call: inout Call) -> Int {
  let result = call.hostNow(__NR_renameat, call[0], call[1], call[2], call[3])
  guard result == call.error(ENOTDIR) else { return result }
  let old = linkTarget(call, call[0], call.address(1))
  let new = linkTarget(call, call[2], call.address(3))
  if old == nil, new == nil { return result }
  return call.hostNow(__NR_renameat, call[0], old?.word ?? call[1], call[2], new?.word ?? call[3])
}

/// Where the symbolic link leads that the path names before its closing slash; nil when it is no such path.
private func linkTarget(_ call: Call, _ directory: Int, _ address: UInt64) -> UnsafeMutableRawPointer? {
  guard let path = call.scratch(longestPath), let link = call.scratch(longestPath) else { return nil }
  var length = Int(persona_copy_string(path.assumingMemoryBound(to: CChar.self), address, longestPath))
  var isLink = false
  for _ in 0..<mostLinks {
    guard length > 1, byte(path, length - 1) == slash else { return isLink ? path : nil }
    while length > 1, byte(path, length - 1) == slash { length -= 1 }
    path.storeBytes(of: 0, toByteOffset: length, as: UInt8.self)
    let count = call.hostNow(__NR_readlinkat, directory, path.word, link.word, longestPath - 2)
    guard count > 0 else {
      if !isLink { return nil }
      path.storeBytes(of: slash, toByteOffset: length, as: UInt8.self)
      path.storeBytes(of: 0, toByteOffset: length + 1, as: UInt8.self)
      return path
    }
    isLink = true
    // A relative link starts from the directory that holds it.
    var start = 0
    if byte(link, 0) != slash {
      start = length
      while start > 0, byte(path, start - 1) != slash { start -= 1 }
    }
    guard start + count + 2 <= longestPath else { return nil }
    (path + start).copyMemory(from: link, byteCount: count)
    length = start + count
    if byte(path, length - 1) != slash {
      path.storeBytes(of: slash, toByteOffset: length, as: UInt8.self)
      length += 1
    }
    path.storeBytes(of: 0, toByteOffset: length, as: UInt8.self)
  }
  return nil
}

private func byte(_ memory: UnsafeRawPointer, _ index: Int) -> UInt8 {
  memory.load(fromByteOffset: index, as: UInt8.self)
}
