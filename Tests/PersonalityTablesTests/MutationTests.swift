import Testing

@testable import PersonalityTables

/// Tables with bytes changed, lost and added: each is read or reported, never a crash.
struct MutationTests {
  /// Marsaglia's xorshift, so that a failure can be repeated.
  struct Random {
    var state: UInt64
    mutating func below(_ limit: Int) -> Int {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return Int(state >> 33) % limit
    }
  }

  static let text =
    Small.heading + """
      signal { 1 SIGHUP terminate 29 SIGINFO ignore = SIGPWR 65...67 SIGRTMIN core = 36...38 }
      flags open_flags { mask 3 { 0 O_RDONLY 1 O_WRONLY } 0x200 O_CREAT 0x20 O_LOCK reject EPERM "no" else EPERM }
      enum at { -3 HERE = AT_FDCWD 1 << 4 THERE = 7 }
      struct timespec { tv_sec i64 tv_nsec i64 } [16 bytes]
      struct stat { st_dev u64 st_mode u16 pad 2 st_uid u32 at 12 times timespec[2] name char[8] }
      elf { osabi 9 note "Tiny" 1 interpreter "/ld.so" } auxv { 3 AT_PHDR = phdr 9 AT_X = linux 9 }
      5 open(path: path, flags: open_flags, mode: mode) -> fd = openat(AT_FDCWD, path, flags | O_EXCL, mode)
      6 both(fd: fd, id: inout u32, list: in u16[*id], t: in timespec[fd]) -> pair = handler munmap
      7...9 gone = unsupported "not here"
      ioctl { 0x4004667f FIONREAD(out int) 0x20006601 FIOCLEX = handler ioctl }
      sockopt SOL_SOCKET 0xffff { 4 SO_REUSEADDR(int) 5 SO_LABEL(bytes) = unsupported EINVAL "no" }
      sysctl { hw.ncpu [6.3] int host onlineCPUs kern.ostype [1.1] string "Tiny" writable }

      """

  @Test(arguments: [1, 22, 333]) func neverCrash(_ seed: UInt64) {
    var random = Random(state: seed &* 0x9e37_79b9_7f4a_7c15)
    let pieces = Array(
      "{ } ( ) [ ] , : | * = -> <- ... \" ' # \n 0 -1 99999999999 in at pad mask else enum struct".utf8)
    for _ in 0..<400 {
      var bytes = Array(Self.text.utf8)
      for _ in 0...random.below(12) {
        let at = random.below(bytes.count)
        switch random.below(4) {
        case 0: bytes[at] = UInt8(random.below(256))
        case 1: bytes.removeSubrange(at..<min(bytes.count, at + 1 + random.below(30)))
        case 2: bytes.insert(pieces[random.below(pieces.count)], at: at)
        default: bytes.insert(contentsOf: bytes[at..<min(bytes.count, at + random.below(80))], at: at)
        }
      }
      var source = SourceText()
      source.append(bytes, path: "mutated.table")
      var loaded = LoadedPersonality(source)
      let compiled = TableCompiler.compileEditions(loaded, linux: Small.linux.personality)
      loaded.diagnostics += compiled.diagnostics
      #expect(loaded.report.isEmpty == loaded.diagnostics.isEmpty)
    }
  }
}
