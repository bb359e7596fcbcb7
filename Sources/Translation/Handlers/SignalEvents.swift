import CEngine
import CWire
import Wire

// struct sigevent: how a program wants to hear of the end of something.

/// What a guest's sigevent asks for, in Linux's words.
struct SignalEvent {
  enum Kind { case nothing, signal, threadSignal, event }
  var kind = Kind.signal
  /// Linux's signal.
  var signal = 0
  var value: UInt64 = 0
  /// Of `threadSignal`.
  var thread: Int32 = 0
  /// Of `event`: a kqueue's descriptor, and the flags of the event that is added to it.
  var queue: Int32 = -1
  var eventFlags: UInt32 = 0

  /// struct sigevent of Linux (uapi asm-generic/siginfo.h), 64 bytes.
  func write(to native: UnsafeMutableRawPointer) {
    clear(native, 64)
    native.put(value, at: 0)
    native.put(Int32(signal), at: 8)
    // SIGEV_SIGNAL 0, SIGEV_NONE 1, SIGEV_THREAD_ID 4.
    native.put(Int32(kind == .nothing ? 1 : kind == .signal ? 0 : 4), at: 12)
    native.put(thread, at: 16)
  }
}

extension Call {
  /// Reads the sigevent at a guest address; nil when it is refused: `failure` then holds the answer. Only some calls take events.
  func signalEvent(at address: UInt64, _ failure: inout Int, takesEvents: Bool = false) -> SignalEvent? {
    let size = table.size(.sigevent)
    guard let memory = scratch(size) else {
      failure = error(ENOMEM)
      return nil
    }
    guard copyIn(memory, address, size) else {
      failure = error(EFAULT)
      return nil
    }
    return signalEvent(memory, &failure, takesEvents: takesEvents)
  }

  /// The same of a sigevent in the engine's memory.
  func signalEvent(
    _ memory: UnsafeMutableRawPointer, _ failure: inout Int, takesEvents: Bool = false
  ) -> SignalEvent? {
    let record = Record(memory, table)
    var event = SignalEvent()
    event.value = record[.sigevent__sigev_value]
    let notice = record.signed(.sigevent__sigev_notify)
    failure = error(EINVAL)
    // A kernel with SIGEV_SA takes it and SIGEV_THREAD, and then tells nobody.
    let isSilent = notice == table.constant(.SIGEV_SA)
      || (notice == table.constant(.SIGEV_THREAD) && table.constant(.SIGEV_SA) != nil)
    if notice == table.constant(.SIGEV_NONE) || isSilent {
      event.kind = .nothing
      return event
    }
    if takesEvents, notice == table.constant(.SIGEV_KEVENT) {
      event.kind = .event
      // sigev_notify_kqueue is sigev_signo, sigev_notify_kevent_flags a short where a thread's number would be.
      event.queue = Int32(truncatingIfNeeded: record.signed(.sigevent__sigev_signo))
      event.eventFlags = UInt32(record[.sigevent__sigev_notify_thread_id] & 0xffff)
      return event
    }
    if notice == table.constant(.SIGEV_THREAD_ID) {
      event.kind = .threadSignal
      event.thread = Int32(truncatingIfNeeded: record.signed(.sigevent__sigev_notify_thread_id))
    } else if notice != table.constant(.SIGEV_SIGNAL) {
      return nil
    }
    event.signal = table.nativeSignal(Int(record.signed(.sigevent__sigev_signo)))
    return event.signal == 0 ? nil : event
  }
}

/// Sends the signal that an event asks for, to the process or to one thread.
func sendSignal(
  _ process: UnsafeMutablePointer<persona_process>, _ event: SignalEvent, code: Int32, sender: Int32, errno: Int32
) {
  var info = InlineArray<16, UInt64>(repeating: 0)
  withUnsafeMutablePointer(to: &info) {
    let info = UnsafeMutableRawPointer($0)
    info.put(Int32(event.signal), at: 0)
    info.put(errno, at: 4)
    info.put(code, at: 8)
    info.put(sender, at: 16)
    info.put(UInt32(truncatingIfNeeded: quietly(__NR_getuid)), at: 20)
    info.put(event.value, at: 24)
    let pid = Int(process.pointee.pid)
    if event.kind == .signal {
      _ = quietly(__NR_rt_sigqueueinfo, pid, event.signal, info.word)
    } else {
      _ = quietly(__NR_rt_tgsigqueueinfo, pid, Int(event.thread), event.signal, info.word)
    }
  }
}
