import CWire
import CallLog
import Glibc
import PersonalityTables
import Testing

@Suite struct RendererTests {
  /// The lines that these records make.
  private func lines(_ records: Record..., format: LogFormat = .text) -> [String] {
    let ring = Ring()
    for record in records { ring.append(record) }
    let file = LogFile(ring, format: format)
    file.log.finish()
    return file.text.split(separator: "\n").map(String.init)
  }

  private func line(
    _ number: UInt32, _ arguments: [UInt64] = [], in before: [Int: [UInt8]] = [:], _ result: Int64 = 0,
    outcome: persona_log_outcome = PERSONA_OUTCOME_RESULT, second: Int64 = 0, natives: [Record.Native] = [],
    out after: [Int: [UInt8]] = [:]
  ) -> String {
    lines(
      .entry(number, arguments, captures: before),
      .exit(number, result, outcome: outcome, second: second, natives: natives, captures: after)
    ).joined(separator: "\n")
  }

  private let path: UInt64 = 0x20_1000

  @Test func namesFlagsPathsAndTheLinuxCall() {
    #expect(
      line(
        5, [path, 0x10_0201, 0o644], in: [0: Array("/etc/passwd".utf8)], 3,
        natives: [
          .init(
            number: 257, arguments: [UInt64(bitPattern: -100), path, 0x80041, 0o644], result: 3)
        ])
        == #"[100] open("/etc/passwd", O_WRONLY|O_CREAT|O_CLOEXEC, 0644) = 3  <= "#
        + #"openat(AT_FDCWD, "/etc/passwd", O_WRONLY|O_CREAT|O_CLOEXEC, 0644) = 3"#)
  }

  @Test func bitsWithoutANameAreHexadecimal() {
    #expect(line(5, [0, 0x4_0000, 0]) == "[100] open(NULL, O_RDONLY|0x40000) = 0")
  }

  @Test func errorsHaveTheirNameOnEitherSide() {
    #expect(
      line(
        3, [7, path, 10], 35, outcome: PERSONA_OUTCOME_ERROR,
        natives: [.init(number: 0, arguments: [7, path, 10], result: -11)])
        == "[100] read(7, 0x201000, 10) = -1 EAGAIN  <= same")
    #expect(
      line(
        3, [7, path, 10], 9, outcome: PERSONA_OUTCOME_ERROR,
        natives: [.init(number: 0, arguments: [7, path, 10], result: -14)])
        == "[100] read(7, 0x201000, 10) = -1 EBADF  <= read(7, 0x201000, 10) = -1 EFAULT")
    #expect(
      line(3, [7, 0, 10], 99, outcome: PERSONA_OUTCOME_ERROR) == "[100] read(7, NULL, 10) = -1 errno 99")
  }

  /// A record that says of the Linux call only that it is the row's reads as one that has it in full.
  @Test func theSameLinuxCallWithoutItsWords() {
    func line(_ number: UInt32, _ arguments: [UInt64], _ result: Int64, out after: [Int: [UInt8]] = [:]) -> String {
      lines(.entry(number, arguments), .exit(number, result, isSame: true, captures: after)).joined(separator: "\n")
    }
    #expect(line(3, [7, path, 10], 2, out: [1: [65, 66]]) == #"[100] read(7, "AB", 10) = 2  <= same"#)
    #expect(line(3, [7, 0, 10], 0) == "[100] read(7, NULL, 10) = 0  <= same")
    // Linux's side shows the first of two equal words.
    #expect(line(3, [7, 7, 7], 0) == #"[100] read(7, "", 7) = 0  <= read(7, 7, 7) = 0"#)
    #expect(line(23, [3, 100, 0], 100) == "[100] lseek(3, 100, SEEK_SET) = 100  <= same")
    #expect(line(22, [7, 16], 0) == "[100] kill(7, SIGURG) = 0  <= kill(7, 16) = 0")
    #expect(lines(.exit(3, 5, isSame: true)) == ["[100] read(...) = 5"])
  }

  /// Linux's side of a call that is made again is not written anew; any other word of it is seen all the same.
  @Test func linuxCallsThatAreMadeAgain() {
    func line(_ guest: UInt64, _ fd: UInt64, _ pointer: UInt64, _ flags: UInt64, _ result: Int64) -> (Record, Record) {
      (
        .entry(22, [guest, 16]),
        .exit(22, 0, natives: [.init(number: 257, arguments: [fd, pointer, flags, 0], result: result)])
      )
    }
    let engine: UInt64 = 0x70_0012_0000
    let calls = [
      line(7, 3, engine, 0x80000, 4), line(7, 3, engine, 0x80000, 4), line(7, 3, engine, 0x80000, 5),
      line(7, 3, engine, 0, 4), line(7, 3, path, 0x80000, 4), line(7, 3, path + 8, 0x80000, 4),
      line(engine, 3, engine, 0x80000, 4), line(7, 3, engine, 0x80000, 4),
    ]
    let ring = Ring()
    for (entry, exit) in calls {
      ring.append(entry)
      ring.append(exit)
    }
    let file = LogFile(ring)
    file.log.finish()
    let sides = file.text.split(separator: "\n").map { $0.split(separator: "<", maxSplits: 1)[1].dropFirst(2) }
    #expect(
      sides == [
        "openat(3, [engine], O_RDONLY|O_CLOEXEC) = 4", "openat(3, [engine], O_RDONLY|O_CLOEXEC) = 4",
        "openat(3, [engine], O_RDONLY|O_CLOEXEC) = 5", "openat(3, [engine], O_RDONLY) = 4",
        "openat(3, 0x201000, O_RDONLY|O_CLOEXEC) = 4", "openat(3, 0x201008, O_RDONLY|O_CLOEXEC) = 4",
        // The guest gave this word itself, and it reads as there.
        "openat(3, 1179648, O_RDONLY|O_CLOEXEC) = 4", "openat(3, [engine], O_RDONLY|O_CLOEXEC) = 4",
      ])
  }

  /// Calls whose ends do not follow at once, over several drains.
  @Test func callsThatTakeTurns() {
    let ring = Ring()
    let file = LogFile(ring)
    ring.append(.entry(3, [0, path, 1], pid: 5, tid: 6, time: 1))
    ring.append(.entry(22, [3, 0], pid: 5, tid: 5, time: 2))
    ring.append(.exit(22, 0, pid: 5, tid: 5, time: 3))
    file.log.drain()
    ring.append(.entry(22, [4, 0], pid: 5, tid: 5, time: 4))
    ring.append(.entry(3, [9, path, 1], pid: 5, tid: 70, time: 5))
    file.log.drain()
    ring.append(.exit(3, 1, pid: 5, tid: 6, time: 6))
    ring.append(.exit(3, 1, pid: 5, tid: 70, time: 7))
    ring.append(.exit(22, 0, pid: 5, tid: 5, time: 8))
    file.log.drain()
    #expect(
      file.text
        == "[5] kill(3, 0) = 0\n[5/6] read(0, 0x201000, 1) = 1\n[5/70] read(9, 0x201000, 1) = 1\n[5] kill(4, 0) = 0\n")
  }

  /// Times told by the processor's counter, where Linux's clock is that, come out as the clock's.
  @Test func countedTimes() throws {
    let ring = Ring()
    let file = LogFile(ring, format: .json, countsCycles: true)
    func now() -> UInt64 {
      var time = timespec()
      clock_gettime(CLOCK_MONOTONIC, &time)
      return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
    func told() -> UInt64 { ring.slot(36).pointee.counts_cycles != 0 ? persona_cycles() : now() }
    usleep(20000)
    let began = (told(), now())
    usleep(5000)
    let ended = (told(), now())
    ring.append(.entry(22, [3, 0], time: began.0))
    ring.append(.exit(22, 0, time: ended.0))
    file.log.finish()
    func number(_ name: String) throws -> UInt64 {
      let digits = try #require(file.text.split(separator: "\"\(name)\":").last).prefix { $0.isNumber }
      return try #require(UInt64(digits))
    }
    #expect(abs(Int64(try number("time")) - Int64(began.1)) < 1_000_000)
    #expect(abs(Int64(try number("duration")) - Int64(ended.1 - began.1)) < 1_000_000)
  }

  @Test func callsThatAreNotThereSayWhy() {
    #expect(
      line(18, [], 78, outcome: PERSONA_OUTCOME_ERROR)
        == "[100] cap_enter() = -1 ENOSYS (Linux has no Capsicum)")
    #expect(line(24, [], 78, outcome: PERSONA_OUTCOME_ERROR) == "[100] old() = -1 ENOSYS (obsolete)")
    #expect(line(777, [], 78, outcome: PERSONA_OUTCOME_ERROR) == "[100] nosys_777(...) = -1 ENOSYS")
  }

  @Test func whatIsRefusedSaysWhy() {
    func refused(_ number: UInt32, _ arguments: [UInt64], _ errno: Int64) -> String {
      line(number, arguments, errno, outcome: PERSONA_OUTCOME_ERROR)
    }
    #expect(
      refused(5, [0, 0x81, 0], 22) == "[100] open(NULL, O_WRONLY|O_SECURE) = -1 EINVAL (Linux has no secure files)")
    // Another error has another cause, and so has one without what is refused.
    #expect(refused(5, [0, 0x81, 0], 2) == "[100] open(NULL, O_WRONLY|O_SECURE) = -1 ENOENT")
    #expect(refused(5, [0, 1, 0], 22) == "[100] open(NULL, O_WRONLY) = -1 EINVAL")
    #expect(refused(15, [0, 0x2000_6601, 0], 1) == "[100] ioctl(0, FIOCLEX) = -1 EPERM (nobody may)")
    #expect(refused(15, [0, 0x2000_6601, 0], 9) == "[100] ioctl(0, FIOCLEX) = -1 EBADF")
    #expect(
      refused(16, [3, 0xffff, 0x1009, 0, 4], 1) == "[100] setsockopt(3, SOL_SOCKET, SO_LABEL, NULL, 4) = -1 EPERM (Linux has none)")
  }

  @Test func dataIsQuotedAndTheSameCallSaysSo() {
    #expect(
      line(
        4, [1, path, 9], in: [1: [104, 105, 10, 0, 0o33, 0x31, 0xff, 34, 92]], 9,
        natives: [.init(number: 1, arguments: [1, path, 9], result: 9)])
        == #"[100] write(1, "hi\n\0\0331\377\"\\", 9) = 9  <= same"#)
  }

  @Test func outMemoryIsShownAfterSuccess() {
    var stat = [UInt64](repeating: 0, count: 4)
    stat[1] = 0o100644
    stat[3] = 12
    #expect(
      line(
        7, [3, path], 0, natives: [.init(number: 5, arguments: [3, 0x70_0000_1000], result: 0)],
        out: [1: .init(words: stat)])
        == "[100] fstat(3, {st_mode=S_IFREG|0644, st_size=12, ...}) = 0  <= fstat(3, <converted sb>) = 0")
    stat[1] = 0o020620
    stat[2] = 0x501
    #expect(
      line(7, [3, path], 0, out: [1: .init(words: stat)])
        == "[100] fstat(3, {st_mode=S_IFCHR|0620, st_rdev=1281, ...}) = 0")
    #expect(
      line(8, [path, 0], in: [0: .init(words: [1, 500])], 0, outcome: PERSONA_OUTCOME_RESTART)
        == "[100] nanosleep({tv_sec=1, tv_nsec=500}, NULL) = ? (restart)")
  }

  @Test func structuresLeaveOutWhatIsZero() {
    let numbers: [Int32] = [0, 0, 0, 0, 5, 6, 0, 0, 0x6261, 0]
    #expect(
      line(20, [path, path + 64], in: [0: .init(ints: numbers), 1: .init(ints: [1, -2])], 1)
        == #"[100] numbers({a=0, b=0, d=[5, 6, ...], name="ab"}, [1, -2]) = 1"#)
  }

  @Test func kevents() {
    let change = [UInt64](arrayLiteral: 3, 0x21_ffff, 0, 0)
    let event = [UInt64](arrayLiteral: 3, 0x20_ffff, 17, 0x55)
    let vnode = [UInt64](arrayLiteral: 4, 0x3_0001_fffc, 0, 0)
    #expect(
      line(
        10, [5, path, 2, path + 64, 8, 0], in: [1: .init(words: change + vnode)], 1,
        out: [3: .init(words: event)])
        == "[100] kevent(5, [{ident=3, EVFILT_READ, EV_ADD|EV_CLEAR}, "
        + "{ident=4, EVFILT_VNODE, EV_ADD, fflags=NOTE_DELETE|NOTE_WRITE}], 2, "
        + "[{ident=3, EVFILT_READ, EV_CLEAR, data=17, udata=0x55}], 8, NULL) = 1")
  }

  @Test func signalSets() {
    let two: [UInt8] = .init(words: [0x8002, 0])
    var most = [UInt8](repeating: 0xff, count: 16)
    most[1] = 0xfe
    #expect(
      line(12, [1, path, path + 16], in: [1: two], 0, out: [2: most])
        == "[100] sigprocmask(1, [SIGINT SIGURG], ~[SIGKILL]) = 0")
    #expect(line(22, [7, 66], 0) == "[100] kill(7, SIGRTMIN+1) = 0")
  }

  @Test func socketAddresses() {
    let inet: [UInt8] = [16, 2, 0x1f, 0x90, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]
    let inet6: [UInt8] =
      [28, 28, 0, 80, 0, 0, 0, 0, 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 3, 0, 0, 0]
    let local: [UInt8] = [8, 1] + Array("/tmp/s".utf8)
    #expect(
      line(
        13, [3, path, 16], in: [1: inet], 0,
        natives: [.init(number: 42, arguments: [3, 0x70_0000_0100, 16], result: 0)])
        == "[100] connect(3, {AF_INET, 127.0.0.1:8080}, 16) = 0  <= connect(3, <converted name>, 16) = 0")
    #expect(
      line(13, [3, path, 28], in: [1: inet6], 0) == "[100] connect(3, {AF_INET6, [fe80::1:0:2%3]:80}, 28) = 0"
    )
    #expect(
      line(14, [3, path, path + 64], in: [2: .init(ints: [106])], 0, out: [1: local, 2: .init(ints: [8])])
        == #"[100] getsockname(3, {AF_UNIX, "/tmp/s"}, [106] => [8]) = 0"#)
  }

  @Test func requestsAndOptions() {
    #expect(
      line(
        15, [0, 0x4004_667f, path], 0, natives: [.init(number: 16, arguments: [0, 0x541b, path], result: 0)],
        out: [2: .init(ints: [5])])
        == "[100] ioctl(0, FIONREAD, [5]) = 0  <= same")
    #expect(
      line(15, [0, 0x2000_1234, 0], 22, outcome: PERSONA_OUTCOME_ERROR)
        == "[100] ioctl(0, 0x20001234, NULL) = -1 EINVAL")
    #expect(
      line(
        16, [3, 0xffff, 4, path, 4], in: [3: .init(ints: [1])], 0,
        natives: [.init(number: 54, arguments: [3, 1, 2, path, 4], result: 0)])
        == "[100] setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0  <= same")
  }

  @Test func sysctlsHaveTheirNameAndValue() {
    #expect(
      line(
        17, [path, 2, path + 8, path + 16, 0, 0], in: [0: .init(ints: [1, 24]), 3: .init(words: [4])], 0,
        out: [2: .init(ints: [1_400_097]), 3: .init(words: [4])])
        == "[100] __sysctl(kern.osreldate, 2, [1400097], [4], NULL, 0) = 0")
    #expect(
      line(
        17, [path, 2, path + 8, path + 16, 0, 0], in: [0: .init(ints: [1, 1]), 3: .init(words: [9])], 0,
        out: [2: Array("Sample\0".utf8), 3: .init(words: [7])])
        == #"[100] __sysctl(kern.ostype, 2, "Sample", [9] => [7], NULL, 0) = 0"#)
    #expect(
      line(
        17, [path, 2, path + 8, path + 16, path + 32, 8],
        in: [0: .init(ints: [0, 3]), 3: .init(words: [9]), 4: Array("vm.zones".utf8)], 2,
        outcome: PERSONA_OUTCOME_ERROR)
        .hasSuffix(#", "vm.zones", 8) = -1 ENOENT (Linux has none)"#))
  }

  @Test func results() {
    #expect(line(9, [], 3, second: 4) == "[100] pipe() = 3, 4")
    #expect(line(19, [0, 4096], 0x8_0000_0000) == "[100] mmap(NULL, 4096) = 0x800000000")
    #expect(
      line(21, [path], in: [0: .init(words: [1, 0, 77])], 0, outcome: PERSONA_OUTCOME_JUMP)
        == "[100] sigreturn({uc_sigmask=[SIGHUP], ...}) = ?")
    #expect(
      line(6, [UInt64(bitPattern: -1), path, 0, 0], 77, out: [1: .init(ints: [0x300])])
        == "[100] wait4(-1, [exited 3], 0, NULL) = 77")
    #expect(
      line(6, [UInt64(bitPattern: -1), path, 0, 0], 77, out: [1: .init(ints: [0x8b])])
        == "[100] wait4(-1, [killed SIGSEGV, core], 0, NULL) = 77")
  }

  @Test func argumentsThatAreNotLookedAt() {
    #expect(
      line(
        25, [3, 3, 0xdead_beef], 0x20_0002,
        natives: [.init(number: 72, arguments: [3, 3, 0xdead_beef], result: 2)])
        == "[100] fcntl(3, F_GETFL) = O_RDWR|0x200000  <= fcntl(3, F_GETFL) = O_RDWR")
    #expect(
      line(25, [3, 2, 1], 0, natives: [.init(number: 72, arguments: [3, 2, 1], result: 0)])
        == "[100] fcntl(3, F_SETFD, FD_CLOEXEC) = 0  <= same")
    #expect(line(25, [3, 4, 0x2], 0) == "[100] fcntl(3, F_SETFL, O_RDWR) = 0")
  }

  @Test func descriptorSetsAndDirectories() {
    #expect(
      line(26, [6, path, 0, 0, 0], in: [1: .init(words: [0x21])], 1, out: [1: .init(words: [0x20])])
        == "[100] select(6, [0 5] => [5], NULL, NULL, NULL) = 1")
    var entries: [UInt8] = [16, 0, 1, 0, 46] + [UInt8](repeating: 0, count: 11)
    entries += [8, 0, 3, 0] + Array("a\"b\0".utf8)
    #expect(
      line(27, [3, path, 4096], 24, out: [1: entries]) == #"[100] getdirentries(3, [".", "a\"b"], 4096) = 24"#
    )
    #expect(
      line(28, [16, path, 0], in: [1: .init(words: [0, 0, 2 << 32, 0])], 0)
        == "[100] sigaction(SIGURG, {sa_handler=SIG_DFL, sa_flags=0, sa_mask=[SIGRTMIN+1]}, NULL) = 0")
  }

  @Test func unknownLinuxCalls() {
    #expect(
      line(
        2, [], 101,
        natives: [
          .init(number: 333, arguments: [1, 2], result: 101),
          .init(number: 62, arguments: [101, 23], result: 0),
        ])
        == "[100] fork() = 101  <= syscall_333(0x1, 0x2, 0x0, 0x0, 0x0, 0x0) = 101; kill(101, SIGURG) = 0")
  }

  @Test func callsThatNeverReturn() {
    #expect(lines(.entry(1, [0])) == ["[100] exit(0) = ?"])
    let argv = Array("ls\0-l\0".utf8)
    let environment = Array("A=1\0B=2\0".utf8)
    #expect(
      lines(
        .entry(11, [path, path, path], captures: [0: Array("/bin/ls".utf8), 1: argv, 2: environment]),
        .entry(1, [0]))
        == [#"[100] execve("/bin/ls", ["ls", "-l"], [/* 2 variables */]) = 0"#, "[100] exit(0) = ?"])
    #expect(lines(.exit(3, 5)) == ["[100] read(...) = 5"])
    #expect(lines(.exit(2, 0)) == ["[100] fork() = 0"])
    #expect(line(3, [0, path, 9], 0) == #"[100] read(0, "", 9) = 0"#)
  }

  @Test func endedProcessesAreWrittenAtOnce() {
    let ring = Ring()
    ring.append(.entry(3, [0, path, 1], pid: 5, tid: 6, time: 2))
    ring.append(.entry(22, [3, 0], pid: 5, tid: 5, time: 1))
    ring.append(.entry(22, [4, 0], pid: 7, tid: 7, time: 0))
    let file = LogFile(ring)
    file.log.processEnded(5)
    #expect(file.text == "[5] kill(3, 0) = ?\n[5/6] read(0, 0x201000, 1) = ?\n")
  }

  @Test func signals() {
    #expect(
      lines(
        .signal(16, code: 0x10007, address: 12, handler: 0x4321),
        .signal(11, code: 1, address: 0x10, handler: 0x99))
        == [
          "[100] --- SIGURG {si_code=SI_LWP, si_pid=12} -> handler 0x4321 ---",
          "[100] --- SIGSEGV {si_code=SEGV_MAPERR, si_addr=0x10} -> handler 0x99 ---",
        ])
  }

  @Test func threadsAreMergedByTime() {
    #expect(
      lines(
        .entry(1, [2], tid: 102, time: 5), .entry(22, [1, 0], tid: 101, time: 0),
        .exit(22, 0, tid: 101, time: 4),
        .entry(22, [2, 0], time: 1), .exit(22, 0, time: 2)
      ) == ["[100] kill(2, 0) = 0", "[100/101] kill(1, 0) = 0", "[100/102] exit(2) = ?"])
  }

  @Test func jsonLines() {
    #expect(
      lines(
        .entry(4, [1, path, 3], time: 1000, captures: [1: Array("a\"\n".utf8)]),
        .exit(4, 3, natives: [.init(number: 1, arguments: [1, path, 3], result: 3)], time: 1500),
        .entry(18, [], time: 2000), .exit(18, 78, outcome: PERSONA_OUTCOME_ERROR, time: 2001),
        .signal(16, code: 0x10007, address: 12, handler: 0x4321), .entry(1, [0], time: 3000), format: .json)
        == [
          #"{"time":1000,"pid":100,"tid":100,"duration":500,"number":4,"call":"write","#
            + #""arguments":["1","\"a\\\"\\n\"","3"],"result":3,"text":"3","#
            + #""linux":["write(1, \"a\\\"\\n\", 3) = 3"]}"#,
          #"{"time":2000,"pid":100,"tid":100,"duration":1,"number":18,"call":"cap_enter","arguments":[],"#
            + #""result":-1,"error":"ENOSYS","why":"Linux has no Capsicum","linux":[]}"#,
          #"{"time":0,"pid":100,"tid":100,"signal":"SIGURG {si_code=SI_LWP, si_pid=12} -> handler 0x4321"}"#,
          #"{"time":3000,"pid":100,"tid":100,"duration":0,"number":1,"call":"exit","arguments":["0"],"#
            + #""end":"unfinished","linux":[]}"#,
        ])
  }

  @Test func summary() {
    #expect(
      lines(
        .entry(3, [0, path, 1], time: 1_000),
        .exit(3, 1, natives: [.init(number: 0, arguments: [], result: 1)], time: 2_501_000),
        .entry(3, [0, path, 1], time: 0), .exit(3, 9, outcome: PERSONA_OUTCOME_ERROR, time: 0), .entry(1),
        format: .summary)
        == [
          "     seconds      calls     errors      linux  call",
          "    0.002500          2          1          1  read",
          "    0.000000          1          0          0  exit",
          "    0.002500          3          1          1  total",
        ])
  }
}
