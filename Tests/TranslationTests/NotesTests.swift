import PersonalityTables
import Testing

@testable import Translation

/// Where notes put what their handlers read.
struct NotesTests {
  /// The frame that is written is the one that the table tells.
  @Test func theFrameIsTheTables() throws {
    var path = #filePath[...]
    for _ in 0..<3 { path = path[..<path.lastIndex(of: "/")!] }
    let personality = try PersonalityLoader.load("plan9", from: [String(path) + "/personalities"]).personality
    let layout = { (name: String) throws -> (fields: [String: Int], size: Int) in
      let structure = personality.structures[try #require(personality.structure(named: name))]
      return (Dictionary(uniqueKeysWithValues: structure.fields.map { ($0.name, $0.offset) }), structure.size)
    }
    let frame = try layout("NFrame")
    #expect(frame.size == NoteFrame.size)
    #expect(frame.fields["arg0"] == NoteFrame.argument && frame.fields["arg1"] == NoteFrame.secondArgument)
    #expect(frame.fields["msg"] == NoteFrame.text && frame.fields["old"] == NoteFrame.older)
    #expect(frame.fields["ureg"] == NoteFrame.registers)
    let registers = try layout("Ureg")
    #expect(registers.size == 8 * RegisterRecord.words)
    #expect(registers.fields["ds"] == 8 * RegisterRecord.general)
    for (name, word) in [
      ("type", RegisterRecord.type), ("error", RegisterRecord.error), ("ip", RegisterRecord.ip),
      ("cs", RegisterRecord.codeSelector), ("flags", RegisterRecord.flags), ("sp", RegisterRecord.sp),
      ("ss", RegisterRecord.stackSelector),
    ] {
      #expect(registers.fields[name] == 8 * word, "\(name)")
    }
  }
}
