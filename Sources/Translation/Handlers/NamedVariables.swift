import CEngine
import CWire

// Variables by name that a kernel keeps for its programs, in the memory that the guests of a session share: each
// belongs to an owner, and an owner's have the order in which they were set.

/// Whose a variable is.
struct VariableOwner: Equatable {
  let key: UInt64

  static let system = VariableOwner(key: 1 << 32)
  /// The kernel's environment, which its loader begins.
  static let kernel = VariableOwner(key: 2 << 32)
  static func user(_ id: UInt32) -> VariableOwner { VariableOwner(key: 3 << 32 | UInt64(id)) }
  static func process(_ pid: Int) -> VariableOwner { VariableOwner(key: 4 << 32 | UInt64(pid)) }
  /// A child that is being made.
  static func copy(_ number: UInt32) -> VariableOwner { VariableOwner(key: 5 << 32 | UInt64(number)) }

  static func session(_ id: Int) -> VariableOwner { VariableOwner(key: 6 << 32 | UInt64(id)) }

  /// The process that it is, or the one that leads the session that it is.
  fileprivate var process: Int? { key >> 32 == 4 || key >> 32 == 6 ? Int(key & 0xffff_ffff) : nil }
}

/// The list while it is locked; `unlock` when done.
struct NamedVariables {
  typealias Entry = UnsafeMutablePointer<persona_variable>
  private let session: UnsafeMutablePointer<persona_session>
  private let list: UnsafeMutablePointer<persona_variables>

  /// nil without a session's memory.
  init?() {
    guard let session = persona_session() else { return nil }
    self.session = session
    list = (UnsafeMutableRawPointer(session) + Int(PERSONA_SESSION_VARIABLES)).assumingMemoryBound(
      to: persona_variables.self)
    persona_session_lock(session)
  }

  func unlock() { persona_session_unlock(session) }

  var isEmpty: Bool { list.pointee.count == 0 }

  private func at(_ index: UInt32) -> Entry { persona_variable_at(list, index)! }

  private func index(_ owner: VariableOwner, _ name: UnsafeRawPointer) -> UInt32? {
    for index in 0..<list.pointee.count where at(index).pointee.owner == owner.key {
      if isSame(persona_variable_name(at(index)), name) { return index }
    }
    return nil
  }

  func find(_ owner: VariableOwner, _ name: UnsafeRawPointer) -> Entry? { index(owner, name).map(at) }

  /// Calls `body` for each of an owner's variables until it answers false.
  func each(_ owner: VariableOwner, _ body: (Entry) -> Bool) {
    for index in 0..<list.pointee.count where at(index).pointee.owner == owner.key {
      if !body(at(index)) { return }
    }
  }

  /// Adds a variable behind the others; false when there is no room.
  func append(_ owner: VariableOwner, _ name: UnsafeRawPointer, _ data: UnsafeRawPointer) -> Bool {
    if list.pointee.count == UInt32(PERSONA_VARIABLES) {
      // Those of processes that are gone.
      removeEach { entry in
        VariableOwner(key: entry.pointee.owner).process.map { quietly(__NR_kill, $0, 0) == -Int(ESRCH) } ?? false
      }
    }
    guard list.pointee.count < UInt32(PERSONA_VARIABLES) else { return false }
    let entry = at(list.pointee.count)
    entry.pointee.owner = owner.key
    copy(name, persona_variable_name(entry), Int(PERSONA_VARIABLE_NAME))
    copy(data, persona_variable_data(entry), Int(PERSONA_VARIABLE_DATA))
    list.pointee.count += 1
    return true
  }

  /// Whether there was one.
  func remove(_ owner: VariableOwner, _ name: UnsafeRawPointer) -> Bool {
    guard let index = index(owner, name) else { return false }
    for next in index + 1..<max(list.pointee.count, index + 1) { at(next - 1).pointee = at(next).pointee }
    list.pointee.count -= 1
    return true
  }

  private func removeEach(_ isGone: (Entry) -> Bool) {
    var kept: UInt32 = 0
    for index in 0..<list.pointee.count where !isGone(at(index)) {
      if kept != index { at(kept).pointee = at(index).pointee }
      kept += 1
    }
    list.pointee.count = kept
  }

  // MARK: Telling

  /// What `write` has done: how many bytes, and the number of the first variable that did not fit; nil when all did.
  struct Listing {
    var bytes = 0
    var next: Int?
    /// What all would have taken, and how many they are.
    var needed = 0
    var count = 0
  }

  /// Writes an owner's variables from the one with number `first` on to `room` bytes at `place`, each a name, `mark`,
  /// a value and a NUL, as long as they fit; nil is EFAULT.
  func write(_ owner: VariableOwner, from first: Int, to place: UInt64, _ room: Int, mark: UInt8, _ call: Call) -> Listing? {
    var (listing, number, isFaulty) = (Listing(), 0, false)
    each(owner) { entry in
      defer { number += 1 }
      guard number >= first, let name = persona_variable_name(entry), let data = persona_variable_data(entry) else {
        return true
      }
      let (before, behind) = (textLength(name), textLength(data) + 1)
      listing.needed += before + 1 + behind
      listing.count += 1
      if listing.next == nil, listing.needed > room { listing.next = number }
      if listing.next != nil { return true }
      let target = place + UInt64(listing.bytes)
      isFaulty = !call.copyOut(target, name, before) || !call.write(mark, at: target + UInt64(before))
        || !call.copyOut(target + UInt64(before + 1), data, behind)
      listing.bytes = listing.needed
      return !isFaulty
    }
    return isFaulty ? nil : listing
  }

  // MARK: Children

  /// Copies what a process has for the child that it makes next, and tells whose that is until the child is there.
  func copyAll(_ owner: VariableOwner) -> VariableOwner {
    list.pointee.copies &+= 1
    let child = VariableOwner.copy(list.pointee.copies)
    for index in 0..<list.pointee.count where at(index).pointee.owner == owner.key {
      _ = append(child, persona_variable_name(at(index)), persona_variable_data(at(index)))
    }
    return child
  }

  /// Gives all of one owner's variables to another in place of what that one has.
  func move(_ owner: VariableOwner, to other: VariableOwner) {
    removeAll(other)
    each(owner) { entry in
      entry.pointee.owner = other.key
      return true
    }
  }

  func removeAll(_ owner: VariableOwner) { removeEach { $0.pointee.owner == owner.key } }
}

/// Bytes of a text before its NUL.
func textLength(_ text: UnsafeRawPointer) -> Int {
  var length = 0
  while text.load(fromByteOffset: length, as: UInt8.self) != 0 { length += 1 }
  return length
}

private func isSame(_ one: UnsafeRawPointer, _ other: UnsafeRawPointer) -> Bool {
  var at = 0
  while true {
    let byte = one.load(fromByteOffset: at, as: UInt8.self)
    if byte != other.load(fromByteOffset: at, as: UInt8.self) { return false }
    if byte == 0 { return true }
    at += 1
  }
}

/// Copies a text that fits, its NUL included.
private func copy(_ text: UnsafeRawPointer, _ to: UnsafeMutableRawPointer, _ room: Int) {
  for at in 0..<room {
    let byte = text.load(fromByteOffset: at, as: UInt8.self)
    to.storeBytes(of: byte, toByteOffset: at, as: UInt8.self)
    if byte == 0 { return }
  }
}

extension Call {
  /// A guest's text of at most `limit` bytes with its NUL; nil, and why not.
  func variableText(_ address: UInt64, _ limit: Int, _ failure: inout Int) -> UnsafeMutableRawPointer? {
    guard let memory = scratch(limit) else {
      failure = error(ENOMEM)
      return nil
    }
    let length = Int(persona_copy_string(memory.assumingMemoryBound(to: CChar.self), address, limit))
    if length < 0 { failure = error(Int32(truncatingIfNeeded: -length)) }
    return length < 0 ? nil : memory
  }

  /// The call makes a process, by `body`: the child has the variables that its parent had then.
  func withInheritance(_ body: () -> Int) -> Int {
    guard table.constant(.VARSYM_PROC) != nil, let variables = NamedVariables() else { return body() }
    let isEmpty = variables.isEmpty
    let copies = variables.copyAll(.process(Int(process.pointee.pid)))
    variables.unlock()
    if isEmpty { return body() }
    let result = body()
    guard result <= 0, let variables = NamedVariables() else { return result }
    if result == 0 {
      variables.move(copies, to: .process(quietly(__NR_getpid)))
    } else {
      variables.removeAll(copies)
    }
    variables.unlock()
    return result
  }
}
