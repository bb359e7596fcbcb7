import Testing

@testable import PersonalityTables

struct LexerTests {
  @Test func keywordsAreTheirSymbols() {
    for keyword in Keyword.allCases {
      #expect(Symbols.language.names[Int(keyword.rawValue)] == "\(keyword)")
    }
  }

  private func kinds(_ text: String) -> [Token.Kind] {
    Array(Lexer(SourceText(text, path: "t"), symbols: Symbols.language).tokens.map(\.kind).dropLast(2))
  }

  private func words(_ text: String) -> [String] {
    let source = SourceText(text, path: "t")
    return Lexer(source, symbols: Symbols.language).tokens.dropLast(2).map {
      source.text(Int($0.start)..<Int($0.start) + Int($0.length))
    }
  }

  @Test func marksAndWords() {
    #expect(words("65...90 SIGRTMIN=36...61") == ["65", "...", "90", "SIGRTMIN", "=", "36", "...", "61"])
    #expect(
      words("dev.cpu.0.%desc [1.14.0] a->b <-c 1<<4 -100") == [
        "dev.cpu.0.%desc", "[", "1.14.0", "]", "a", "->", "b", "<-", "c", "1", "<<", "4", "-100",
      ])
    #expect(kinds("a # b ( \n c") == [.word, .newline, .word])
  }

  @Test func aLogicalLineGoesOnInParentheses() {
    #expect(
      kinds("1 a(b: int,\n  c: int)\n2 d") == [
        .number, .word, .parenOpen, .word, .colon, .word, .comma, .word, .colon, .word, .parenClose, .newline,
        .number, .word,
      ])
    // A row's beginning ends what was left open.
    #expect(kinds("1 a(b: int\n2 d").filter { $0 == .newline }.count == 1)
  }

  @Test func numbers() {
    func value(_ text: String) -> UInt64? { Parser.value(Array(text.utf8).span, 0, text.utf8.count) }
    #expect(value("0x1F") == 31 && value("017") == 15 && value("'c'") == 99 && value("0") == 0)
    #expect(value("-1") == .max && value("0xffffffffffffffff") == .max)
    #expect(
      value("08") == nil && value("12a") == nil && value("0x") == nil && value("18446744073709551616") == nil)
  }
}
