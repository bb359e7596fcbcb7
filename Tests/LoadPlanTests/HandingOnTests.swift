import CWire
import Glibc
import Testing

/// What one program hands on to the next goes among the environment's strings, which hold no zeros.
@Suite struct HandingOnTests {
  private let head = MemoryLayout<persona_start>.size - Int(PERSONA_PLAN_ROOM)

  private func withProgram<Result>(
    plan: [UInt8], _ body: (UnsafeMutablePointer<persona_program>) throws -> Result
  ) rethrows -> Result {
    let program = UnsafeMutablePointer<persona_program>.allocate(capacity: 1)
    defer { program.deallocate() }
    memset(program, 0, MemoryLayout<persona_program>.size)
    let start = persona_program_start(program)!
    start.pointee.plan_bytes = UInt32(plan.count)
    start.pointee.table_offset = 0x1234_5678
    start.pointee.images = (7, -1)
    persona_start_plan(start)!.withMemoryRebound(to: UInt8.self, capacity: plan.count) { $0.update(from: plan, count: plan.count) }
    return try body(program)
  }

  @Test func whatIsHiddenIsShownAsItWas() throws {
    let plan = (0..<1000).map { UInt8(truncatingIfNeeded: $0 % 200) }
    try withProgram(plan: plan) { program in
      let text = try #require(persona_hide_zeros(program))
      #expect(strlen(text) == 1 + head + plan.count)
      var shown = [UInt8](repeating: 0, count: MemoryLayout<persona_start>.size)
      persona_show_zeros(text, UInt32(head + plan.count), &shown)
      let start = shown.withUnsafeBytes { $0.load(as: persona_start.self) }
      #expect(start.plan_bytes == 1000)
      #expect(start.table_offset == 0x1234_5678)
      #expect(start.images.0 == 7 && start.images.1 == -1)
      #expect(Array(shown[head..<(head + plan.count)]) == plan)
      // Nothing of it stays in the environment.
      #expect((0...(head + plan.count)).allSatisfy { text[$0] == 0 })
    }
  }

  @Test func whatHasAllBytesStaysAsItIs() {
    let plan = (0..<512).map { UInt8(truncatingIfNeeded: $0) }
    withProgram(plan: plan) { program in
      #expect(persona_hide_zeros(program) == nil)
      #expect(persona_program_start(program)!.pointee.table_offset == 0x1234_5678)
    }
  }

  @Test func placesAreDifferentAndInTheFile() {
    for inode in UInt64(1)...5000 {
      var file = persona_file_identity(device: 0xfe00, inode: inode, size: 1, seconds: 2, nanoseconds: 3)
      let places = (0..<UInt32(PERSONA_PROGRAM_PROBES)).map { persona_program_place(&file, $0) }
      #expect(Set(places).count == Int(PERSONA_PROGRAM_PROBES))
      #expect(places.allSatisfy { $0 < UInt32(PERSONA_PROGRAM_PLACES) })
    }
  }
}
