import Wire

extension Parser {
  /// `personality NAME "TITLE" version V [release N [major N minor N [patch N] [from N]] [serves FIRST...LAST]]`
  mutating func heading() throws(BadEntry) {
    let start = current
    let name = try self.name("the personality's name")
    if !personality.name.isEmpty { report("a second heading: this is '\(personality.name)'", start.position) }
    personality.name = name
    personality.title = try quoted("the OS's name")
    while kind == .word {
      if accept(.version) {
        guard kind == .dotted || kind == .number else { throw fail("expected a version\(found)") }
        personality.version = text(current)
        at += 1
      } else if accept(.release) {
        personality.release = UInt32(try small("a release number", below: 1 << 32))
        personality.releases.encoding = try releaseEncoding()
      } else if accept(.serves) {
        try serves()
      } else {
        throw fail("expected 'version', 'release' or 'serves'\(found)", words: ["version", "release", "serves"])
      }
    }
  }

  /// `serves FIRST...LAST`: the releases that the folder describes.
  private mutating func serves() throws(BadEntry) {
    let token = current
    schemes = [ReleaseScheme(release: personality.release, releases: personality.releases)]
    defer { schemes = [] }
    let first = try version(behind: "serves")
    try expect(.ellipsis, "'...' and the last release")
    let last = try version(behind: "...")
    guard first.lowerBound <= last.upperBound else { throw fail("the range ends before it begins", at: token) }
    guard (first.lowerBound...last.upperBound).contains(personality.release) else {
      throw fail("the heading's own release \(personality.release) is not among them", at: token)
    }
    personality.releases.serves = first.lowerBound...last.upperBound
  }

  /// `abi NAME { … }`
  mutating func abi() throws(BadEntry) {
    let token = try abiName("the ABI's name")
    var abi = CallABI(name: text(token), position: token.position)
    if let first = personality.abi(named: abi.name) { _ = owns(token, first.position) }
    let reported = diagnostics.count
    try block { (parser) throws(BadEntry) in
      guard parser.kind == .word, let keyword = Keyword(rawValue: parser.current.symbol) else {
        throw parser.unknownABIWord()
      }
      parser.at += 1
      switch keyword {
      case .trap: abi.trap = try parser.trap()
      case .number: abi.number = try parser.register()
      case .args:
        if parser.accept(.stack) { break }
        repeat { abi.arguments.append(try parser.register()) } while parser.isRegister
      case .result:
        abi.result = try parser.register()
        if parser.isRegister { abi.second = try parser.register() }
      case .error:
        abi.error = try parser.errorConvention()
      case .stack: abi.stackOffset = try parser.small("a stack offset", below: 256)
      case .word:
        let token = parser.current
        abi.word = try parser.small("the bytes of a word", below: 9)
        guard [2, 4, 8].contains(abi.word) else {
          abi.word = 8
          throw parser.fail("a word is 2, 4 or 8 bytes", at: token)
        }
      case .entry:
        abi.entryStack = try parser.register()
        if parser.accept(.tos) { abi.entryForm = .topOfStack }
        if parser.accept(.padding) { abi.entryPadding = try parser.small("the padding", below: 256) }
      case .strings: abi.entryStrings = try parser.register()
      case .frame: abi.frame = try parser.frame()
      case .machine: abi.machine = UInt16(try parser.small("the machine's number (e_machine, or an a.out's magic)", below: 1 << 16))
      default:
        parser.at -= 1
        throw parser.unknownABIWord()
      }
    }
    personality.abis.append(abi)
    if diagnostics.count > reported { return }
    if abi.number == 255 { report("abi \(abi.name) does not say where the call's number is", abi.position) }
    if abi.result == 255 { report("abi \(abi.name) does not say where the result goes", abi.position) }
    if abi.arguments.count > maximumArguments {
      report("abi \(abi.name) has more than \(maximumArguments) argument registers", abi.position)
    }
  }

  /// An ABI's name: a word, or a number such as 386.
  mutating func abiName(_ what: String) throws(BadEntry) -> Token {
    guard kind == .number else { return try word(what) }
    at += 1
    return tokens[at - 1]
  }

  private mutating func unknownABIWord() -> BadEntry {
    let words = ["trap", "number", "args", "result", "error", "stack", "word", "entry", "strings", "frame", "machine"]
    return fail("expected a property of the ABI\(found)", words: words)
  }

  private mutating func errorConvention() throws(BadEntry) -> CallABI.ErrorConvention {
    if accept(.carry) { return .carry }
    if accept(.negative) { return .negative }
    if accept(.message) { return .message }
    throw fail(
      "expected 'carry', 'negative' or 'message'\(found)", words: ["carry", "negative", "message"])
  }

  private mutating func frame() throws(BadEntry) -> FrameName {
    let token = try word("the signal frame's name")
    let name = text(token)
    guard let frame = FrameName.allCases.first(where: { "\($0)" == name }) else {
      throw fail("no signal frame named '\(name)'", at: token, words: FrameName.allCases.map { "\($0)" })
    }
    return frame
  }

  private mutating func trap() throws(BadEntry) -> CallABI.Trap {
    if accept(.syscall) { return .syscall }
    if accept(.int) { return .interrupt(UInt8(try small("an interrupt's number", below: 256))) }
    if accept(.lcall) {
      let selector = try small("a selector", below: 1 << 16)
      _ = accept(.comma)
      return .callGate(selector: UInt16(selector), offset: UInt32(try small("an offset", below: 1 << 32)))
    }
    throw fail("expected 'syscall', 'int' or 'lcall'\(found)", words: ["syscall", "int", "lcall"])
  }

  private var isRegister: Bool { kind == .word && registerNumber(text(current)) != nil }

  private mutating func register() throws(BadEntry) -> UInt8 {
    guard kind == .word else { throw fail("expected a register\(found)") }
    guard let number = registerNumber(text(current)) else {
      throw fail("no register named '\(text(current))'", words: registerNames)
    }
    at += 1
    return number
  }

  /// `auxv { TYPE NAME = SOURCE … }`
  mutating func auxv() throws(BadEntry) {
    guard try isDeclared() else { return }
    var entries: [AuxiliaryEntry] = []
    defer { personality.auxv += entries }
    try block { (parser) throws(BadEntry) in
      let type = UInt32(try parser.small("an entry's type", below: 1 << 32))
      let token = try parser.word("the entry's name")
      try parser.expect(.equals, "'='")
      let source = try parser.auxiliarySource()
      guard try parser.condition() else { return }
      entries.append(
        AuxiliaryEntry(type: type, name: parser.text(token), source: source, position: token.position))
    }
    try statedCount(entries.count)
  }

  private mutating func auxiliarySource() throws(BadEntry) -> AuxiliarySource {
    if kind == .number { return .number(try number("a number")) }
    let token = try word("a source")
    switch text(token) {
    case "linux": return .linux(try number("Linux's type"))
    case "random": return .random(try number("how many bytes"))
    case "random_length": return .randomLength(try number("how many bytes"))
    case let name:
      guard let source = Parser.auxiliarySources[name] else {
        let words = Array(Parser.auxiliarySources.keys) + ["linux", "random", "random_length"]
        throw fail("no auxiliary value named '\(name)'", at: token, words: words.sorted())
      }
      return source
    }
  }

  private static let auxiliarySources: [String: AuxiliarySource] = [
    "path": .path, "release": .release, "ncpus": .ncpus, "pagesizes": .pagesizes,
    "pagesizes_length": .pagesizesLength, "argc": .argc, "argv": .argv, "envc": .envc, "envv": .envv,
    "ps_strings": .psStrings, "stack_base": .stackBase, "stack_limit": .stackLimit, "phdr": .phdr,
    "phent": .phent, "phnum": .phnum, "base": .base, "entry": .entry, "ehdr_flags": .ehdrFlags,
    "stack_protection": .stackProtection,
  ]
}

/// `PERSONA_MAX_ARGUMENTS`
let maximumArguments = 8

/// Registers in the order of `enum persona_register`; a 32-bit name is its register's low half.
private let registers: [(String, String)] = [
  ("r8", "r8d"), ("r9", "r9d"), ("r10", "r10d"), ("r11", "r11d"), ("r12", "r12d"), ("r13", "r13d"),
  ("r14", "r14d"), ("r15", "r15d"), ("rdi", "edi"), ("rsi", "esi"), ("rbp", "ebp"), ("rbx", "ebx"),
  ("rdx", "edx"), ("rax", "eax"), ("rcx", "ecx"), ("rsp", "esp"),
]
private let registerNames = registers.flatMap { [$0.0, $0.1] }

func registerNumber(_ name: String) -> UInt8? {
  registers.firstIndex { $0.0 == name || $0.1 == name }.map(UInt8.init)
}
