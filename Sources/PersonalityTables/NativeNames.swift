import Wire

/// Linux's names by name: what the right-hand sides of a personality's tables refer to.
struct NativeNames {
  let linux: Personality
  /// Values of flags and enumerations, socket levels and ioctl requests.
  private(set) var constants: [String: UInt64]
  /// The mask of a constant that is one value of a sub-field.
  private(set) var masks: [String: UInt64] = [:]
  /// Index in `linux.calls`.
  private(set) var calls: [String: Int]
  private(set) var ioctls: [String: UInt64]
  private var namesOfMap: [String: Set<String>] = [:]
  let handlers: [String: UInt16]

  init(_ linux: Personality) {
    self.linux = linux
    constants = Dictionary(minimumCapacity: linux.maps.reduce(64) { $0 + $1.entries.count })
    for map in linux.maps {
      namesOfMap[map.name] = Set(map.entries.map(\.name))
      for entry in map.entries {
        constants[entry.name] = entry.value
        if entry.mask != 0 { masks[entry.name] = entry.mask }
      }
    }
    for level in linux.socketLevels { constants[level.name] = UInt64(level.number) }
    calls = Dictionary(minimumCapacity: linux.calls.count)
    for (index, call) in linux.calls.enumerated() { calls[call.name] = index }
    ioctls = Dictionary(minimumCapacity: linux.ioctls.count)
    for request in linux.ioctls { ioctls[request.name] = request.number }
    var handlers = [String: UInt16](minimumCapacity: HandlerName.allCases.count)
    for name in HandlerName.allCases { handlers["\(name)"] = name.rawValue }
    self.handlers = handlers
  }

  func call(_ name: String) -> CallRow? { calls[name].map { linux.calls[$0] } }

  /// What one of Linux's flags or enumerations names.
  func names(of map: String) -> Set<String> { namesOfMap[map] ?? [] }

  /// A constant of any kind, ioctl requests included.
  func constant(_ name: String) -> UInt64? { constants[name] ?? ioctls[name] }
}
