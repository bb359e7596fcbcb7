import BinaryImage
import CWire
import ImageFixtures
import PersonalityTables
import Testing

@testable import Supervisor

@Suite struct PlacementTests {
  private func plan(
    _ builder: ELFBuilder, linker: ELFBuilder? = nil, auxiliary: [AuxiliaryRule] = [],
    minimumAddress: UInt64 = 0x1000
  ) throws -> LoadPlan {
    var rules = LoadRules()
    rules.base = 0x0102_1000
    rules.dataRoom = 32 << 30
    rules.stackProtection = 7
    return try LoadPlan.make(
      program: Image(bytes: builder.build()), interpreter: linker.map { try Image(bytes: $0.build()) },
      auxiliary: auxiliary,
      options: LoadOptions(path: "/opt/bin/tool", release: 1_400_097, minimumAddress: minimumAddress, rules: rules))
  }

  private func cause(_ builder: ELFBuilder, minimumAddress: UInt64 = 0x1000) -> String {
    do {
      _ = try plan(builder, minimumAddress: minimumAddress)
      return "no error"
    } catch let error as LoadPlanError {
      return error.cause
    } catch {
      return "\(error)"
    }
  }

  @Test func laysOutAStaticProgram() throws {
    let plan = try plan(.program())
    #expect(
      plan.segments == [
        .init(address: 0x200000, length: 0x1000, fileOffset: 0, fileLength: 0x1000, protection: 1, image: 0),
        .init(
          address: 0x201000, length: 0x1000, fileOffset: 0x1000, fileLength: 0x1000, protection: 5, image: 0),
        .init(
          address: 0x203000, length: 0x4000, fileOffset: 0x2000, fileLength: 0x110, protection: 3, image: 0),
      ])
    #expect(plan.entry == 0x201000)
    #expect(plan.brk == 0x207000)
    #expect(plan.imageCount == 1)
    #expect(plan.name == "tool")
  }

  @Test func putsTheLinkerBehindTheData() throws {
    let rules = [
      AuxiliaryRule(type: 3, source: .phdr), AuxiliaryRule(type: 4, source: .phent),
      AuxiliaryRule(type: 5, source: .phnum), AuxiliaryRule(type: 7, source: .base),
      AuxiliaryRule(type: 9, source: .entry), AuxiliaryRule(type: 18, source: .release),
      AuxiliaryRule(type: 15, source: .path), AuxiliaryRule(type: 23, source: .stackProtection),
    ]
    let plan = try plan(.dynamicProgram(), linker: .linker(), auxiliary: rules)
    let base: UInt64 = 0x205000 + 32 << 30
    #expect(plan.imageCount == 2)
    #expect(plan.entry == base + 0x1010)
    #expect(plan.segments.last?.address == base + 0x2000)
    #expect(plan.segments.last?.image == 1)
    #expect(
      plan.auxiliary.map(\.value) == [
        .literal(0x200040), .literal(56), .literal(7), .literal(base), .literal(0x201000),
        .literal(1_400_097),
        .path, .literal(7),
      ])
  }

  @Test func placesAPositionIndependentProgram() throws {
    let plan = try plan(.linker(), auxiliary: [AuxiliaryRule(type: 7, source: .base)])
    #expect(plan.segments[0].address == 0x0102_1000)
    #expect(plan.entry == 0x0102_2010)
    #expect(plan.auxiliary[0].value == .literal(0x0102_1000))
    var wide = ELFBuilder.linker()
    wide.segments[0].alignment = 0x20_0000
    #expect(try self.plan(wide).segments[0].address == 0x0120_0000)
  }

  @Test func sharesAPageOnlyOfTheSamePlaceInTheFile() throws {
    var builder = ELFBuilder.program()
    builder.segments[2] = .init(
      1, flags: 6, offset: 0x1800, address: 0x201800, content: [1, 2, 3], memorySize: 0x2000, alignment: 4096)
    #expect(try plan(builder).segments.count == 3)
    builder.segments[1].memorySize = 0x800
    builder.segments[2].offset = 0x2800
    #expect(cause(builder) == "its segments at 0x201000 and 0x201800 overlap")
  }

  @Test func refusesHostileSegments() {
    var builder = ELFBuilder.program()
    builder.segments[2].memorySize = .max
    #expect(cause(builder).contains("ends beyond the address space"))
    builder.segments[2].memorySize = 40 << 30
    #expect(cause(builder) == "its segments need more than 32 GiB of memory")
    builder.segments[2].memorySize = 0x10
    #expect(cause(builder) == "the segment at 0x203010 is larger in the file than in memory")
    builder = .program()
    builder.segments[2].address = 0x7fff_ffff_f010
    #expect(cause(builder).contains("ends beyond the address space"))
    builder.segments[2].address = 0x70_1234_0010
    #expect(cause(builder) == "it must be loaded at 0x7012340000, where Persona's engine lies")
    builder.segments[2].address = 0x203020
    #expect(cause(builder) == "the segment at 0x203020 is not aligned with its place in the file (byte 8208)")
    builder.segments[2].address = 0x201010
    #expect(cause(builder) == "its segments at 0x201000 and 0x201010 overlap")
    builder = .program()
    builder.segments[2].fileSize = 0x2000
    builder.segments[2].memorySize = 0x3000
    #expect(
      cause(builder)
        == "truncated: the segment at 0x203010 needs 8192 bytes from byte 8208, the file has 8464")
    builder.segments = (0..<202).map {
      .init(1, flags: 5, offset: 0, address: 0x200000 + UInt64($0) * 0x1000, memorySize: 0x1000)
    }
    #expect(cause(builder).hasPrefix("its 202 segments are more than"))
    builder.segments = []
    #expect(cause(builder) == "it has no segment to load")
  }

  @Test func refusesLowAddresses() {
    var builder = ELFBuilder.program()
    builder.segments[0].address = 0
    #expect(
      cause(builder, minimumAddress: 0x10000)
        == "it must be loaded at 0x0, below vm.mmap_min_addr (0x10000)")
  }

  @Test func refusesABadEntry() {
    var builder = ELFBuilder.program()
    builder.entry = 0x203010
    #expect(cause(builder) == "its entry point 0x203010 lies in no executable segment")
    builder.entry = 0
    builder.type = 3
    #expect(cause(builder) == "is a shared library, not a program")
  }

  @Test func refusesWhatIsNoAMD64Program() {
    var builder = ELFBuilder.program()
    builder.machine = 183
    #expect(cause(builder) == "is an ELF file for aarch64 (64 bits)")
    builder.machine = 62
    builder.type = 1
    #expect(cause(builder) == "is an object file, not a program")
    builder.type = 4
    #expect(cause(builder) == "is a core dump, not a program")
  }

  @Test func serialisesAsTheEngineReads() throws {
    let plan = try plan(.program(), auxiliary: [AuxiliaryRule(type: 15, source: .path)])
    let bytes = plan.serialized()
    bytes.withUnsafeBytes { raw in
      let head = raw.loadUnaligned(as: persona_plan.self)
      #expect(head.magic == 0x6e61_6c70)
      #expect(Int(head.size) == bytes.count)
      #expect(head.segment_count == 3)
      let segment = raw.loadUnaligned(
        fromByteOffset: Int(head.segments) + 2 * MemoryLayout<persona_segment>.stride,
        as: persona_segment.self)
      #expect(segment.address == 0x203000 && segment.file_length == 0x110)
      let auxv = raw.loadUnaligned(fromByteOffset: Int(head.auxv), as: persona_auxv.self)
      #expect(auxv.source == PERSONA_AUXV_STRING.rawValue && auxv.value == UInt64(head.path))
      #expect(String(decoding: raw[Int(head.name)..<Int(head.path)], as: UTF8.self) == "tool\0")
      let path = raw[Int(head.path)...].prefix { $0 != 0 }
      #expect(String(decoding: path, as: UTF8.self) == "/opt/bin/tool")
      #expect(head.header_count == 0 && head.state_bytes == 0 && head.site_count == 0 && head.programs == -1)
    }
  }

  @Test func serialisesHeadersAndWhatIsHandedOn() throws {
    var plan = try plan(.program(), auxiliary: [])
    plan.headers = [
      LoadPlan.PlacedHeader(
        header: ProgramHeader(type: 0x65a3_dbe6, offset: 0x40, address: 0x5000, fileSize: 8, memorySize: 16),
        bias: 0x1000, image: 1)
    ]
    plan.sites = [LoadPlan.Site(address: 0x9008, filePage: 0x3000, length: 8, image: 1)]
    plan.supervisor = 17
    plan.programs = LoadPlan.DecidedFile(descriptor: 5, token: 9)
    plan.isLenient = true
    plan.state = [1, 2, 3]
    let bytes = plan.serialized()
    bytes.withUnsafeBytes { raw in
      let head = raw.loadUnaligned(as: persona_plan.self)
      #expect(head.flags == PERSONA_PLAN_LENIENT.rawValue | PERSONA_PLAN_PATCH.rawValue)
      let header = raw.loadUnaligned(fromByteOffset: Int(head.headers), as: persona_program_header.self)
      #expect(head.header_count == 1 && header.type == 0x65a3_dbe6 && header.address == 0x5000)
      #expect(header.length == 16 && header.file_offset == 0x40 && header.bias == 0x1000 && header.image == 1)
      let site = raw.loadUnaligned(fromByteOffset: Int(head.sites), as: persona_plan_site.self)
      #expect(head.site_count == 1 && site.address == 0x9008 && site.file_page == 0x3000 && site.length == 8 && site.image == 1)
      #expect(head.supervisor == 17 && head.programs == 5 && head.token == 9)
      #expect(head.state % 8 == 0 && Array(raw[Int(head.state)...].prefix(3)) == [1, 2, 3] && head.state_bytes == 3)
      #expect(Int(head.size) == bytes.count && bytes.count % 8 == 0)
    }
  }
}
