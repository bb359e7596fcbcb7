/// A foreign system's description: everything that one folder of tables says, with names resolved to indices.
///
/// Linux's own description is a `Personality` too. Named things refer to each other by their index in
/// `maps` and `structures`.
public struct Personality: Sendable {
  /// The identifier after `personality`.
  public var name = ""
  /// The OS's own name.
  public var title = ""
  /// The version as written, as "14.0".
  public var version = ""
  /// The number by which programs test for a release; 0 if none.
  public var release: UInt32 = 0

  public var abis: [CallABI] = []
  /// All releases that there are, whichever is read.
  public internal(set) var releases = Releases()
  /// The names of the abis in the order of the tables; of `abis` the one that is read stands first.
  public internal(set) var abiNames: [String] = []
  /// The release numbers from which the tables say something else than before.
  var boundaries: [UInt32] = []

  /// Where the system puts a program.
  public var load = LoadRules()
  /// How a file of this system is recognised.
  public var marks = SystemMarks()
  /// Systems that are recognised and have no personality: systems.table.
  public var systems: [KnownSystem] = []
  public var auxv: [AuxiliaryEntry] = []
  public var errnos = NumberSet()
  public var signals = NumberSet()
  public var maps: [ConstantMap] = []
  public var structures: [Structure] = []
  public var unions: [UnionType] = []
  /// Rows in the order of the tables; `call(_:)` finds one by its number.
  public var calls: [CallRow] = []
  public var ioctls: [IOControl] = []
  public var socketLevels: [SocketLevel] = []
  public var sysctls: [SystemControl] = []
  public var refusedSysctls: [RefusedControl] = []
  /// `calls FIRST...LAST`: the numbers that the OS gives to calls.
  var callRange: (first: Int, last: Int, position: Position)?
  /// `ioctl encoded`: a request's number tells what it carries, and how many bytes.
  var ioctlsAreEncoded = false
  /// `handler NAME(OPERANDS) -> RESULT`: what Persona's handlers take (in personalities/linux).
  var handlers: [CallRow] = []

  /// Index into `calls` by call number; -1 where no row has the number.
  var callByNumber: [Int32] = []
  var mapByName: [String: Int] = [:]
  var structureByName: [String: Int] = [:]
  var ioctlByNumber: [UInt64: Int] = [:]

  public init() {}

  /// Linux itself: what the others refer to.
  public var isLinux: Bool { name == "linux" }
}

// MARK: - What the log and the planner ask

extension Personality {
  /// The row of a call number.
  public func call(_ number: Int) -> CallRow? {
    guard number >= 0, number < callByNumber.count, callByNumber[number] >= 0 else { return nil }
    return calls[Int(callByNumber[number])]
  }

  /// The row of a call's name; the first where a range shares it.
  public func call(named name: String) -> CallRow? { calls.first { $0.name == name } }

  public func map(named name: String) -> Int? { mapByName[name] }
  public func structure(named name: String) -> Int? { structureByName[name] }
  public func abi(named name: String) -> CallABI? { abis.first { $0.name == name } }

  /// "EAGAIN" for 35; nil for a number the OS does not have.
  public func errnoName(_ number: Int) -> String? { errnos.name(of: number) }
  public func errnoNumber(_ name: String) -> Int? { errnos.number(of: name) }
  /// "SIGUSR1", "SIGRTMIN+3".
  public func signalName(_ number: Int) -> String? { signals.name(of: number) }
  public func signalNumber(_ name: String) -> Int? { signals.number(of: name) }

  /// The names of a flag word's parts and the bits that no name describes.
  public func decodeFlags(_ map: Int, _ value: UInt64) -> DecodedFlags { maps[map].decode(value) }
  public func decodeFlags(_ name: String, _ value: UInt64) -> DecodedFlags? {
    mapByName[name].map { maps[$0].decode(value) }
  }

  /// The name of an enumeration's value.
  public func enumName(_ map: Int, _ value: UInt64) -> String? { maps[map].name(of: value) }
  public func enumName(_ name: String, _ value: UInt64) -> String? {
    mapByName[name].flatMap { maps[$0].name(of: value) }
  }

  public func ioctl(_ request: UInt64) -> IOControl? { ioctlByNumber[request].map { ioctls[$0] } }

  public func socketLevel(_ level: UInt32) -> SocketLevel? { socketLevels.first { $0.number == level } }

  public func socketOption(level: UInt32, name: UInt32) -> SocketOption? {
    // A level that becomes two of Linux's has two lists.
    for known in socketLevels where known.number == level {
      if let option = known.options.first(where: { $0.number == name }) { return option }
    }
    return nil
  }

  /// The sysctl with this management-information-base address.
  public func sysctl(_ mib: [UInt32]) -> SystemControl? { sysctls.first { $0.mib == mib } }
  public func sysctl(named name: String) -> SystemControl? { sysctls.first { $0.name == name } }
  public func refusedSysctl(named name: String) -> RefusedControl? { refusedSysctls.first { $0.name == name } }
}

/// A flag word taken apart: `names` joined by "|", then `rest` in hexadecimal when it is not 0.
public struct DecodedFlags: Sendable, Equatable {
  public var names: [String] = []
  public var rest: UInt64 = 0

  /// "O_WRONLY|O_CREAT|0x8000"; "0" when nothing is set.
  public var text: String {
    var parts = names
    if rest != 0 || names.isEmpty { parts.append(rest == 0 ? "0" : "0x" + String(rest, radix: 16)) }
    return parts.joined(separator: "|")
  }
}
