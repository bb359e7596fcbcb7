import CEngine
import CWire
import CallLog
import Glibc
import PersonalityTables
import Testing
import Translation
import Wire

/// Records that translation writes in an ordinary process, read back as text.
@Suite(.serialized) struct RecordingTests {
  /// A guest of one process: its table, its ring, and the calls of its threads.
  private final class Guest {
    let ring = Ring()
    let file: LogFile
    let table: UnsafeMutableRawPointer

    init() {
      file = LogFile(ring)
      process.initialize(to: persona_process())
      let compiled = TableCompiler.compile(SamplePersonality.foreign, linux: SamplePersonality.linux)
      precondition(compiled.diagnostics.isEmpty, "\(compiled.diagnostics)")
      let block = compiled.block!
      table = .allocate(byteCount: block.count, alignment: 16)
      block.withUnsafeBytes { table.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
    }

    deinit {
      table.deallocate()
      if let before { before.thread.pointee.process = before.process }
      process.deallocate()
    }

    /// The calling thread, as the engine would keep it, in a process of its own: other tests use the thread's.
    var thread: UnsafeMutablePointer<persona_thread> {
      let thread = persona_current()!
      if thread.pointee.process != process {
        before = (thread, thread.pointee.process)
        thread.pointee.process = process
      }
      process.pointee.log = ring.slot(0)
      process.pointee.pid = 7
      return thread
    }

    private let process = UnsafeMutablePointer<persona_process>.allocate(capacity: 1)
    private var before: (thread: UnsafeMutablePointer<persona_thread>, process: UnsafeMutablePointer<persona_process>)?

    func call(_ number: UInt64, _ words: UInt64...) -> Call {
      var all = InlineArray<8, UInt64>(repeating: 0)
      for (index, word) in words.enumerated() { all[index] = word }
      let table = Table(table)
      return Call(thread: thread, table: table, row: table.call(number)!, number: Int(number), words: all)
    }

    /// Carries a call out as the engine's trap does.
    @discardableResult
    func make(_ call: Call) -> Int {
      var call = call
      call.recordEntry()
      call.thread.pointee.scratch_used = 0
      let result = call.perform()
      if let errno = call.errno(of: result) {
        call.recordExit(result: errno, outcome: PERSONA_OUTCOME_ERROR)
      } else {
        call.recordExit(result: result, outcome: PERSONA_OUTCOME_RESULT)
      }
      return result
    }

    /// The log's lines without the thread and with the addresses of `memory` as "&".
    func lines(_ memory: UnsafeRawPointer? = nil) -> [String] {
      file.log.finish()
      return file.text.split(separator: "\n").map { line in
        line.starts(with: "[7/") ? String(line.drop { $0 != "]" }.dropFirst(2)) : String(line)
      }
    }
  }

  private func word(_ pointer: UnsafeRawPointer) -> UInt64 { UInt64(UInt(bitPattern: pointer)) }

  @Test func dataPathsAndStructures() {
    let guest = Guest()
    var pipes: [Int32] = [0, 0]
    pipe(&pipes)
    defer { pipes.forEach { close($0) } }
    let text = Array("hello\n\0".utf8)
    var buffer = [UInt8](repeating: 0, count: 100)
    let path = Array("/dev/null\0".utf8)
    _ = text.withUnsafeBytes { guest.make(guest.call(4, UInt64(pipes[1]), word($0.baseAddress!), 6)) }
    _ = buffer.withUnsafeMutableBytes { guest.make(guest.call(3, UInt64(pipes[0]), word($0.baseAddress!), 100)) }
    let opened = path.withUnsafeBytes { guest.make(guest.call(5, word($0.baseAddress!), 0x10_0002, 0)) }
    let time: [UInt64] = [0, 1000]
    _ = time.withUnsafeBytes { guest.make(guest.call(8, word($0.baseAddress!), 0)) }
    guest.make(guest.call(4, UInt64(pipes[1]), 8, 6))
    guest.make(guest.call(3, 1 << 20, 0, 6))
    close(Int32(opened))
    #expect(
      guest.lines() == [
        #"write(\#(pipes[1]), "hello\n", 6) = 6  <= same"#,
        #"read(\#(pipes[0]), "hello\n", 100) = 6  <= same"#,
        #"open("/dev/null", O_RDWR|O_CLOEXEC) = \#(opened)  <= openat(AT_FDCWD, "/dev/null", O_RDWR|O_CLOEXEC) = \#(opened)"#,
        "nanosleep({tv_sec=0, tv_nsec=1000}, NULL) = 0  <= same",
        #"write(\#(pipes[1]), 0x8, 6) = -1 EFAULT  <= same"#,
        "read(1048576, NULL, 6) = -1 EBADF  <= same",
      ])
  }

  @Test func longDataAndStringsAreCutOff() {
    let guest = Guest()
    let data = [UInt8](repeating: 120, count: 6000)
    var path = data
    path[5999] = 0
    data.withUnsafeBytes { bytes in
      let call = guest.call(4, 1, word(bytes.baseAddress!), 6000)
      call.recordEntry()
      call.recordExit(result: 6000, outcome: PERSONA_OUTCOME_RESULT)
    }
    path.withUnsafeBytes { bytes in
      let call = guest.call(5, word(bytes.baseAddress!), 0, 0)
      call.recordEntry()
      call.recordExit(result: 2, outcome: PERSONA_OUTCOME_ERROR)
    }
    #expect(
      guest.lines() == [
        "write(1, \"" + String(repeating: "x", count: 64) + "\"..., 6000) = 6000",
        "open(\"" + String(repeating: "x", count: 4096) + "\"..., O_RDONLY) = -1 ENOENT",
      ])
  }

  @Test func argumentVectors() {
    let guest = Guest()
    let strings: [[CChar]] = ["ls".utf8CString.map { $0 }, "".utf8CString.map { $0 }]
    strings[0].withUnsafeBytes { first in
      strings[1].withUnsafeBytes { second in
        let vector: [UInt64] = [word(first.baseAddress!), word(second.baseAddress!), 0]
        let broken: [UInt64] = [word(first.baseAddress!), 8, 0]
        vector.withUnsafeBytes { vector in
          broken.withUnsafeBytes { broken in
            let call = guest.call(
              11, word(first.baseAddress!), word(vector.baseAddress!), word(broken.baseAddress!))
            call.recordEntry()
            call.recordExit(result: 14, outcome: PERSONA_OUTCOME_ERROR)
            #expect(
              guest.lines() == [
                #"execve("ls", ["ls", ""], 0x\#(String(word(broken.baseAddress!), radix: 16))) = -1 EFAULT"#
              ])
          }
        }
      }
    }
  }

  @Test func countsBehindPointersAndResults() {
    let guest = Guest()
    let change: [UInt64] = [3, 0x21_ffff, 0, 0]
    let events: [UInt64] = [3, 0x20_ffff, 5, 0, 9, 9, 9, 9]
    let length: [UInt32] = [8]
    let address: [UInt8] = [8, 1] + Array("/tmp/s".utf8)
    change.withUnsafeBytes { change in
      events.withUnsafeBytes { events in
        let call = guest.call(10, 4, word(change.baseAddress!), 1, word(events.baseAddress!), 2, 0)
        call.recordEntry()
        call.recordExit(result: 1, outcome: PERSONA_OUTCOME_RESULT)
      }
    }
    length.withUnsafeBytes { length in
      address.withUnsafeBytes { address in
        let call = guest.call(14, 4, word(address.baseAddress!), word(length.baseAddress!))
        call.recordEntry()
        call.recordExit(result: 0, outcome: PERSONA_OUTCOME_RESULT)
      }
    }
    #expect(
      guest.lines() == [
        "kevent(4, [{ident=3, EVFILT_READ, EV_ADD|EV_CLEAR}], 1, [{ident=3, EVFILT_READ, EV_CLEAR, data=5}], 2, NULL) = 1",
        #"getsockname(4, {AF_UNIX, "/tmp/s"}, [8]) = 0"#,
      ])
  }

  @Test func vectorsAndMessages() {
    let guest = Guest()
    let hello = Array("hello".utf8)
    let world = [UInt8](repeating: 120, count: 100)
    let address: [UInt8] = [16, 2, 0, 80, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]
    hello.withUnsafeBytes { hello in
      world.withUnsafeBytes { world in
        address.withUnsafeBytes { address in
          let vector: [UInt64] = [word(hello.baseAddress!), 5, word(world.baseAddress!), 100]
          vector.withUnsafeBytes { vector in
            let write = guest.call(29, 1, word(vector.baseAddress!), 2)
            write.recordEntry()
            write.recordExit(result: 105, outcome: PERSONA_OUTCOME_RESULT)
            let read = guest.call(31, 1, word(vector.baseAddress!), 2)
            read.recordEntry()
            read.recordExit(result: 7, outcome: PERSONA_OUTCOME_RESULT)
            let header: [UInt64] = [word(address.baseAddress!), 16, word(vector.baseAddress!), 1, 0, 0]
            header.withUnsafeBytes { header in
              let receive = guest.call(30, 1, word(header.baseAddress!), 0)
              receive.recordEntry()
              receive.recordExit(result: 4, outcome: PERSONA_OUTCOME_RESULT)
            }
          }
        }
      }
    }
    let cut = String(repeating: "x", count: 64)
    #expect(
      guest.lines() == [
        #"writev(1, [{iov_base="hello", iov_len=5}, {iov_base="\#(cut)"..., iov_len=100}], 2) = 105"#,
        #"readv(1, [{iov_base="hello", iov_len=5}, {iov_base="xx", iov_len=100}], 2) = 7"#,
        #"recvmsg(1, {msg_name={AF_INET, 127.0.0.1:80}, msg_namelen=16, "#
          + #"msg_iov=[{iov_base="hell", iov_len=5}], msg_iovlen=1}, 0) = 4"#,
      ])
  }

  @Test func missingCallsAndSignals() {
    let guest = Guest()
    recordMissingCall(guest.thread, number: 777, errno: 78)
    recordSignal(guest.thread, signal: 16, code: 0x10007, address: 12, handler: 0x4321)
    #expect(
      guest.lines() == [
        "nosys_777(...) = -1 ENOSYS", "--- SIGURG {si_code=SI_LWP, si_pid=12} -> handler 0x4321 ---",
      ])
  }

  /// More than the ring holds, emptied now and then: every line is there, across the ring's end too.
  @Test func wrapping() {
    let guest = Guest()
    let count = 6000
    for index in 0..<count {
      let call = guest.call(22, UInt64(index), 0)
      call.recordEntry()
      call.recordExit(result: 0, outcome: PERSONA_OUTCOME_RESULT)
      if index % 700 == 0 { guest.file.log.drain() }
    }
    #expect(guest.lines() == (0..<count).map { "kill(\($0), 0) = 0" })
  }

  /// Without a supervisor that answers, what does not fit is counted.
  @Test func overflow() {
    let guest = Guest()
    for index in 0..<6000 {
      let call = guest.call(22, UInt64(index), 0)
      call.recordEntry()
      call.recordExit(result: 0, outcome: PERSONA_OUTCOME_RESULT)
    }
    let lines = guest.lines()
    let kept = lines.count - 1
    #expect(kept > 2500 && kept < 6000)
    #expect(lines.first == "kill(0, 0) = 0")
    #expect(lines.last?.hasPrefix("persona: call log: ") == true)
    let call = guest.call(22, 5, 0)
    call.recordEntry()
    call.recordExit(result: 0, outcome: PERSONA_OUTCOME_RESULT)
    #expect(guest.lines().last == "kill(5, 0) = 0")
  }

  /// The lock of a writer that died, a zombie still, passes to the next.
  @Test func deadOwner() {
    let guest = Guest()
    var child = pid_t()
    var arguments: [UnsafeMutablePointer<CChar>?] = [strdup("/bin/true"), nil]
    posix_spawn(&child, "/bin/true", nil, nil, &arguments, nil)
    var info = siginfo_t()
    // WEXITED | WNOWAIT, linux/wait.h
    waitid(P_PID, id_t(child), &info, 4 | 0x0100_0000)
    let slot = guest.ring.slot(Int(guest.thread.pointee.tid) % Int(PERSONA_LOG_SLOTS))
    slot.pointee.lock = UInt32(child)
    recordMissingCall(guest.thread, number: 1000, errno: 78)
    #expect(slot.pointee.lock == 0)
    waitpid(child, nil, 0)
    slot.pointee.lock = UInt32(child)
    recordMissingCall(guest.thread, number: 1001, errno: 78)
    #expect(slot.pointee.lock == 0)
    #expect(guest.lines() == ["nosys_1000(...) = -1 ENOSYS", "nosys_1001(...) = -1 ENOSYS"])
  }

  /// More threads than slots write at the same time while the log is emptied: nothing is lost or torn.
  @Test func manyThreads() {
    let guest = Guest()
    let context = Unmanaged.passUnretained(guest)
    var threads: [pthread_t] = []
    let each = 40
    for _ in 0..<96 {
      var thread = pthread_t()
      pthread_create(
        &thread, nil,
        { argument in
          let guest = Unmanaged<Guest>.fromOpaque(argument!).takeUnretainedValue()
          for index in 0..<40 {
            let call = guest.call(22, UInt64(index), 0)
            call.recordEntry()
            call.recordExit(result: 0, outcome: PERSONA_OUTCOME_RESULT)
          }
          return nil
        }, context.toOpaque())
      threads.append(thread)
      guest.file.log.drain()
    }
    for thread in threads { pthread_join(thread, nil) }
    guest.file.log.finish()
    var next: [Substring: Int] = [:]
    for line in guest.file.text.split(separator: "\n") {
      let parts = line.split(separator: " ", maxSplits: 1)
      let index = next[parts[0], default: 0]
      #expect(parts[1] == "kill(\(index), 0) = 0")
      next[parts[0]] = index + 1
    }
    #expect(next.count == 96)
    #expect(next.values.allSatisfy { $0 == each })
  }
}
