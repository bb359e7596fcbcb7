/// `load { … }`: where a system puts a program, and what it tells the program of its memory.
public struct LoadRules: Sendable, Equatable {
  /// Where a position-independent program goes: `base`.
  public var base: UInt64 = 0x0100_0000
  /// How much room is left for the program's data before its run-time linker: `data_room`.
  public var dataRoom: UInt64 = 1 << 30
  /// How many page sizes `pagesizes` lists in the auxiliary vector: `page_sizes`.
  public var pageSizes: UInt64 = 1
  /// Linux PROT_* of the stack of a program without PT_GNU_STACK: `stack_protection`.
  public var stackProtection: UInt64 = 3
  /// Whether the system's own handlers are given the program headers: `program_headers`.
  public var passesHeaders = false
  /// What the system's name space has where: `bound "/amd64/bin" "/bin"`.
  public var bound: [BoundFolder] = []

  public init() {}
}

/// A folder that also has another's files, before any program runs that could say so.
public struct BoundFolder: Sendable, Equatable {
  /// Whose files they are.
  public var folder: String
  /// Under which name they are found too.
  public var name: String

  /// Where a path below the name lies in the folder; nil for any other path.
  public func path(of path: String) -> String? {
    path.hasPrefix(name + "/") ? folder + path.dropFirst(name.utf8.count) : nil
  }
}

extension Parser {
  /// `load { … }`
  mutating func load() throws(BadEntry) {
    guard try isDeclared() else { return }
    var rules = personality.load
    defer { personality.load = rules }
    try block { (parser) throws(BadEntry) in
      let words = ["base", "data_room", "page_sizes", "stack_protection", "program_headers", "bound"]
      guard parser.isWord else { throw parser.fail("expected a rule of loading\(parser.found)", words: words) }
      let token = parser.current
      parser.at += 1
      switch parser.text(token) {
      case "base":
        let number = parser.current
        rules.base = try parser.number("an address")
        guard rules.base % 4096 == 0, rules.base < 1 << 46 else {
          rules.base = LoadRules().base
          throw parser.fail("programs begin at a page below 0x400000000000", at: number)
        }
      case "data_room": rules.dataRoom = UInt64(try parser.small("the room for data", below: 1 << 46))
      case "page_sizes": rules.pageSizes = UInt64(try parser.small("the number of page sizes", below: 4))
      case "stack_protection": rules.stackProtection = UInt64(try parser.small("the stack's protection", below: 8))
      case "program_headers": rules.passesHeaders = true
      case "bound":
        let folder = try parser.boundPath("the folder whose files they are")
        rules.bound.append(BoundFolder(folder: folder, name: try parser.boundPath("where they are found too")))
      default:
        throw parser.fail(
          "expected a rule of loading, found '\(parser.text(token))'", at: token, words: words)
      }
    }
  }

  private mutating func boundPath(_ what: String) throws(BadEntry) -> String {
    let token = current
    let path = try quoted(what)
    guard path.hasPrefix("/"), !path.hasSuffix("/") else {
      throw fail("\(what): a path from '/' without a '/' at its end", at: token)
    }
    return path
  }
}
