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

  /// What `persona check --compile` keeps reads as it was written: headings, releases and the rules of every edition's start.
  @Test func startsReadWhatWasKept() throws {
    for name in PersonalityLoader.names(in: RealTables.directory) {
      let heading = try #require(PersonalityLoader.heading(name, from: [RealTables.directory]))
      let path = RealTables.directory + "/\(name)/abi.table"
      var source = SourceText()
      source.append(try PersonalityLoader.contents(of: path), path: path)
      for edition in heading.editions {
        let rules = Parser.parse(source, edition).0.startRules
        var writer = RecordWriter()
        rules.write(to: &writer)
        heading.releases.write(to: &writer)
        SystemHeading(heading, name: name).write(to: &writer)
        var reader = RecordReader(writer.bytes)
        #expect(StartRules(from: &reader) == rules)
        #expect(Releases(from: &reader) == heading.releases)
        #expect(SystemHeading(from: &reader) == SystemHeading(heading, name: name))
        #expect(reader.isWhole)
      }
    }
  }
}
