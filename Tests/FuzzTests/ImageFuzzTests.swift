import BinaryImage
import Glibc
import ImageFixtures
import PersonalityTables
import Testing

@testable import Supervisor

/// SplitMix64: the same numbers for the same seed, everywhere.
struct SplitMix64: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var value = state
    value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
    value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
    return value ^ value >> 31
  }
}

/// An unnamed file that takes one content after the other.
final class ScratchFile {
  private let descriptor: Int32

  struct Failure: Error {}

  init() throws {
    var path = Array("/tmp/persona-fuzz-XXXXXX".utf8CString)
    descriptor = mkstemp(&path)
    guard descriptor >= 0 else { throw Failure() }
    unlink(path)
  }

  deinit {
    close(descriptor)
  }

  func image(of bytes: [UInt8]) -> Image? {
    guard ftruncate(descriptor, 0) == 0, pwrite(descriptor, bytes, bytes.count, 0) == bytes.count else {
      return nil
    }
    return try? Image(descriptor: descriptor)
  }
}

/// Mutated headers through the reader and the planner: neither may crash or hang, whatever it reads.
///
/// PERSONA_FUZZ_COUNT sets the number of files, PERSONA_FUZZ_SEED the first seed; file n uses seed + n.
@Suite struct ImageFuzzTests {
  private static let rules: [AuxiliaryRule] = [
    AuxiliaryRule(type: 3, source: .phdr), AuxiliaryRule(type: 7, source: .base),
    AuxiliaryRule(type: 9, source: .entry), AuxiliaryRule(type: 15, source: .path),
    AuxiliaryRule(type: 23, source: .stackProtection),
  ]

  private static let values: [UInt64] = [
    0, 1, 2, 3, 0x7f, 0xff, 0x100, 0xfff, 0x1000, 0x7fff, 0x8000, 0xfffe, 0xffff, 0x10000, 0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff, 0x70_0000_0000, 0x7fff_ffff_f000, 0x8000_0000_0000, .max >> 1, 1 << 63, .max - 0xfff, .max,
  ]

  static func environment(_ name: String, _ fallback: UInt64) -> UInt64 {
    getenv(name).flatMap { UInt64(String(cString: $0)) } ?? fallback
  }

  @Test func readsAndPlansMutatedFilesWithoutHarm() throws {
    #if DEBUG
      let count = Self.environment("PERSONA_FUZZ_COUNT", 20_000)
    #else
      let count = Self.environment("PERSONA_FUZZ_COUNT", 200_000)
    #endif
    let seed = Self.environment("PERSONA_FUZZ_SEED", 20_260_101)
    print("fuzz: \(count) files from seed \(seed)")
    let samples = Samples.all()
    let tables = #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 } + "/personalities"
    let recognizer = Recognizer(directories: [tables])
    let linker = try Image(bytes: ELFBuilder.linker().build())
    let options = LoadOptions(path: "/fuzz", release: 1, minimumAddress: 0x10000)
    let file = try ScratchFile()
    var read = 0
    var planned = 0
    var slowest = Duration.zero
    let clock = ContinuousClock()
    for index in 0..<count {
      var random = SplitMix64(state: seed &+ index)
      let bytes = Self.mutated(samples, &random)
      let start = clock.now
      // Files and memory are read in different ways; both must stand it.
      if let image = index % 8 == 0 ? file.image(of: bytes) : try? Image(bytes: bytes) {
        read += 1
        _ = image.summary(recognizer.origin(of: image))
        if let plan = try? LoadPlan.make(
          program: image, interpreter: index % 2 == 0 ? linker : nil, auxiliary: Self.rules, options: options)
        {
          planned += 1
          try check(plan, seed: seed &+ index)
        }
        _ = try? LoadPlan.make(program: linker, interpreter: image, auxiliary: [], options: options)
      }
      slowest = max(slowest, clock.now - start)
    }
    print("fuzz: \(read) read, \(planned) planned, slowest \(slowest)")
    #expect(slowest < .seconds(1))
    #expect(read > 0 && planned > 0)
  }

  /// What the engine relies on.
  private func check(_ plan: LoadPlan, seed: UInt64) throws {
    for segment in plan.segments {
      let isRight =
        segment.address % 4096 == 0 && segment.length % 4096 == 0 && segment.length > 0
        && segment.fileOffset % 4096 == 0 && segment.fileLength <= segment.length
        && segment.address >= 0x10000 && segment.end <= 0x7fff_ffff_f000
        && (segment.end <= 0x70_0000_0000 || segment.address >= 0x80_0000_0000)
      #expect(isRight, "seed \(seed): \(segment)")
    }
    let isEntryCode = plan.segments.contains {
      $0.protection & 4 != 0 && plan.entry >= $0.address && plan.entry < $0.end
    }
    #expect(isEntryCode, "seed \(seed)")
    #expect(plan.serialized().count > 0)
  }

  /// A sample with a few changes, most of them in its headers.
  private static func mutated(_ samples: [[UInt8]], _ random: inout SplitMix64) -> [UInt8] {
    // Two of three are ELF files.
    let isELF = random.next() % 3 != 0
    var bytes = samples[Int(random.next() % UInt64(isELF ? 8 : samples.count))]
    for _ in 0..<(1 + random.next() % 6) {
      guard !bytes.isEmpty else { break }
      // Headers end before byte 512; the rest is changed now and then.
      let reach = random.next() % 4 == 0 ? bytes.count : min(bytes.count, 512)
      let offset = Int(random.next() % UInt64(reach))
      switch random.next() % 8 {
      case 0: bytes[offset] ^= 1 << UInt8(random.next() % 8)
      case 1: bytes[offset] = UInt8(truncatingIfNeeded: random.next())
      case 2, 3, 4, 5:
        let size = [2, 4, 8, 8][Int(random.next() % 4)]
        let at = offset / size * size
        let value =
          random.next() % 3 == 0
          ? random.next() >> (random.next() % 64)
          : values[Int(random.next() % UInt64(values.count))] &+ random.next() % 3 &- 1
        for index in 0..<size where at + index < bytes.count {
          bytes[at + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index))
        }
      case 6: bytes.removeLast(Int(random.next() % UInt64(bytes.count)) / (random.next() % 2 == 0 ? 1 : 16))
      default:
        // One program header over another.
        guard bytes.count >= 64 + 56 * 4 else { continue }
        let from = 64 + 56 * Int(random.next() % 4)
        let to = 64 + 56 * Int(random.next() % 4)
        let copy = Array(bytes[from..<min(from + 56, bytes.count)])
        for (index, byte) in copy.enumerated() where to + index < bytes.count { bytes[to + index] = byte }
      }
    }
    return bytes
  }
}
