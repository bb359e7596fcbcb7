import PersonalityTables
import Testing

@testable import Supervisor

@Suite struct PersonalityChoiceTests {
  @Test(
    arguments: [
      ("freebsd", "freebsd", nil), ("freebsd:14.1", "freebsd", 1_401_000),
      ("freebsd:13", "freebsd", 1_300_000),
      ("freebsd:1302001", "freebsd", 1_302_001), ("netbsd:10.0", "netbsd", 1_000_000_000),
      ("dragonfly:6.4", "dragonfly", 600_400),
    ] as [(String, String, UInt32?)])
  func readsNameAndRelease(text: String, name: String, release: UInt32?) {
    #expect(PersonalityChoice(text) == PersonalityChoice(name: name, release: release))
  }

  @Test func claimsTheReleaseEverywhere() {
    let source = SourceText(
      """
      personality freebsd "FreeBSD" version 14.0 release 1400097
      sysctl {
        kern.osrelease [1.2] string "14.0-RELEASE"
        kern.osreldate [1.24] int 1400097
        kern.maxfiles [1.7] int 114
      }
      """, path: "test.table")
    var personality = LoadedPersonality(source).personality
    personality.claim(1_302_001)
    #expect(personality.release == 1_302_001)
    #expect(personality.sysctls.map(\.value) == [.text("13.2-RELEASE"), .number(1_302_001), .number(114)])
  }

  @Test(arguments: [
    "", ":", ":14", "free bsd", "freebsd:", "freebsd:x", "freebsd:14.x", "freebsd:1.2.3", "../etc",
  ])
  func refusesAnythingElse(text: String) {
    #expect(PersonalityChoice(text) == nil)
  }
}
