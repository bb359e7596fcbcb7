import CEngine
import CWire

// From a name to a file: walk and namec of sys/src/9/port/chan.c. A location tells where a file really is: "#", the
// device's letter, and the path there, as in "#U/home/glenda" (U is Linux's own tree) or "#e/path". Names
// are walked element by element through the mounts, which are kept by location.

/// What a name is walked for.
enum WalkPurpose {
  /// stat and wstat: what is there, with the name that led there.
  case access
  /// What bind(2) takes to mount.
  case bind
  case open, remove
  /// A directory to be in: it is left before the mount point.
  case enter
  /// Where bind(2) mounts.
  case mountPoint
  case create
}

/// Where a name led.
struct NamePlace {
  /// "#U/…"
  var location: NameText
  /// As fd2path(2) tells it.
  var name: NameText
  /// Before the mount point at the end was crossed; empty if there was none.
  var head: NameText
  var kind = FileKind.missing
  /// Members of the union there; 0 where nothing is mounted.
  var members = 0
  /// Whether the name ignores mounts, since it names a device.
  var isDevice = false
  /// Linux's statx of it, if it is a file of Linux's.
  var status: UnsafeMutableRawPointer

  init?(_ call: Call) {
    guard let location = call.newText(4096 + 256), let name = call.newText(4096), let head = call.newText(4096 + 256),
      let status = call.scratch(256)
    else { return nil }
    self.location = location
    self.name = name
    self.head = head
    self.status = status
  }

  /// The device's letter.
  var device: UInt8 { location.start[1] }
  /// The path within the device: empty, or beginning with a slash.
  var path: NameBytes { location.bytes.from(2) }
}

/// Names of the top directory, where devices are mounted (devroot.c); what it lacks of Plan 9's comes from the tree that
/// is mounted behind it.
private let topDirectories: InlineArray<6, StaticString> = ["bin", "dev", "env", "fd", "proc", "srv"]

func topDirectory(_ index: Int) -> StaticString? { index < 6 ? topDirectories[index] : nil }

/// The elements of a name, as parsename of chan.c finds them.
struct NameElements {
  let name: NameBytes
  var position = 0

  init(_ name: NameBytes) {
    self.name = name
    skip()
  }

  private mutating func skip() {
    while position < name.count {
      let isSlash = name[position] == UInt8(ascii: "/")
      let isDot =
        name[position] == UInt8(ascii: ".")
        && (position + 1 == name.count || name[position + 1] == UInt8(ascii: "/"))
      guard isSlash || isDot else { break }
      position += 1
    }
  }

  /// The next element, and whether a slash stands behind it.
  mutating func next(_ hasSlash: inout Bool) -> NameBytes? {
    guard position < name.count else { return nil }
    let begin = position
    while position < name.count, name[position] != UInt8(ascii: "/") { position += 1 }
    let element = name.slice(begin..<position)
    hasSlash = position < name.count
    end = position
    skip()
    if position == name.count, hasSlash { end = position }
    return element
  }

  /// Where the last element ended, trailing slashes included.
  var end = 0
}

/// One walk along a name.
struct Walk {
  let call: Call
  let state: UnsafeMutablePointer<NamesState>
  var place: NamePlace
  /// The whole name, and where its elements begin: behind a device's letter.
  private let name: NameBytes
  private var prefix = 0
  /// Up to where the name is shown by an error; 0 for not at all.
  private var shown = 0
  /// The length of the location that is known to be there, and how far the name had come then.
  private var anchor = 0
  /// Elements since one server was asked for several at once (MAXWELEM of chan.c).
  private var batch = 0

  init?(_ call: Call, _ state: UnsafeMutablePointer<NamesState>, _ name: NameBytes) {
    guard let place = NamePlace(call) else { return nil }
    self.call = call
    self.state = state
    self.place = place
    self.name = name
  }

  private var mounts: MountTable { state.pointee.mounts }

  /// Walks; 0, or a failure whose words are kept. `mode` is open's, `isFolder` whether create makes a directory.
  mutating func run(_ purpose: WalkPurpose, mode: Int = 0, isFolder: Bool = false) -> Int {
    let started = start()
    if started != 0 { return started }
    var elements = NameElements(name.from(prefix))
    var hasSlash = false
    var count = 0
    anchor = place.location.count
    while let element = elements.next(&hasSlash) {
      let isLast = elements.position >= elements.name.count
      if isLast, purpose == .create {
        if hasSlash, !isFolder {
          return fail(EINVAL, prefix + elements.end, "create without DMDIR")
        }
        let failure = settle(elements.name, upTo: prefix + shownLength(elements.name, count))
        if failure != 0 { return failure }
        return create(element, prefix + elements.end, mode)
      }
      let failure =
        element.equals("..")
        ? up(elements.name, count) : step(element, count, prefix + elements.end)
      if failure != 0 { return failure }
      count += 1
      if element.equals("..") { batch = count }
    }
    if purpose == .create { return call.fail(EEXIST, "file already exists") }
    shown = count == 0 ? 0 : prefix + elements.end
    let failure = settle(elements.name, upTo: shown)
    if failure != 0 { return failure }
    if hasSlash || count == 0, place.kind != .directory { return fail(ENOTDIR, shown, "not a directory") }
    if purpose == .open, mode & 3 == 3, place.kind == .directory {
      return fail(EISDIR, shown, "cannot exec directory")
    }
    switch purpose {
    case .access, .bind, .open, .remove: cross()
    case .enter: if place.kind != .directory { return fail(ENOTDIR, shown, "not a directory") }
    case .mountPoint, .create: break
    }
    return 0
  }

  /// Fails as an open file's device does after the walk: with the name before the words.
  func failOpened(_ errno: Int32, _ words: NameBytes) -> Int {
    shown == 0 ? call.fail(errno, words) : call.fail(errno, named: name.slice(0..<shown), words)
  }

  private func fail(_ errno: Int32, _ length: Int, _ words: StaticString) -> Int {
    fail(errno, length, NameBytes(words))
  }

  private func fail(_ errno: Int32, _ length: Int, _ words: NameBytes) -> Int {
    length == 0 ? call.fail(errno, words) : call.fail(errno, named: name.slice(0..<length), words)
  }

  // MARK: The start

  private mutating func start() -> Int {
    switch name[0] {
    case UInt8(ascii: "/"):
      place.location.append("#/")
      place.name.append("/")
    case UInt8(ascii: "#"):
      while prefix < name.count, name[prefix] != UInt8(ascii: "/") || prefix < 2 { prefix += 1 }
      guard prefix < 128 else { return call.fail(EINVAL, "file name syntax") }
      let letter = prefix > 1 ? name[1] : 0
      if letter == UInt8(ascii: "M") { return call.fail(EACCES, "mount/attach disallowed") }
      if call.isMountRefused, !NameBytes("|decp").contains(letter) {
        return call.fail(EACCES, "mount/attach disallowed")
      }
      guard letter != 0, NameBytes("/cdepsU").contains(letter) else {
        return call.fail(ENOENT, "unknown device in # filename")
      }
      if letter == UInt8(ascii: "e"), prefix > 2 { return call.fail(EINVAL, "bad arg in system call") }
      place.isDevice = true
      place.location.append(name.slice(0..<2))
      place.name.append(name.slice(0..<prefix))
    default:
      place.location.append(state.directoryLocation)
      place.name.append(state.directoryName)
    }
    return 0
  }

  // MARK: One element

  private mutating func step(_ element: NameBytes, _ count: Int, _ end: Int) -> Int {
    if !place.isDevice, mounts.first(at: place.location.bytes) != nil {
      let mark = call.thread.pointee.scratch_used
      defer { call.thread.pointee.scratch_used = mark }
      guard var candidate = call.newText(4096 + 256) else { return call.error(ENOMEM) }
      var offset = 0
      while let member = mounts.next(&offset, at: place.location.bytes) {
        candidate.replace(by: member.to)
        append(element, to: &candidate)
        guard kind(candidate.bytes) != .missing else { continue }
        place.location.replace(by: candidate.bytes)
        anchor = place.location.count
        batch = count
        appendName(element)
        return 0
      }
      return fail(ENOENT, end, "file does not exist")
    }
    if place.device != UInt8(ascii: "U") {
      guard kind(place.location.bytes) == .directory else {
        return fail(ENOTDIR, prefix + shownLength(name.from(prefix), count), "not a directory")
      }
      let length = place.location.count
      append(element, to: &place.location)
      guard kind(place.location.bytes) != .missing else {
        place.location.cut(to: length)
        return count == batch
          ? fail(ENOENT, end, "file does not exist") : fail(ENOENT, end, "does not exist")
      }
      anchor = place.location.count
    } else {
      append(element, to: &place.location)
      if place.location.isCut { return fail(EINVAL, end, "name too long") }
    }
    appendName(element)
    return 0
  }

  private func append(_ element: NameBytes, to location: inout NameText) {
    location.append(UInt8(ascii: "/"))
    location.append(element)
  }

  private mutating func appendName(_ element: NameBytes) {
    if place.name.count > 0, place.name.start[place.name.count - 1] != UInt8(ascii: "/") {
      place.name.append(UInt8(ascii: "/"))
    }
    place.name.append(element)
  }

  /// `..`: one element less of the name, and where that leads.
  private mutating func up(_ names: NameBytes, _ count: Int) -> Int {
    let failure = settle(names, upTo: prefix + shownLength(names, count))
    if failure != 0 { return failure }
    guard place.kind == .directory else {
      return fail(ENOTDIR, prefix + shownLength(names, count), "not a directory")
    }
    let parent = place.name.bytes.lastSlash
    if let parent {
      place.name.cut(to: parent == 0 ? 1 : parent)
    } else if place.name.start[0] != UInt8(ascii: "#") {
      place.name.replace(by: NameBytes("/"))
    }
    let mark = call.thread.pointee.scratch_used
    defer { call.thread.pointee.scratch_used = mark }
    guard var again = Walk(call, state, place.name.bytes) else { return call.error(ENOMEM) }
    let result = again.run(.mountPoint)
    if result != 0 { return result }
    place.location.replace(by: again.place.location.bytes)
    anchor = place.location.count
    return 0
  }

  /// How much of the elements' text the first `count` of them take.
  private func shownLength(_ names: NameBytes, _ count: Int) -> Int {
    var elements = NameElements(names)
    var hasSlash = false
    for _ in 0..<count where elements.next(&hasSlash) == nil { break }
    var end = elements.end
    if elements.position < names.count { end = elements.end }
    return count == 0 ? 0 : end
  }

  // MARK: What is there

  /// Finds out what the location is, and which element of the name is missing.
  private mutating func settle(_ names: NameBytes, upTo length: Int) -> Int {
    place.kind = kind(place.location.bytes, into: place.status)
    guard place.kind == .missing else { return 0 }
    // Elements that were appended unseen begin behind the anchor.
    let whole = place.location.count
    var unseen = 0
    for index in anchor..<whole where place.location.start[index] == UInt8(ascii: "/") { unseen += 1 }
    var total = 0
    var elements = NameElements(names)
    var hasSlash = false
    while elements.position < names.count, prefix + elements.end < length, elements.next(&hasSlash) != nil {
      total += 1
    }
    var position = total - unseen
    var cut = anchor
    var errno = ENOENT
    while cut < whole {
      cut += 1
      while cut < whole, place.location.start[cut] != UInt8(ascii: "/") { cut += 1 }
      position += 1
      let prefixKind = kind(place.location.bytes.slice(0..<cut), into: place.status, &errno)
      if prefixKind == .file, cut < whole {
        return fail(ENOTDIR, prefix + shownLength(names, position), "not a directory")
      }
      guard prefixKind == .missing else { continue }
      let shown = prefix + shownLength(names, position)
      if errno != ENOENT, errno != ENOTDIR { return fail(errno, shown, call.words(Int(errno))) }
      // The first element that a server is asked for is told by its own words.
      let isAsked = (position - 1 - batch) % 16 == 0
      return fail(ENOENT, shown, isAsked ? "file does not exist" : "does not exist")
    }
    return fail(errno, length, call.words(Int(errno)))
  }

  /// Crosses the mount point at the end, if there is one.
  private mutating func cross() {
    guard !place.isDevice, let mount = mounts.first(at: place.location.bytes) else { return }
    place.head.replace(by: place.location.bytes)
    place.members = mounts.memberCount(at: place.head.bytes)
    place.location.replace(by: mount.to)
    place.kind = kind(place.location.bytes, into: place.status)
  }

  private func kind(_ location: NameBytes) -> FileKind { call.kind(of: location, state) }

  private func kind(_ location: NameBytes, into status: UnsafeMutableRawPointer?) -> FileKind {
    var errno = ENOENT
    return kind(location, into: status, &errno)
  }

  private func kind(
    _ location: NameBytes, into status: UnsafeMutableRawPointer?, _ errno: inout Int32
  ) -> FileKind {
    call.kind(of: location, state, into: status, &errno)
  }

  // MARK: Creation

  /// The last element of a create: `place` is the file that is there (`kind`), or where it will be (`.missing`).
  private mutating func create(_ element: NameBytes, _ end: Int, _ mode: Int) -> Int {
    shown = end
    guard place.kind == .directory else { return fail(ENOTDIR, end, "not a directory") }
    guard let parent = call.newText(4096 + 256) else { return call.error(ENOMEM) }
    var folder = parent
    folder.replace(by: place.location.bytes)
    let nameLength = place.name.count
    let isUnion = !place.isDevice && mounts.first(at: folder.bytes) != nil
    if element.equals("..") || step(element, batch, end) == 0, isThere() {
      if mode & 0x1000 != 0 { return fail(EEXIST, end, "file already exists") }
      cross()
      return 0
    }
    place.name.cut(to: nameLength)
    appendName(element)
    place.kind = .missing
    place.location.replace(by: folder.bytes)
    if isUnion {
      var offset = 0
      var target: MountedTree?
      while let member = mounts.next(&offset, at: folder.bytes) {
        if member.flags & MountFlags.create != 0 {
          target = member
          break
        }
      }
      guard let target else { return fail(EPERM, end, "mounted directory forbids creation") }
      place.location.replace(by: target.to)
    }
    append(element, to: &place.location)
    return place.location.isCut ? fail(EINVAL, end, "name too long") : 0
  }

  private mutating func isThere() -> Bool {
    place.kind = kind(place.location.bytes, into: place.status)
    return place.kind != .missing
  }
}

extension NameBytes {
  func contains(_ byte: UInt8) -> Bool {
    for index in 0..<count where self[index] == byte { return true }
    return false
  }
}
