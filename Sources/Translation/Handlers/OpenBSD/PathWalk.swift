import CEngine
import CWire

// A lookup step by step, as namei() makes it, so that each directory on the way is seen. It uses no descriptors, which
// the guest could see: what it has resolved so far is text, relative to the directory where it began or absolute.
// Source: sys/kern/vfs_lookup.c.

/// What a call wants of a path, as `path_uses` of the table tells it.
struct PathUse {
  var bits: UInt32

  /// UNVEIL_* of sys/namei.h.
  var rights: UInt8 { UInt8(truncatingIfNeeded: bits) & Unveiled.all }
  /// FOLLOW: a symbolic link at the end is followed.
  static let follow: UInt32 = 0x10
  /// CREATE: the last name need not exist.
  static let make: UInt32 = 0x20
  /// DELETE: the last name goes away.
  static let remove: UInt32 = 0x40
  /// STRIPSLASHES
  static let stripSlashes: UInt32 = 0x80
  /// BYPASSUNVEIL
  static let bypass: UInt32 = 0x100
  /// unveil(2) itself: what may not be written may still be named.
  static let naming: UInt32 = 0x200

  func has(_ bit: UInt32) -> Bool { bits & bit != 0 }
  /// LOCKPARENT
  var wantsParent: Bool { has(Self.make | Self.remove | Self.naming) }
}

/// struct statx of linux/stat.h, as far as it is read here.
private enum StatusOfFile {
  static let size = 256
  static let mode = 28
  static let inode = 32
  static let birth = 80
  static let device = 136
  /// STATX_TYPE | STATX_INO | STATX_BTIME
  static let mask = 0x1 | 0x100 | 0x800
}

private let dot = UInt8(ascii: ".")
private let directoryType: UInt32 = 0o040000

struct PathWalk {
  /// MAXPATHLEN, NAME_MAX and SYMLOOP_MAX of sys/syslimits.h.
  static let longestPath = 1024
  static let longestName = 255
  static let mostLinks = 32
  /// What is resolved is refused from here on; one more name fits behind it.
  private static let longestResult = 4000
  private static let room = longestResult + 512

  let call: Call
  let use: PathUse
  /// The list that the walk is held against; nil follows the path only.
  let list: UnveilList?
  private let base: Int
  /// What is resolved, NUL-terminated, and its length.
  private(set) var text: UnsafeMutableRawPointer
  private var length = 0
  private var rest: UnsafeMutableRawPointer
  private var at = 0
  private let status: UnsafeMutableRawPointer
  private var link: UnsafeMutableRawPointer
  private var links = 0
  private var rootIdentity: DirectoryIdentity?

  /// ni_unveil_match: the entry of the nearest directory so far; -1 without.
  private(set) var match = -1
  /// ni_dvp; nil for the root itself.
  private(set) var parent: DirectoryIdentity?
  /// ni_vp, when it is a directory.
  private(set) var directory: DirectoryIdentity?
  /// Whether the last name exists.
  private(set) var exists = true
  /// The last name, as it stands in `text`.
  private(set) var name: (offset: Int, length: Int) = (0, 0)

  init?(_ call: Call, _ use: PathUse, from base: Int, against list: UnveilList?) {
    guard let text = call.scratch(Self.room), let rest = call.scratch(2 * Self.longestPath),
      let link = call.scratch(2 * Self.longestPath), let status = call.scratch(StatusOfFile.size)
    else { return nil }
    (self.call, self.use, self.base, self.list) = (call, use, base, list)
    (self.text, self.rest, self.link, self.status) = (text, rest, link, status)
  }

  /// The text that Linux is asked for: without the "./" that stands for the beginning.
  var result: UnsafeMutableRawPointer {
    length > 2 && byte(text, 0) == dot && byte(text, 1) == slash ? text + 2 : text
  }

  /// Copies the path and walks it; 0, or the answer.
  mutating func walk(_ address: UInt64) -> Int {
    let count = persona_copy_string(rest.assumingMemoryBound(to: CChar.self), address, Self.longestPath)
    if count < 0 { return Int(count) }
    if count == 0 { return call.error(ENOENT) }
    if use.has(PathUse.stripSlashes) { stripSlashes(Int(count)) }
    let isAbsolute = byte(rest, 0) == slash
    let refusal = isAbsolute ? startAtRoot() : startAtBase()
    return refusal != 0 ? refusal : steps()
  }

  private mutating func stripSlashes(_ count: Int) {
    var end = count
    while end > 0, byte(rest, end - 1) == slash { end -= 1 }
    if end > 0 { rest.storeBytes(of: 0, toByteOffset: end, as: UInt8.self) }
  }

  private mutating func startAtRoot() -> Int {
    set("/")
    let found = look(at: text.word)
    directory = found.directory
    rootIdentity = directory
    return found.refusal
  }

  private mutating func startAtBase() -> Int {
    set(".")
    let found = look(at: text.word)
    directory = found.directory
    if found.refusal != 0 { return found.refusal }
    guard let directory else { return call.error(ENOTDIR) }
    guard let list else { return 0 }
    // unveil_start_relative
    match = list.find(directory)
    if match < 0 { match = cover(of: -1, from: directory, isInside: false) }
    check(directory, isUpwards: false)
    return 0
  }

  /// One name after the other; `directory` is where the next one is looked up.
  private mutating func steps() -> Int {
    while true {
      while byte(rest, at) == slash { at += 1 }
      if byte(rest, at) == 0 {
        // The root itself, or what a link to it left.
        if use.wantsParent, !use.has(PathUse.naming) { return call.error(EISDIR) }
        parent = nil
        return 0
      }
      guard let current = directory else { return call.error(ENOTDIR) }
      var end = at
      while byte(rest, end) != 0, byte(rest, end) != slash { end += 1 }
      guard end - at <= Self.longestName else { return call.error(ENAMETOOLONG) }
      var next = end
      while byte(rest, next) == slash { next += 1 }
      let mustBeDirectory = next > end
      let isLast = byte(rest, next) == 0
      let isUpwards = end - at == 2 && byte(rest, at) == dot && byte(rest, at + 1) == dot
      let isHere = end - at == 1 && byte(rest, at) == dot
      parent = current
      if isUpwards {
        let refusal = stepUp(current, isLast: isLast)
        if refusal != 0 { return refusal }
      } else if isHere {
        check(current, isUpwards: false)
        if isLast { append(rest + at, 1) }
      } else {
        check(current, isUpwards: false)
        let before = length
        append(rest + at, end - at)
        guard length < Self.longestResult else { return call.error(ENAMETOOLONG) }
        let (refusal, found) = look(at: text.word)
        if refusal != 0 {
          guard isLast || use.has(PathUse.naming), isMissing(refusal) else { return refusal }
          return missing(before, mustBeDirectory)
        }
        if fileType == symbolicLinkType, use.has(PathUse.follow) || mustBeDirectory {
          let refusal = follow(before, end)
          if refusal != 0 { return refusal }
          continue
        }
        if isLast, use.has(PathUse.remove), let refusal = refusesWriting(before) { return refusal }
        if found == nil, mustBeDirectory { return call.error(ENOTDIR) }
        directory = found
      }
      at = next
      if isLast { return 0 }
    }
  }

  /// "..", which stays at the root.
  private mutating func stepUp(_ current: DirectoryIdentity, isLast: Bool) -> Int {
    check(current, isUpwards: true)
    if current == root {
      match = -1
      if isLast { append(rest + at, 2) }
      return 0
    }
    var isOnlyUpwards = length == 1 && byte(text, 0) == dot
    if length >= 3, byte(text, length - 1) == dot, byte(text, length - 2) == dot, byte(text, length - 3) == slash {
      isOnlyUpwards = true
    }
    if isLast || isOnlyUpwards {
      append(rest + at, 2)
    } else {
      truncate()
    }
    let found = look(at: text.word)
    directory = found.directory
    return found.refusal
  }

  /// Whether an error of the last name's lookup leaves it to be made, or to be named by unveil(2).
  private func isMissing(_ refusal: Int) -> Bool {
    if refusal == call.error(ENOENT) { return use.has(PathUse.make | PathUse.naming) }
    return use.has(PathUse.naming) && (refusal == call.error(EACCES) || refusal == call.error(EPERM))
  }

  /// What is to be made is not there yet; the directory must let it be made first.
  private mutating func missing(_ before: Int, _ mustBeDirectory: Bool) -> Int {
    if mustBeDirectory { return call.error(ENOENT) }
    if !use.has(PathUse.naming), let refusal = refusesWriting(before) { return refusal }
    directory = nil
    exists = false
    return 0
  }

  /// The error by which the directory, whose name is the text's first `count` bytes, refuses a change.
  private mutating func refusesWriting(_ count: Int) -> Int? {
    let kept = byte(text, count)
    text.storeBytes(of: 0, toByteOffset: count, as: UInt8.self)
    // faccessat2(…, W_OK, AT_EACCESS)
    let result = call.hostNow(439, base, text.word, 2, 0x200)
    text.storeBytes(of: kept, toByteOffset: count, as: UInt8.self)
    return result < 0 ? result : nil
  }

  private mutating func follow(_ before: Int, _ end: Int) -> Int {
    links += 1
    if links > Self.mostLinks { return call.error(ELOOP) }
    let count = call.hostNow(__NR_readlinkat, base, text.word, link.word, Self.longestPath)
    if count < 0 { return count }
    if count == 0 { return call.error(ENOENT) }
    var tail = 0
    while byte(rest, end + tail) != 0 { tail += 1 }
    guard count + tail + 1 < Self.longestPath else { return call.error(ENAMETOOLONG) }
    (link + count).copyMemory(from: rest + end, byteCount: tail + 1)
    (rest, link) = (link, rest)
    at = 0
    length = before
    text.storeBytes(of: 0, toByteOffset: length, as: UInt8.self)
    guard byte(rest, 0) == slash else { return 0 }
    set("/")
    let found = look(at: text.word)
    directory = found.directory
    if found.refusal != 0 { return found.refusal }
    match = -1
    if let directory { check(directory, isUpwards: false) }
    return 0
  }

  // MARK: The list

  /// unveil_check_component
  private mutating func check(_ current: DirectoryIdentity, isUpwards: Bool) {
    guard let list else { return }
    if isUpwards {
      // unveil_covered: above the directory of an entry, the entry that covers it holds.
      guard match >= 0, list.directory(match).pointee.identity == current else { return }
      if current != root { match = cover(of: match, from: current, isInside: false) }
      return
    }
    let entry = list.find(current)
    if entry >= 0 { match = entry }
  }

  /// The entry of the nearest directory above another entry's, or with -1 above `start`; -1 without. `start` is the
  /// directory that the text names, or with `isInside` the one that holds the last name.
  mutating func cover(of entry: Int, from start: DirectoryIdentity, isInside: Bool) -> Int {
    guard let list, let climb = call.scratch(Self.room) else { return -1 }
    climb.copyMemory(from: text, byteCount: length + 1)
    var end = length
    if isInside {
      while end > 1, byte(climb, end - 1) != slash { end -= 1 }
    }
    var current = start
    var isPast = entry < 0 || current == list.directory(entry).pointee.identity
    while current != root, end < Self.longestResult {
      if byte(climb, end - 1) != slash {
        climb.storeBytes(of: slash, toByteOffset: end, as: UInt8.self)
        end += 1
      }
      climb.storeBytes(of: dot, toByteOffset: end, as: UInt8.self)
      climb.storeBytes(of: dot, toByteOffset: end + 1, as: UInt8.self)
      climb.storeBytes(of: 0, toByteOffset: end + 2, as: UInt8.self)
      end += 2
      guard let above = look(at: climb.word).directory, above != current else { return -1 }
      if isPast, case let found = list.find(above), found >= 0 { return found }
      if entry >= 0, above == list.directory(entry).pointee.identity { isPast = true }
      current = above
    }
    return -1
  }

  /// Leaves the text at the directory that holds the last name.
  mutating func leaveLastName() { truncate() }

  /// Whether the process's root is this directory.
  mutating func isRoot(_ identity: DirectoryIdentity) -> Bool { identity == root }

  private var root: DirectoryIdentity? {
    mutating get {
      if rootIdentity == nil {
        let path: StaticString = "/"
        rootIdentity = look(at: Int(bitPattern: path.utf8Start)).directory
      }
      return rootIdentity
    }
  }

  // MARK: Files

  /// What a path names, without following it: nil for what is no directory.
  private func look(at path: Int) -> (refusal: Int, directory: DirectoryIdentity?) {
    let result = call.hostNow(
      __NR_statx, base, path, Int(AT_SYMLINK_NOFOLLOW), StatusOfFile.mask, status.word)
    if result < 0 { return (result, nil) }
    guard fileType == directoryType else { return (0, nil) }
    let seconds = status.load(fromByteOffset: StatusOfFile.birth, as: UInt64.self)
    let nanoseconds = status.load(fromByteOffset: StatusOfFile.birth + 8, as: UInt32.self)
    let identity = DirectoryIdentity(
      device: status.load(fromByteOffset: StatusOfFile.device, as: UInt64.self),
      inode: status.load(fromByteOffset: StatusOfFile.inode, as: UInt64.self),
      birth: seconds &* 1_000_000_000 &+ UInt64(nanoseconds))
    return (0, identity)
  }

  /// The type of what was looked at last.
  private var fileType: UInt32 {
    UInt32(status.load(fromByteOffset: StatusOfFile.mode, as: UInt16.self)) & 0o170000
  }

  // MARK: Text

  private func byte(_ memory: UnsafeRawPointer, _ index: Int) -> UInt8 {
    memory.load(fromByteOffset: index, as: UInt8.self)
  }

  private mutating func set(_ path: StaticString) {
    text.storeBytes(of: path.utf8Start[0], as: UInt8.self)
    text.storeBytes(of: 0, toByteOffset: 1, as: UInt8.self)
    length = 1
  }

  private mutating func append(_ component: UnsafeRawPointer, _ count: Int) {
    if byte(text, length - 1) != slash {
      text.storeBytes(of: slash, toByteOffset: length, as: UInt8.self)
      length += 1
    }
    (text + length).copyMemory(from: component, byteCount: count)
    name = (length, count)
    length += count
    text.storeBytes(of: 0, toByteOffset: length, as: UInt8.self)
  }

  /// Takes the last name off.
  private mutating func truncate() {
    while length > 1, byte(text, length - 1) != slash { length -= 1 }
    while length > 1, byte(text, length - 1) == slash { length -= 1 }
    text.storeBytes(of: 0, toByteOffset: length, as: UInt8.self)
  }
}
