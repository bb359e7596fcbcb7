import Testing

@testable import PersonalityTables

/// The tables of this repository: read, checked and compiled as the supervisor does it.
struct RealTables {
  static let directory: String = {
    var path = #filePath[...]
    for _ in 0..<3 { path = path[..<path.lastIndex(of: "/")!] }
    return String(path) + "/personalities"
  }()

  @Test func haveNothingWrong() {
    let outcome = CheckCommand(folders: [], directories: [RealTables.directory]).run()
    print(outcome.text)
    #expect(outcome.status == 0, "\(outcome.text)")
  }

  @Test func compileQuickly() throws {
    var best = Duration.seconds(1)
    for _ in 0..<20 {
      let clock = ContinuousClock()
      let start = clock.now
      let linux = try PersonalityLoader.load("linux", from: [RealTables.directory])
      let freebsd = try PersonalityLoader.load("freebsd", from: [RealTables.directory])
      let block = TableCompiler.compile(freebsd.personality, linux: linux.personality).block
      best = min(best, clock.now - start)
      #expect(block != nil)
    }
    print("Linux's and FreeBSD's tables are compiled in \(best)")
    #if !DEBUG
      #expect(best < .milliseconds(3))
    #endif
  }
}
