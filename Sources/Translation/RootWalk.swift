import CEngine
import CWire

/// A lookup inside a root, name by name, as namei() makes it: symbolic links stay in the root, and ".." does not leave
/// it. It uses no descriptors, which the guest could see; what it has resolved so far is text. Source: namei() of
/// kern/vfs_lookup.c.
struct RootWalk {
  enum Outcome {
    case found
    /// All but the last name is there.
    case missing
    case refused(Int)
  }

  /// MAXSYMLINKS of sys/param.h, NAME_MAX of sys/syslimits.h.
  private static let mostLinks = 32
  private static let longestName = 255
  private static let longestPath = 4096
  private static let room = longestPath + longestName + 16

  private let call: Call
  private let root: PathRoot
  private let base: Int
  private let follows: Bool
  /// What is resolved, NUL-terminated, for Linux: absolute, or relative to `base`.
  let text: UnsafeMutableRawPointer
  private var length = 0
  private var rest: UnsafeMutableRawPointer
  private var link: UnsafeMutableRawPointer
  private var at = 0
  private var links = 0
  /// Whether `text` is absolute.
  private var isAbsolute = false
  /// Whether Linux might end elsewhere: a symbolic link was followed, or ".." stayed at the root.
  private(set) var differs = false

  init?(_ call: Call, _ root: PathRoot, from base: Int, follows: Bool) {
    guard let text = call.scratch(Self.room), let rest = call.scratch(Self.longestPath),
      let link = call.scratch(Self.longestPath)
    else { return nil }
    (self.call, self.root, self.base, self.follows) = (call, root, base, follows)
    (self.text, self.rest, self.link) = (text, rest, link)
    text.storeBytes(of: 0, as: UInt8.self)
  }

  /// Whether the walk ended at the root itself.
  var isAtRoot: Bool { isAbsolute && root.isRoot(text, length) }

  /// The host's "/", in place of what is resolved.
  func hostTop() -> UnsafeMutableRawPointer {
    text.storeBytes(of: slash, as: UInt8.self)
    text.storeBytes(of: 0, toByteOffset: 1, as: UInt8.self)
    return text
  }

  /// After links that lead to nothing in the root: where they lead on the host, NUL-terminated, with the names that are left.
  mutating func hostName() -> UnsafeMutableRawPointer? {
    guard differs, isAbsolute, root.holds(text, length) else { return nil }
    var count = 0
    while byte(rest, at + count) != 0 { count += 1 }
    guard length + count < Self.longestPath else { return nil }
    if count > 0 { append(rest + at, count) }
    return text + root.length
  }

  mutating func walk(_ address: UInt64) -> Outcome {
    let count = persona_copy_string(
      rest.assumingMemoryBound(to: CChar.self), address, Self.longestPath)
    if count < 0 { return .refused(Int(count)) }
    if byte(rest, 0) == slash { startAtRoot() }
    while true {
      while byte(rest, at) == slash { at += 1 }
      if byte(rest, at) == 0 { return end() }
      if let outcome = step() { return outcome }
    }
  }

  /// Takes the next name; the outcome, if it was the last.
  private mutating func step() -> Outcome? {
    var end = at
    while byte(rest, end) != 0, byte(rest, end) != slash { end += 1 }
    guard end - at <= Self.longestName, length < Self.longestPath else {
      return .refused(call.error(ENAMETOOLONG))
    }
    var next = end
    while byte(rest, next) == slash { next += 1 }
    let isLast = byte(rest, next) == 0
    defer { at = next }
    if byte(rest, at) == dot {
      if end - at == 1 {
        // Linux looks whether it is a directory.
        if isLast, !isAtRoot { append(rest + at, 1) }
        return nil
      }
      if end - at == 2, byte(rest, at + 1) == dot { return stepUp() }
    }
    if root.isConfining, isAtRoot, isDevices(rest + at, end - at), usesHostDevices(from: end) {
      return .found
    }
    let before = length
    append(rest + at, end - at)
    let count = quietly(__NR_readlinkat, base, text.word, link.word, Self.longestPath)
    if count >= 0 {
      if isLast, next == end, !follows { return .found }
      if let outcome = follow(count, before, end) { return outcome }
      next = at
      return nil
    }
    switch -Int32(truncatingIfNeeded: count) {
    case EINVAL:
      if isLast, next > end { appendSlash() }
      return nil
    case ENOENT where isLast:
      if next > end { appendSlash() }
      return .missing
    default: return .refused(count)
    }
  }

  /// The path is at its end.
  private mutating func end() -> Outcome {
    if length == 0 {
      // A relative path of dots alone, or the host's root as the root.
      text.storeBytes(of: isAbsolute ? slash : dot, as: UInt8.self)
      text.storeBytes(of: 0, toByteOffset: 1, as: UInt8.self)
    }
    return .found
  }

  /// "..", which stays at the root.
  private mutating func stepUp() -> Outcome? {
    if !isAbsolute, let refusal = becomeAbsolute() { return .refused(refusal) }
    if isAtRoot {
      differs = true
      return nil
    }
    let before = length
    appendSlash()
    append(".")
    let probe = quietly(__NR_readlinkat, base, text.word, link.word, 1)
    cut(to: before)
    if probe < 0, probe != call.error(EINVAL) { return .refused(probe) }
    while length > 0, byte(text, length - 1) != slash { length -= 1 }
    while length > 0, byte(text, length - 1) == slash { length -= 1 }
    cut(to: length)
    return nil
  }

  /// Puts the name of the directory that a relative path starts from before what is resolved.
  private mutating func becomeAbsolute() -> Int? {
    guard let name = call.scratch(Self.longestPath) else { return call.error(ENOMEM) }
    var count = directoryName(call, base, to: name)
    guard count > 0 else { return base == Int(AT_FDCWD) ? call.error(ENOENT) : call.error(EBADF) }
    guard byte(name, 0) == slash else { return call.error(ENOTDIR) }
    if count == 1 { count = 0 }
    guard count + length + 1 < Self.longestPath else { return call.error(ENAMETOOLONG) }
    if length > 0 {
      name.storeBytes(of: slash, toByteOffset: count, as: UInt8.self)
      (name + count + 1).copyMemory(from: text, byteCount: length)
      count += length + 1
    }
    text.copyMemory(from: name, byteCount: count)
    cut(to: count)
    isAbsolute = true
    return nil
  }

  private mutating func follow(_ count: Int, _ before: Int, _ end: Int) -> Outcome? {
    links += 1
    differs = true
    if links > Self.mostLinks { return .refused(call.error(ELOOP)) }
    if count == 0 { return .refused(call.error(ENOENT)) }
    var tail = 0
    while byte(rest, end + tail) != 0 { tail += 1 }
    guard count + tail + 1 < Self.longestPath else { return .refused(call.error(ENAMETOOLONG)) }
    (link + count).copyMemory(from: rest + end, byteCount: tail + 1)
    (rest, link) = (link, rest)
    at = 0
    cut(to: before)
    if byte(rest, 0) == slash { startAtRoot() }
    return nil
  }

  // MARK: Devices

  private func isDevices(_ name: UnsafeRawPointer, _ count: Int) -> Bool {
    count == 3 && byte(name, 0) == UInt8(ascii: "d") && byte(name, 1) == UInt8(ascii: "e")
      && byte(name, 2) == UInt8(ascii: "v")
  }

  /// A root without devices of its own has the host's, as if they were mounted there.
  private mutating func usesHostDevices(from end: Int) -> Bool {
    let before = length
    append("/dev/null")
    let probe = quietly(__NR_readlinkat, base, text.word, link.word, 1)
    cut(to: before)
    if probe == call.error(EINVAL) || goesUp(from: end) { return false }
    cut(to: 0)
    append("/dev")
    var index = end
    while byte(rest, index) != 0 { index += 1 }
    (text + length).copyMemory(from: rest + end, byteCount: index - end)
    cut(to: length + index - end)
    return true
  }

  /// Whether ".." is among the names that are left.
  private func goesUp(from start: Int) -> Bool {
    var index = start
    while byte(rest, index) != 0 {
      if byte(rest, index) == dot, byte(rest, index + 1) == dot, byte(rest, index - 1) == slash,
        byte(rest, index + 2) == slash || byte(rest, index + 2) == 0
      {
        return true
      }
      index += 1
    }
    return false
  }

  // MARK: Text

  private var dot: UInt8 { UInt8(ascii: ".") }

  private func byte(_ memory: UnsafeRawPointer, _ index: Int) -> UInt8 {
    memory.load(fromByteOffset: index, as: UInt8.self)
  }

  private mutating func startAtRoot() {
    text.copyMemory(from: root.text, byteCount: root.length)
    cut(to: root.length)
    isAbsolute = true
  }

  private mutating func cut(to count: Int) {
    length = count
    text.storeBytes(of: 0, toByteOffset: count, as: UInt8.self)
  }

  private mutating func appendSlash() {
    if length > 0, byte(text, length - 1) == slash { return }
    text.storeBytes(of: slash, toByteOffset: length, as: UInt8.self)
    cut(to: length + 1)
  }

  private mutating func append(_ name: UnsafeRawPointer, _ count: Int) {
    // What is relative begins with a name.
    if length > 0 || isAbsolute { appendSlash() }
    (text + length).copyMemory(from: name, byteCount: count)
    cut(to: length + count)
  }

  private mutating func append(_ name: StaticString) {
    (text + length).copyMemory(from: name.utf8Start, byteCount: name.utf8CodeUnitCount)
    cut(to: length + name.utf8CodeUnitCount)
  }
}

/// Writes Linux's name of the directory that a relative path starts from to 4096 bytes at `name`; its length, or not above 0.
func directoryName(_ call: Call, _ directory: Int, to name: UnsafeMutableRawPointer) -> Int {
  if directory == Int(AT_FDCWD) { return quietly(__NR_getcwd, name.word, 4096) - 1 }
  guard let path = call.scratch(40) else { return call.error(ENOMEM) }
  writeDescriptorPath(directory, to: path)
  return quietly(__NR_readlinkat, Int(AT_FDCWD), path.word, name.word, 4096)
}
