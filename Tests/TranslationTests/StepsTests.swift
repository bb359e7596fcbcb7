import CWire
import PersonalityTables
import Testing

@testable import Translation

/// The steps by which structures are made of Linux's, against their fields.
struct StepsTests {
  @Test(arguments: ["freebsd", "netbsd", "openbsd", "dragonfly", "plan9"])
  func stepsWriteWhatFieldsSay(_ name: String) throws {
    let block = try Guest.block(name)
    let memory = UnsafeMutableRawPointer.allocate(byteCount: block.count, alignment: 16)
    defer { memory.deallocate() }
    block.withUnsafeBytes { memory.copyMemory(from: $0.baseAddress!, byteCount: block.count) }
    let table = Table(memory)
    for index in 0..<Int(table.header.pointee.structs.count) {
      let shape = table.structure(index)
      guard shape.pointee.step_count > 0 else { continue }
      let (native, foreign) = (Int(shape.pointee.native_size), Int(shape.pointee.foreign_size))
      let source = (0..<native).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 11) }
      var expected = [UInt8](repeating: 0, count: foreign)
      // What lies around a structure must stay.
      var found = [UInt8](repeating: 0xaa, count: foreign + 32)
      source.withUnsafeBytes { from in
        expected.withUnsafeMutableBytes { to in
          for position in 0..<Int(shape.pointee.count) {
            table.fieldToForeign(table.field(shape, position), from: from.baseAddress!, to: to.baseAddress!)
          }
        }
        found.withUnsafeMutableBytes { table.follow(shape, from: from.baseAddress!, to: $0.baseAddress! + 16) }
      }
      let title = String(cString: table.string(shape.pointee.name))
      #expect(Array(found[16..<16 + foreign]) == expected, "struct \(title) of \(name)")
      #expect(found.prefix(16).allSatisfy { $0 == 0xaa } && found.suffix(16).allSatisfy { $0 == 0xaa }, "\(title)")
    }
  }
}
