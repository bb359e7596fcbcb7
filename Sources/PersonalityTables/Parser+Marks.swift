extension Parser {
  /// `system NAME "TITLE" { elf { … } format { … } }`
  mutating func system() throws(BadEntry) {
    let token = try word("the system's name")
    var system = KnownSystem(name: text(token), title: try quoted("the system's own name"), marks: SystemMarks())
    defer { personality.systems.append(system) }
    if personality.systems.contains(where: { $0.name == system.name }) {
      report("system '\(system.name)' is already described", token.position)
    }
    try block { (parser) throws(BadEntry) in
      let token = try parser.word("'elf' or 'format'")
      switch parser.text(token) {
      case "elf": try parser.elf(&system.marks)
      case "format": try parser.formats(&system.marks)
      default: throw parser.fail("expected 'elf' or 'format'", at: token, words: ["elf", "format"])
      }
    }
  }

  /// The personality's own marks.
  mutating func marks(
    _ read: (inout Parser, inout SystemMarks) throws(BadEntry) -> Void
  ) throws(BadEntry) {
    var marks = personality.marks
    defer { personality.marks = marks }
    try read(&self, &marks)
  }

  private static let elfWords = [
    "osabi", "note", "interpreter", "libraries", "root_release", "go", "segment", "flags", "comment", "unmarked",
  ]

  /// `elf { … }`: how an ELF image is recognised.
  mutating func elf(_ marks: inout SystemMarks) throws(BadEntry) {
    try block { (parser) throws(BadEntry) in
      guard parser.isWord else {
        throw parser.fail("expected a mark of an ELF file\(parser.found)", words: Parser.elfWords)
      }
      let token = parser.current
      parser.at += 1
      switch parser.text(token) {
      case "osabi": marks.osabis.append(UInt8(try parser.small("EI_OSABI", below: 256)))
      case "note": marks.notes.append(try parser.note())
      case "interpreter": marks.interpreters.append(try parser.markText("the interpreter's path"))
      case "libraries": marks.libraries.append(try parser.quoted("a folder of libraries"))
      case "root_release":
        let path = try parser.quoted("a file of the system's own")
        marks.rootReleases.append(
          SystemMarks.RootRelease(
            path: path, text: parser.kind == .string ? try parser.quoted("what stands before the number") : nil))
      case "go": marks.goSystems.append(try parser.quoted("GOOS"))
      case "segment": marks.segments.append(try parser.segment())
      case "flags":
        let token = parser.current
        let text = try parser.quoted("e_flags as text")
        guard text.utf8.count == 4 else { throw parser.fail("e_flags are four characters", at: token) }
        marks.flags.append(text)
      case "comment": marks.comments.append(try parser.markText("a word of the comment"))
      case "unmarked": marks.takesUnmarked = true
      default:
        throw parser.fail(
          "expected a mark of an ELF file, found '\(parser.text(token))'", at: token, words: Parser.elfWords)
      }
    }
  }

  /// `format { … }`: how an image of another format is recognised.
  mutating func formats(_ marks: inout SystemMarks) throws(BadEntry) {
    try block { (parser) throws(BadEntry) in
      let names = SystemMarks.Format.Kind.allCases.map(\.rawValue)
      guard parser.isWord, let kind = SystemMarks.Format.Kind(rawValue: parser.text(parser.current)) else {
        throw parser.fail("expected a format\(parser.found)", words: names)
      }
      parser.at += 1
      var format = SystemMarks.Format(kind: kind)
      switch kind {
      case .aoutNetwork, .aoutType:
        format.number = UInt32(try parser.small("the machine's number", below: 1024))
      case .aoutBigEndian: format.number = UInt32(try parser.small("the magic number", below: 1 << 32))
      case .coff: if parser.kind == .string { format.text = try parser.quoted("a text") }
      case .pe, .dos, .xout, .aout: break
      }
      format.isConclusive = !parser.acceptsHint()
      marks.formats.append(format)
    }
  }

  private mutating func note() throws(BadEntry) -> SystemMarks.Note {
    let owner = try quoted("the note's name")
    let type = UInt32(try small("the note's type", below: 1 << 32))
    var note = SystemMarks.Note(owner: owner, type: type, first: nil, release: .none)
    if accept(.equals) { note.first = UInt32(try small("the note's first word", below: 1 << 32)) }
    if accept(.release) {
      note.release = .number
    } else if accept(.version) {
      note.release = .words
    }
    return note
  }

  private mutating func markText(_ what: String) throws(BadEntry) -> SystemMarks.Text {
    let text = try quoted(what)
    return SystemMarks.Text(text: text, isConclusive: !acceptsHint())
  }

  private mutating func segment() throws(BadEntry) -> SystemMarks.Segment {
    let token = current
    let first = UInt32(try small("a segment's type", below: 1 << 32))
    let last = accept(.ellipsis) ? UInt32(try small("a segment's type", below: 1 << 32)) : first
    guard first <= last else { throw fail("the range ends before it begins", at: token) }
    return SystemMarks.Segment(types: first...last, name: kind == .string ? try quoted("its name") : nil)
  }

  private mutating func acceptsHint() -> Bool {
    guard isWord, text(current) == "hint" else { return false }
    at += 1
    return true
  }
}
