import CEngine
import CWire
import Glibc
import Testing

@testable import Translation

@Suite(.serialized) struct WaitingTests {
  let guest = Guest.freeBSD

  /// A child that runs a shell command.
  private func child(_ command: String) -> Int {
    var pid: pid_t = 0
    let words: [String] = ["sh", "-c", command]
    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
    arguments.append(nil)
    posix_spawn(&pid, "/bin/sh", nil, nil, arguments, nil)
    for argument in arguments { free(argument) }
    return Int(pid)
  }

  @Test func exitStatus() {
    let pid = child("exit 7")
    let status = Memory(4)
    let usage = Memory(144)
    #expect(guest("wait4", pid, status.word, 0, usage.word) == .value(pid))
    #expect(status.get(0, as: Int32.self) == 7 << 8)
    #expect(guest("wait4", pid, status.word, 0, 0) == guest.errno("ECHILD"))
    #expect(guest("wait4", pid, status.word, 0x40, 0) == guest.errno("EINVAL"))
  }

  @Test func signalsInFreeBSDsNumbers() {
    let status = Memory(4)
    // SIGUSR1 is 10 on Linux, 30 on FreeBSD.
    let killed = child("kill -USR1 $$; sleep 5")
    #expect(guest("wait4", killed, status.word, 0, 0) == .value(killed))
    #expect(status.get(0, as: Int32.self) == 30)
    let stopped = child("kill -STOP $$; exit 3")
    #expect(guest("wait4", stopped, status.word, 2, 0) == .value(stopped))
    #expect(status.get(0, as: Int32.self) == 17 << 8 | 0x7f)
    kill(pid_t(stopped), SIGCONT)
    #expect(guest("wait4", stopped, status.word, 4, 0) == .value(stopped))
    // Either it was seen to go on, or it has already ended.
    if status.get(0, as: Int32.self) == 0x13 {
      #expect(guest("wait4", stopped, status.word, 0, 0) == .value(stopped))
    }
    #expect(status.get(0, as: Int32.self) == 3 << 8)
  }

  @Test func notYet() {
    let pid = child("sleep 1")
    let status = Memory(4)
    status.set(Int32(99), 0)
    #expect(guest("wait4", pid, status.word, 1, 0) == .value(0))
    #expect(status.get(0, as: Int32.self) == 99)
    kill(pid_t(pid), SIGKILL)
    #expect(guest("wait4", pid, status.word, 0, 0) == .value(pid))
    #expect(status.get(0, as: Int32.self) == 9)
  }

  @Test func wait6TellsMore() {
    let pid = child("exit 5")
    let status = Memory(4)
    let usage = Memory(288)
    let info = Memory(80)
    // P_PID 0; WEXITED alone is needed; WNOWAIT leaves the child.
    #expect(guest("wait6", 0, pid, status.word, 0, 0, 0) == guest.errno("EINVAL"))
    #expect(guest("wait6", 0, pid, status.word, 16 | 8, usage.word, info.word) == .value(pid))
    #expect(status.get(0, as: Int32.self) == 5 << 8)
    #expect(info.get(0, as: Int32.self) == 20)  // SIGCHLD
    #expect(info.get(8, as: Int32.self) == 1)  // CLD_EXITED
    #expect(info.get(12, as: Int32.self) == Int32(pid))
    #expect(info.get(20, as: Int32.self) == 5)
    #expect(guest("wait6", 0, pid, status.word, 16, 0, 0) == .value(pid))
    #expect(guest("wait6", 5, pid, status.word, 16, 0, 0) == guest.errno("EINVAL"))
  }
}
