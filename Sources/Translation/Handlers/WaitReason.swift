import CEngine
import CWire
import Wire

/// What a thread sleeps for, by the function of Linux's kernel that it sleeps in. Each system's kernel has words of its own for
/// these (wmesg).
enum WaitReason {
  case terminalInput, child, pipeInput, pipeOutput, time, signal, anySignal, readiness, events, connection, socketInput

  /// nil for other functions.
  init?(_ function: UnsafeMutableRawPointer) {
    func isIn(_ text: StaticString) -> Bool { isSame(function, text) }
    if isIn("n_tty_read") {
      self = .terminalInput
    } else if isIn("do_wait") {
      self = .child
    } else if isIn("anon_pipe_read") || isIn("pipe_read") {
      self = .pipeInput
    } else if isIn("anon_pipe_write") || isIn("pipe_write") {
      self = .pipeOutput
    } else if isIn("hrtimer_nanosleep") {
      self = .time
    } else if isIn("do_sigtimedwait") {
      self = .signal
    } else if isIn("sigsuspend") || isIn("__do_sys_pause") {
      self = .anySignal
    } else if isIn("poll_schedule_timeout") {
      self = .readiness
    } else if isIn("ep_poll") || isIn("do_epoll_wait") {
      self = .events
    } else if isIn("inet_csk_accept") {
      self = .connection
    } else if isIn("sk_wait_data") || isIn("unix_stream_read_generic") {
      self = .socketInput
    } else {
      return nil
    }
  }
}

/// Whether a NUL-terminated name is this one, up to what a compiler has put behind it (`.isra.0`).
private func isSame(_ name: UnsafeMutableRawPointer, _ text: StaticString) -> Bool {
  for index in 0..<text.utf8CodeUnitCount where name.get(at: index, as: UInt8.self) != text.utf8Start[index] {
    return false
  }
  let end = name.get(at: text.utf8CodeUnitCount, as: UInt8.self)
  return end == 0 || end == UInt8(ascii: ".")
}

/// A system's word for what a process or one of its threads sleeps for, or else the name of Linux's function, in scratch; nil where
/// Linux does not tell.
func waitWord(
  _ call: Call, _ process: Int, thread: Int? = nil, _ word: (WaitReason) -> StaticString?
) -> UnsafePointer<CChar>? {
  guard let path = processFile(call, process, thread: thread, "wchan"), let name = call.scratch(64) else { return nil }
  var file = HostFile(call, path)
  let count = file.read(name, 63)
  name.put(UInt8(0), at: count)
  // Linux says 0 where it does not tell.
  if count == 0 || name.get(at: 0, as: UInt8.self) == UInt8(ascii: "0") { return nil }
  if let reason = WaitReason(name), let known = word(reason) {
    return UnsafeRawPointer(known.utf8Start).assumingMemoryBound(to: CChar.self)
  }
  return UnsafePointer(name.assumingMemoryBound(to: CChar.self))
}

extension Record {
  /// Stores what a sleeping process or thread waits for, as much as there is room for (WMESGLEN).
  func put(
    _ call: Call, waitOf process: Int, thread: Int? = nil, _ name: FieldName, _ word: (WaitReason) -> StaticString?
  ) {
    let mark = call.thread.pointee.scratch_used
    defer { call.thread.pointee.scratch_used = mark }
    guard let layout = table.layout(name), let text = waitWord(call, process, thread: thread, word) else { return }
    (memory + layout.offset).copyMemory(from: text, byteCount: min(textLength(UnsafeRawPointer(text)), min(layout.width, 8)))
  }
}
