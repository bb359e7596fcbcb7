@testable import PersonalityTables
import Testing

@testable import Supervisor

@Suite struct PersonalityChoiceTests {
  @Test(
    arguments: [
      ("freebsd", "freebsd", nil), ("freebsd:14.1", "freebsd", .version(14, 1)),
      ("freebsd:13", "freebsd", .version(13, 0)), ("freebsd:1302001", "freebsd", .number(1_302_001)),
    ] as [(String, String, PersonalityChoice.Release?)])
  func readsNameAndRelease(text: String, name: String, release: PersonalityChoice.Release?) {
    #expect(PersonalityChoice(text) == PersonalityChoice(name: name, release: release))
  }

  @Test(
    arguments: [
      ("major 100000 minor 1000 from 500000", 14, 1, 1_401_000),
      ("major 100000000 minor 1000000 patch 100", 10, 0, 1_000_000_000), ("major 100000 minor 100", 6, 4, 600_400),
      ("major 100000 minor 1000 from 500000", 4, 0, nil), ("major 100000 minor 10000", 1, 10, nil),
    ] as [(String, UInt32, UInt32, UInt32?)])
  func encodesAVersionAsTheHeadingSays(encoding: String, major: UInt32, minor: UInt32, number: UInt32?) throws {
    let heading = SourceText("personality x \"X\" version 1.0 release 7 \(encoding)\n", path: "test.table")
    let loaded = LoadedPersonality(heading)
    #expect(loaded.report == "")
    #expect(try #require(loaded.personality.releases.encoding).number(major, minor) == number)
  }

  @Test func refusesAVersionThatHasNoNumber() {
    let personality = LoadedPersonality(
      SourceText("personality x \"X\" version 1.0 release 7\n", path: "test.table")
    ).personality
    #expect(throws: LaunchError.self) { try SystemHeading(personality, name: "x").number(of: .version(1, 2)) }
  }

  @Test func claimsTheReleaseEverywhere() throws {
    let source = SourceText(
      """
      personality freebsd "FreeBSD" version 14.0 release 1400097 major 100000 minor 1000
      sysctl {
        kern.osrelease [1.2] string "14.0-RELEASE"
        kern.osreldate [1.24] int 1400097
        kern.maxfiles [1.7] int 114
      }
      """, path: "test.table")
    let release = try SystemHeading(LoadedPersonality(source).personality, name: "freebsd").number(of: .version(13, 2))
    let personality = LoadedPersonality(source, edition: Edition(release: release)).personality
    #expect(personality.release == 1_302_000)
    #expect(personality.sysctls.map(\.value) == [.text("13.2-RELEASE"), .number(1_302_000), .number(114)])
  }

  @Test(arguments: [
    "", ":", ":14", "free bsd", "freebsd:", "freebsd:x", "freebsd:14.x", "freebsd:1.2.3", "../etc",
  ])
  func refusesAnythingElse(text: String) {
    #expect(PersonalityChoice(text) == nil)
  }
}
