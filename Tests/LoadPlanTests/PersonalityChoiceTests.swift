import Testing

@testable import Supervisor

@Suite struct PersonalityChoiceTests {
  @Test(arguments: [
    ("freebsd", "freebsd", nil), ("freebsd:14.1", "freebsd", 1_401_000), ("freebsd:13", "freebsd", 1_300_000),
    ("freebsd:1302001", "freebsd", 1_302_001), ("netbsd:10.0", "netbsd", 1_000_000_000),
    ("dragonfly:6.4", "dragonfly", 600_400),
  ] as [(String, String, UInt32?)])
  func readsNameAndRelease(text: String, name: String, release: UInt32?) {
    #expect(PersonalityChoice(text) == PersonalityChoice(name: name, release: release))
  }

  @Test(arguments: ["", ":", ":14", "free bsd", "freebsd:", "freebsd:x", "freebsd:14.x", "freebsd:1.2.3", "../etc"])
  func refusesAnythingElse(text: String) {
    #expect(PersonalityChoice(text) == nil)
  }
}
