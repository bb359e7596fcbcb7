import Glibc
import Testing

@testable import Translation

@Suite struct TerminalsTests {
  let guest = Guest.freeBSD
  let directory = TemporaryDirectory()

  private func master() -> Int { guest("posix_openpt", 0x8002).result }

  @Test func attributes() {
    let terminal = master()
    let attributes = Memory(44)
    #expect(guest("ioctl", terminal, 0x402c_7413, attributes.word) == .value(0))
    let input = attributes.get(0, as: UInt32.self)
    #expect(input & 0x100 != 0)  // ICRNL
    #expect(input & 0x200 != 0)  // IXON
    let local = attributes.get(12, as: UInt32.self)
    #expect(local & (0x8 | 0x80 | 0x100 | 0x400) == 0x588)  // ECHO, ISIG, ICANON, IEXTEN
    #expect(attributes.get(8, as: UInt32.self) & 0x300 == 0x300)  // CS8
    #expect(attributes[16] == 4)  // VEOF
    #expect(attributes[24] == 3)  // VINTR
    #expect(attributes[17] == 0xff)  // VEOL is disabled
    #expect(attributes.get(40, as: UInt32.self) == 38400)
    // cfmakeraw(3), as far as it matters here.
    attributes.set(local & ~UInt32(0x588), 12)
    attributes.set(UInt32(0), 0)
    attributes[32] = 1  // VMIN
    #expect(guest("ioctl", terminal, 0x802c_7416, attributes.word) == .value(0))
    let back = Memory(44)
    #expect(guest("ioctl", terminal, 0x402c_7413, back.word) == .value(0))
    #expect(back.get(12, as: UInt32.self) & 0x588 == 0)
    #expect(back.get(0, as: UInt32.self) == 0)
    #expect(back[32] == 1)
    #expect(back.get(40, as: UInt32.self) == 38400)
    _ = guest("close", terminal)
  }

  /// TIOCSTAT's line about a process that sleeps, as each system writes it and in its words, or with what it says where Linux does
  /// not tell what a process sleeps for.
  @Test func statusLines() throws {
    let terminal = master()
    let number = Memory(4)
    try #require(guest("ioctl", terminal, 0x4004_740f, number.word) == .value(0))  // TIOCGPTN
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/pts/\(number.get(0, as: Int32.self))", O_RDWR | O_NOCTTY, 0)
    defer { posix_spawn_file_actions_destroy(&actions) }
    var pid: pid_t = 0
    let arguments: [UnsafeMutablePointer<CChar>?] = [strdup("setsid"), strdup("-c"), strdup("sleep"), strdup("100"), nil]
    try #require(posix_spawnp(&pid, "setsid", &actions, nil, arguments, environ) == 0)
    defer {
      kill(pid, SIGKILL)
      waitpid(pid, nil, 0)
      _ = guest("close", terminal)
    }
    let load = #"load: \d+\.\d\d  cmd: sleep \#(pid) "#
    let times = #"\d+\.\d\du \d+\.\d\ds \d+% [1-9]\d*k\r\n"#
    let lines = [
      (Guest.freeBSD, 0x2000_7465, #"\[(nanslp|sleeping without queue)\] \d+\.\d\dr "#),
      (Guest.dragonFly, 0x2000_7465, #"\[(nanslp|iowait)\] "#),
      (Guest.openBSD, 0x2000_7465, #"\[(nanoslp|iowait)\] "#),
      (Guest.netBSD, 0x8004_7465, #"\[(nanoslp|iowait)\] "#),
    ]
    for (guest, request, state) in lines {
      let wanted = try Regex(load + state + times)
      var line = ""
      // Until the program has begun, and sleeps.
      for _ in 0..<1000 where line.wholeMatch(of: wanted) == nil {
        usleep(10_000)
        try #require(guest("ioctl", terminal, request, number.word) == .value(0))
        var text = [UInt8](repeating: 0, count: 256)
        line = String(decoding: text[..<max(read(Int32(terminal), &text, 256), 0)], as: UTF8.self)
      }
      #expect(line.wholeMatch(of: wanted) != nil, "\(guest.personality.name): \(line)")
    }
    #expect(Guest.netBSD("ioctl", terminal, 0x8004_7465, 16) == Guest.netBSD.errno("EFAULT"))
  }

  /// The kernels' words for what a thread sleeps for, by the function of Linux's that it sleeps in.
  @Test(arguments: [
    ("n_tty_read", "ttyin ttyraw ttyin"), ("do_wait", "wait wait wait"), ("anon_pipe_read", "piperd pipe_rd piperd"),
    ("pipe_write", "pipewr pipe_wr pipewr"), ("hrtimer_nanosleep", "nanslp nanoslp nanoslp"),
    ("do_sigtimedwait.isra.0", "sigwait sigwait sigwait"), ("sigsuspend", "pause pause sigsusp"),
    ("poll_schedule_timeout.constprop.0", "select select kqread"), ("ep_poll", "kqread kqueue kqread"),
    ("inet_csk_accept", "accept socket netacc"), ("unix_stream_read_generic", "sbwait netio sbwait"), ("pipe_reader", ""),
  ])
  func waitWords(function: String, words: String) throws {
    let name = Memory(function)
    let reason = WaitReason(UnsafeMutableRawPointer(bitPattern: name.word)!)
    let found = reason.map { [sleepWord($0), threadWaits($0), waitMessage($0)].map { $0.map { "\($0)" } ?? "-" } } ?? []
    #expect(found.joined(separator: " ") == words)
  }

  @Test func sizesAndNames() {
    let terminal = master()
    let size = Memory(8)
    size.set(UInt16(25), 0)
    size.set(UInt16(80), 2)
    #expect(guest("ioctl", terminal, 0x8008_7467, size.word) == .value(0))
    let back = Memory(8)
    #expect(guest("ioctl", terminal, 0x4008_7468, back.word) == .value(0))
    #expect(back.get(2, as: UInt16.self) == 80)
    #expect(guest("ioctl", terminal, 0x2000_741c, 0) == .value(0))  // TIOCPTMASTER
    let number = Memory(4)
    #expect(guest("ioctl", terminal, 0x4004_740f, number.word) == .value(0))
    let slave = guest("open", Memory("/dev/pts/\(number.get(0, as: Int32.self))").word, 0x8002, 0).result
    let name = Memory(32)
    let request = Memory(16)
    request.set(Int32(32), 0)
    request.set(name.word, 8)
    #expect(guest("ioctl", slave, 0x8010_6678, request.word) == .value(0))  // FIODGNAME
    #expect(name.text(0).hasPrefix("pts/"))
    _ = guest("close", slave)
    _ = guest("close", terminal)
  }

  @Test func onAnyDescriptor() {
    let file = guest("open", directory("plain").word, 0x202, 0o600).result
    #expect(guest("ioctl", file, 0x2000_6601, 0) == .value(0))  // FIOCLEX
    #expect(guest("fcntl", file, 1, 0) == .value(1))
    #expect(guest("ioctl", file, 0x2000_6602, 0) == .value(0))
    #expect(guest("fcntl", file, 1, 0) == .value(0))
    let on = Memory(4)
    on.set(Int32(1), 0)
    #expect(guest("ioctl", file, 0x8004_667e, on.word) == .value(0))  // FIONBIO
    #expect(guest("fcntl", file, 3, 0) == .value(2 | 4))
    #expect(guest("ioctl", file, 0x402c_7413, on.word) == guest.errno("ENOTTY"))
    #expect(guest("ioctl", file, 0x1234_5678, 0) == guest.errno("ENOTTY"))
    #expect(guest("ioctl", 9999, 0x1234_5678, 0) == guest.errno("EBADF"))
    _ = guest("close", file)
  }
}
