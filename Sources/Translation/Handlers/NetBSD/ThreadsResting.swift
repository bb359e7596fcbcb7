import CEngine
import CWire

// _lwp_suspend(2), _lwp_continue(2), _lwp_wakeup(2). Source: sys/kern/sys_lwp.c. Linux stops processes only: a thread
// is asked by a signal of the engine's, and rests where the engine would return to it.

/// How a thread is asked; the engine knows no more of it.
public enum ThreadRequest {
  /// Linux's signal; no table maps it.
  public static let signal = 63

  /// What `rest` of a thread says.
  public static let runs: UInt32 = 0
  public static let isAsked: UInt32 = 1
  public static let rests: UInt32 = 2
}

private func restWord(_ thread: UnsafeMutablePointer<persona_thread>) -> UInt64 {
  withUnsafeMutablePointer(to: &thread.pointee.rest) { UInt64(UInt(bitPattern: $0)) }
}

/// Rests as long as somebody wants it; called where the thread returns to the guest.
public func restIfAsked(_ thread: UnsafeMutablePointer<persona_thread>) {
  let word = restWord(thread)
  var state = ThreadRequest.isAsked
  guard persona_swap32(word, &state, ThreadRequest.rests) == 1 else { return }
  _ = persona_syscall(Int64(__NR_futex), word, UInt64(FUTEX_WAKE | FUTEX_PRIVATE_FLAG), UInt64(Int32.max), 0, 0, 0)
  while true {
    var now: UInt32 = 0
    guard persona_load32(word, &now) == 0, now != ThreadRequest.runs else { return }
    _ = persona_syscall(Int64(__NR_futex), word, UInt64(FUTEX_WAIT | FUTEX_PRIVATE_FLAG), UInt64(now), 0, 0, 0)
  }
}

extension Call {
  private func send(_ target: Int32) -> Int {
    hostNow(__NR_tgkill, Int(process.pointee.pid), Int(target), ThreadRequest.signal)
  }

  fileprivate func suspend(_ target: Int32) -> Int {
    guard let other = livingThread(target) else { return error(ESRCH) }
    let word = restWord(other)
    if other == thread {
      if isOnlyThread { return error(EDEADLK) }
      _ = persona_store32(word, ThreadRequest.isAsked)
      return send(target)
    }
    var state = ThreadRequest.runs
    if persona_swap32(word, &state, ThreadRequest.isAsked) == 1 {
      let result = send(target)
      if result < 0 { return result }
    }
    // Until it rests, has been let go again, or is gone.
    var limit = Timespec(seconds: 0, nanoseconds: 10_000_000)
    while other.pointee.alive != 0 {
      var now: UInt32 = 0
      guard persona_load32(word, &now) == 0, now == ThreadRequest.isAsked else { return 0 }
      let result = withUnsafePointer(to: &limit) {
        host(__NR_futex, Int(truncatingIfNeeded: word), Int(FUTEX_WAIT | FUTEX_PRIVATE_FLAG), Int(now), Int(bitPattern: $0))
      }
      if result == Int(PERSONA_RESTART) { return result }
    }
    return 0
  }

  private var isOnlyThread: Bool {
    var count = 0
    _ = eachTask(self, Int(process.pointee.pid)) { _ in
      count += 1
      return count < 2
    }
    return count < 2
  }

  fileprivate func resume(_ target: Int32) -> Int {
    guard let other = livingThread(target) else { return error(ESRCH) }
    let word = restWord(other)
    guard persona_store32(word, ThreadRequest.runs) == 0 else { return error(ESRCH) }
    futexWake(word, Int(Int32.max), shared: false)
    return 0
  }

  /// ENODEV when the thread waits for nothing.
  fileprivate func wake(_ target: Int32) -> Int {
    guard let other = livingThread(target) else { return error(ESRCH) }
    guard isWaiting(target) else { return error(ENODEV) }
    other.pointee.interrupted = 1
    return send(target)
  }

  /// Linux's /proc says "running", or in which call a thread is.
  private func isWaiting(_ target: Int32) -> Bool {
    guard let path = scratch(64), let text = scratch(16) else { return false }
    var end = append(path, 0, "/proc/self/task/")
    end = appendDecimal(path, end, Int(target))
    _ = append(path, end, "/syscall")
    let file = hostNow(__NR_open, path.word, Int(O_RDONLY | O_CLOEXEC))
    if file < 0 { return false }
    let length = hostNow(__NR_read, file, text.word, 16)
    _ = hostNow(__NR_close, file)
    return length > 0 && text.load(as: UInt8.self) != UInt8(ascii: "r")
  }
}

func lwpSuspend(_ call: inout Call) -> Int { call.suspend(call.int32(0)) }
func lwpContinue(_ call: inout Call) -> Int { call.resume(call.int32(0)) }
func lwpWakeup(_ call: inout Call) -> Int { call.wake(call.int32(0)) }
