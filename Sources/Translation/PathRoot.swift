import CEngine
import CWire

// Paths of a process that has a root: a tree of its own system's files. As an *overlay* (as the BSDs' /emul and
// kern_alternate_path of kern/vfs_lookup.c) an absolute path is looked up there first, then on the host; a process
// that is *confined* to the root (chroot(2)) sees nothing else.

/// The tree: `persona_process.root` points to its length and its absolute path, which has no slash at its end.
struct PathRoot {
  private static let head = 8
  private let memory: UnsafeRawPointer
  let isConfining: Bool

  init?(_ process: UnsafeMutablePointer<persona_process>) {
    let view = PathView(rawValue: process.pointee.path_view)
    guard view.contains(.rooted), let memory = process.pointee.root else { return nil }
    self.memory = UnsafeRawPointer(memory)
    isConfining = view.contains(.confined)
  }

  /// Bytes of the path; 0 for the host's own root.
  var length: Int { Int(memory.load(as: UInt64.self)) }
  /// The path, NUL-terminated.
  var text: UnsafeRawPointer { memory + Self.head }

  /// Whether `path` begins with the root, and what follows is something in it.
  func holds(_ path: UnsafeRawPointer, _ count: Int) -> Bool {
    guard count > length, path.load(fromByteOffset: length, as: UInt8.self) == slash else {
      return false
    }
    return begins(path, count)
  }

  func isRoot(_ path: UnsafeRawPointer, _ count: Int) -> Bool {
    count == length && begins(path, count)
  }

  private func begins(_ path: UnsafeRawPointer, _ count: Int) -> Bool {
    guard count >= length else { return false }
    for index in 0..<length
    where path.load(fromByteOffset: index, as: UInt8.self)
      != text.load(fromByteOffset: index, as: UInt8.self)
    {
      return false
    }
    return true
  }

  /// Gives a process this root; false without memory. What was there before stays, since threads may look at it.
  static func set(
    _ process: UnsafeMutablePointer<persona_process>, _ path: UnsafeRawPointer, _ count: Int,
    confines: Bool
  ) -> Bool {
    var count = count
    while count > 0, path.load(fromByteOffset: count - 1, as: UInt8.self) == slash { count -= 1 }
    guard let memory = persona_allocate(head + count + 1) else { return false }
    memory.storeBytes(of: UInt64(count), as: UInt64.self)
    (memory + head).copyMemory(from: path, byteCount: count)
    process.pointee.root = memory
    var view = PathView(rawValue: process.pointee.path_view).union(.rooted)
    if confines { view.insert(.confined) }
    process.pointee.path_view = view.rawValue
    return true
  }
}

let slash = UInt8(ascii: "/")

/// Takes up the root that the load plan names; false without memory.
public func enterRoot(_ process: UnsafeMutablePointer<persona_process>) -> Bool {
  guard let plan = process.pointee.plan, plan.pointee.root != 0 else { return true }
  let text = UnsafeRawPointer(plan) + Int(plan.pointee.root)
  var count = 0
  while text.load(fromByteOffset: count, as: UInt8.self) != 0 { count += 1 }
  return PathRoot.set(
    process, text, count, confines: plan.pointee.flags & PERSONA_PLAN_CONFINED.rawValue != 0)
}

/// The path of a process's root, NUL-terminated, for its next program; nil without one.
public func rootOf(
  _ process: UnsafeMutablePointer<persona_process>
) -> (path: UnsafeRawPointer, confines: Bool)? {
  PathRoot(process).flatMap { $0.length > 0 ? ($0.text, $0.isConfining) : nil }
}

// MARK: - From the guest's names to the host's

/// A path of a process that has a root.
func rootedPath(_ call: Call, _ path: PathOperand, _ intent: PathIntent? = nil) -> NativePath {
  guard let root = PathRoot(call.process) else { return .same }
  var first: UInt8 = 0
  guard call.read(&first, at: path.address), first != 0 else { return .same }
  let intent = intent ?? call.intent(of: path)
  guard first == slash || root.isConfining else { return relativePath(call, root, path, intent) }
  guard var walk = RootWalk(call, root, from: path.directory, follows: intent.follows) else {
    return .refused(call.error(ENOMEM))
  }
  let outcome = walk.walk(path.address)
  guard !root.isConfining else {
    if case .refused(let answer) = outcome { return .refused(answer) }
    return .other(walk.text)
  }
  switch outcome {
  // The root itself is the host's: a way up to it would else never find it (kern_alternate_path).
  case .found: return .other(walk.isAtRoot ? walk.hostTop() : walk.text)
  case .refused:
    return ownProcess(call, path, intent) ?? hostTarget(call, root, &walk, outcome, intent)
      ?? (intent.purpose == .use ? hostPath(call, root, path) : .same)
  case .missing:
    if let target = hostTarget(call, root, &walk, outcome, intent) { return target }
    switch intent.purpose {
    case .use: return ownProcess(call, path, intent) ?? hostPath(call, root, path)
    case .make: return exists(path.address) ? .same : .other(walk.text)
    case .destination:
      return path.isSourceRooted || !parentExists(call, path.address) ? .other(walk.text) : .same
    }
  }
}

/// Where symbolic links that lead to nothing in the root lead on the host, if that is there or may be made there.
private func hostTarget(
  _ call: Call, _ root: PathRoot, _ walk: inout RootWalk, _ outcome: RootWalk.Outcome, _ intent: PathIntent
) -> NativePath? {
  var isFolderMissing = false
  if case .refused(let answer) = outcome {
    guard answer == call.error(ENOENT) else { return nil }
    isFolderMissing = true
  }
  guard let name = walk.hostName() else { return nil }
  let address = UInt64(UInt(bitPattern: name))
  guard exists(address) || isFolderMissing && intent.purpose != .use && parentExists(call, address) else { return nil }
  return isShadowedProgram(call, root, address) ? .refused(call.error(ENOENT)) : .other(name)
}

/// What is known of a process's current folder (`persona_process.is_below_top`). Nothing is of one that shares its descriptors: who
/// has the same ones may have the same folder, and change it.
enum CurrentFolder {
  static func noteBelowTop(_ process: UnsafeMutablePointer<persona_process>) {
    if process.pointee.owns_descriptors != 0 { process.pointee.is_below_top = 1 }
  }

  /// To be called before each change.
  static func forget(_ process: UnsafeMutablePointer<persona_process>) { process.pointee.is_below_top = 0 }
}

/// A relative path of a process that sees the host too. From the host's top it is looked up as an absolute one. Else it is
/// Linux's own affair, unless it starts in the root and a symbolic link or ".." would lead it out.
private func relativePath(_ call: Call, _ root: PathRoot, _ path: PathOperand, _ intent: PathIntent) -> NativePath {
  let used = call.thread.pointee.scratch_used
  guard let text = call.scratch(4096) else { return .refused(call.error(ENOMEM)) }
  let isCurrent = path.directory == Int(AT_FDCWD)
  if isCurrent, call.process.pointee.is_below_top != 0, isPlainName(path, text, intent) { return .same }
  let length = directoryName(call, path.directory, to: text)
  guard length > 0 else { return .same }
  if length == 1, text.load(as: UInt8.self) == slash { return fromTop(call, text, path, intent) }
  if isCurrent { CurrentFolder.noteBelowTop(call.process) }
  guard root.holds(text, length) || root.isRoot(text, length), !isPlainName(path, text, intent) else { return .same }
  let isInside = length > root.length
  call.thread.pointee.scratch_used = used
  guard var walk = RootWalk(call, root, from: path.directory, follows: intent.follows) else {
    return .refused(call.error(ENOMEM))
  }
  let outcome = walk.walk(path.address)
  if isInside, walk.isAtRoot, case .found = outcome { return .other(walk.hostTop()) }
  guard walk.differs, !walk.isAtRoot else { return .same }
  switch outcome {
  case .found: return .other(walk.text)
  case .missing:
    if let target = hostTarget(call, root, &walk, outcome, intent) { return target }
    return intent.purpose == .use ? .same : .other(walk.text)
  case .refused: return hostTarget(call, root, &walk, outcome, intent) ?? .same
  }
}

/// Whether a path, copied to `text`, is one name that is looked up as it is, not ".." nor a symbolic link that is followed; or
/// cannot be read.
private func isPlainName(_ path: PathOperand, _ text: UnsafeMutableRawPointer, _ intent: PathIntent) -> Bool {
  let count = Int(persona_copy_string(text.assumingMemoryBound(to: CChar.self), path.address, 4096))
  guard count > 0, count < 4096 else { return true }
  guard isOneName(text, count) else { return false }
  guard intent.follows else { return true }
  var byte: UInt8 = 0
  return withUnsafeMutableBytes(of: &byte) {
    quietly(__NR_readlinkat, path.directory, text.word, Int(bitPattern: $0.baseAddress!), 1)
  } < 0
}

/// A relative path that starts from "/", which `text` holds: what an absolute one finds. What is made there is made on the host.
private func fromTop(
  _ call: Call, _ text: UnsafeMutableRawPointer, _ path: PathOperand, _ intent: PathIntent
) -> NativePath {
  let count = Int(persona_copy_string((text + 1).assumingMemoryBound(to: CChar.self), path.address, 4095))
  guard count > 0, count < 4095 else { return .same }
  var absolute = path
  absolute.address = UInt64(UInt(bitPattern: text))
  let found = rootedPath(call, absolute, intent)
  guard intent.purpose == .make, isOneName(text + 1, count), case .other(let name) = found else { return found }
  return exists(UInt64(UInt(bitPattern: name))) ? found : .same
}

/// Whether a relative path has no directories in it, and does not lead up.
private func isOneName(_ path: UnsafeRawPointer, _ count: Int) -> Bool {
  for index in 0..<count where path.load(fromByteOffset: index, as: UInt8.self) == slash { return false }
  let dot = UInt8(ascii: ".")
  return !(count == 2 && path.load(as: UInt8.self) == dot && path.load(fromByteOffset: 1, as: UInt8.self) == dot)
}

/// A path that is to be found on the host alone.
private func hostPath(_ call: Call, _ root: PathRoot, _ path: PathOperand) -> NativePath {
  isShadowedProgram(call, root, path.address) ? .refused(call.error(ENOENT)) : .same
}

func begins(_ text: UnsafeRawPointer, with name: StaticString) -> Bool {
  for index in 0..<name.utf8CodeUnitCount
  where text.load(fromByteOffset: index, as: UInt8.self) != name.utf8Start[index] { return false }
  return true
}

/// Whether the host has something of that name, which may be a symbolic link.
private func exists(_ path: UInt64) -> Bool {
  var byte: UInt8 = 0
  let result = quietly(
    __NR_readlink, Int(truncatingIfNeeded: path),
    withUnsafeMutableBytes(of: &byte) { Int(bitPattern: $0.baseAddress!) }, 1)
  return result >= 0 || result == -Int(EINVAL)
}

/// Whether the host has the directory that holds the path's last name.
private func parentExists(_ call: Call, _ path: UInt64) -> Bool {
  guard let text = call.scratch(4096 + 16) else { return false }
  var end = Int(persona_copy_string(text.assumingMemoryBound(to: CChar.self), path, 4096))
  guard end > 0, end < 4096 else { return false }
  while end > 1, text.load(fromByteOffset: end - 1, as: UInt8.self) == slash { end -= 1 }
  while end > 1, text.load(fromByteOffset: end - 1, as: UInt8.self) != slash { end -= 1 }
  text.storeBytes(of: UInt8(ascii: "."), toByteOffset: end, as: UInt8.self)
  text.storeBytes(of: 0, toByteOffset: end + 1, as: UInt8.self)
  return exists(UInt64(UInt(bitPattern: text)))
}

// MARK: - From the host's names to the guest's

extension Call {
  /// What the guest calls a host's path of `count` bytes, as a part of that text; nil for what lies outside the root
  /// that confines it.
  func foreignName(_ path: UnsafeMutableRawPointer, _ count: Int) -> (
    text: UnsafeMutableRawPointer, count: Int
  )? {
    guard process.pointee.path_view != 0, let root = PathRoot(process) else { return (path, count) }
    if root.holds(path, count) { return (path + root.length, count - root.length) }
    guard root.isConfining else { return (path, count) }
    guard root.isRoot(path, count) else { return nil }
    if count == 0 { return (path, 0) }
    path.storeBytes(of: slash, toByteOffset: count - 1, as: UInt8.self)
    return (path + count - 1, 1)
  }

  /// The same in place: the text moves to its beginning and stays NUL-terminated; its new length.
  func renameForeign(_ path: UnsafeMutableRawPointer, _ count: Int) -> Int {
    guard process.pointee.path_view != 0, let name = foreignName(path, count), name.text != path
    else { return count }
    for index in 0..<name.count {
      path.storeBytes(
        of: name.text.load(fromByteOffset: index, as: UInt8.self), toByteOffset: index,
        as: UInt8.self)
    }
    path.storeBytes(of: 0, toByteOffset: name.count, as: UInt8.self)
    return name.count
  }
}
