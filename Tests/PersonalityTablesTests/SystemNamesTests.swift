import Foundation
import Testing

@testable import PersonalityTables

/// Swift knows no system by name: what differs between systems stands in tables, or in a folder of handlers of its
/// own, which may name its own system.
///
/// The names are those of all personalities and of systems.table: folders, titles, and Go's words for them. Linux is
/// the host and no foreign system. A name of six letters or more counts wherever its letters stand, in `freebsdFoo`
/// as in "FreeBSD's"; a shorter one, and "windows", counts as a whole word of a text or an identifier, so that
/// "misc" and "windowSize" are none. Formats (PE, COFF, x.out, MS-DOS) and "the BSDs" name no system.
struct SystemNamesTests {
  private static let root = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined()

  @Test func appearNowhereButInTheirHandlers() throws {
    let names = try Self.names.map { ($0.folder, $0.text, try Pattern($0.text)) }
    #expect(names.count > 20)
    #expect(names.contains { $0.0 == "freebsd" && $0.1 == "FreeBSD" })
    let sources = Self.root + "/Sources"
    var found: [String] = []
    var files = 0
    let listing = try #require(FileManager.default.enumerator(atPath: sources))
    for case let path as String in listing where path.hasSuffix(".swift") {
      files += 1
      let own = Self.handlersFolder(path)
      let text = try NSString(contentsOfFile: sources + "/" + path, encoding: String.Encoding.utf8.rawValue)
      let file = (path as NSString).lastPathComponent as NSString
      for (folder, name, pattern) in names where folder != own {
        if !pattern.places(in: file).isEmpty { found.append("Sources/\(path): \(name)") }
        for place in pattern.places(in: text) {
          let line = text.substring(to: place).utf8.count { $0 == 10 } + 1
          found.append("Sources/\(path):\(line): \(name)")
        }
      }
    }
    #expect(files > 200)
    #expect(found.isEmpty, Comment(rawValue: "\n" + found.joined(separator: "\n")))
  }

  @Test(arguments: [
    ("/// As FreeBSD's are.", "FreeBSD", true), ("let freebsdFoo = 1", "FreeBSD", true),
    ("case plan9(UInt32)", "Plan 9", true), ("Plan 9 a.out", "plan9", true), ("LoadPlan+Plan9.swift", "plan9", true),
    ("a plan of 9 parts", "plan9", false), ("misc.discard", "isc", false), ("let iscFile = 2", "isc", true),
    ("scope of SCO", "SCO", true), ("scope", "sco", false), ("let isSCO = true", "sco", true),
    ("windowSize", "windows", false), ("for Windows NT", "windows", true), ("readsSVR4", "svr4", true),
  ])
  func isRecognised(line: String, name: String, expected: Bool) throws {
    #expect(try !Pattern(name).places(in: line as NSString).isEmpty == expected)
  }

  // MARK: Names

  private struct Name: Hashable {
    /// The personality's or system's name in tables.
    var folder: String
    var text: String
  }

  private static var names: Set<Name> {
    let directory = root + "/personalities"
    var names: Set<Name> = []
    for system in SystemHeading.all(SystemHeading.Folders([directory]), in: [directory])
    where system.name != "linux" {
      let titles = system.title.components(separatedBy: " or ")
      let go = system.marks.goSystems
      for text in [system.name] + titles + go { names.insert(Name(folder: system.name, text: text)) }
    }
    return names
  }

  /// The personality whose handlers' folder a file under Sources lies in.
  private static func handlersFolder(_ path: String) -> String? {
    let parts = path.split(separator: "/")
    guard parts.count == 4, parts[0] == "Translation", parts[1] == "Handlers" else { return nil }
    return parts[2].lowercased()
  }

  // MARK: Text

  private struct Pattern {
    let expression: NSRegularExpression
    let isWholeWord: Bool

    init(_ name: String) throws {
      // White space, hyphens and underscores between the parts of a name are as good as nothing.
      var text = ""
      var previous: Character = " "
      for character in name.lowercased() {
        let isBorder = " -_/".contains(character)
        if isBorder || previous.isLetter && character.isNumber { text += "[-_/ ]?" }
        if !isBorder { text.append(character) }
        previous = isBorder ? " " : character
      }
      expression = try NSRegularExpression(pattern: text, options: .caseInsensitive)
      let letters = name.lowercased().filter { !" -_/".contains($0) }
      isWholeWord = letters.count < 6 || letters == "windows"
    }

    /// Where the name stands in `text`.
    func places(in text: NSString) -> [Int] {
      expression.matches(in: text as String, range: NSRange(location: 0, length: text.length)).compactMap { match in
        !isWholeWord || isWord(text, match.range) ? match.range.location : nil
      }
    }

    /// Whether a range is a word, or one that capital letters set off from its neighbours in an identifier.
    private func isWord(_ text: NSString, _ range: NSRange) -> Bool {
      let character = { (at: Int) in
        at >= 0 && at < text.length ? Character(Unicode.Scalar(text.character(at: at)) ?? " ") : " "
      }
      let before = character(range.location - 1)
      if before.isLetter, !(before.isLowercase && character(range.location).isUppercase) { return false }
      let after = character(range.location + range.length)
      return !after.isLetter || after.isUppercase
    }
  }
}
