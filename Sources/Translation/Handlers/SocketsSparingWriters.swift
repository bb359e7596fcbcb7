import CEngine
import CWire

// SO_NOSIGPIPE (sys/socket.h): a write that finds nobody at the other end fails with EPIPE, and no SIGPIPE comes. Linux
// knows MSG_NOSIGNAL only, call by call. So the socket's file keeps the wish as SO_SELECT_ERR_QUEUE, which means nothing to
// a stream but that poll(2) tells of a queue of errors by one bit more, and which every process that has the socket sees. Linux
// raises SIGPIPE in the thread that writes, before the write's answer reaches the engine: there it is dropped.

private let pipeSignal = 13

/// From now on the process's SIGPIPE comes to the engine, also where nobody handles it.
func heedSparedWriters(_ call: Call) {
  let process = call.process
  guard process.pointee.spares_writers == 0 else { return }
  persona_lock(&process.pointee.action_lock)
  process.pointee.spares_writers = 1
  _ = persona_install_action(call.thread, Int32(call.table.foreignSignal(pipeSignal)), Int32(pipeSignal))
  persona_unlock(&process.pointee.action_lock)
}

/// Whether an unhandled signal must reach the engine for that.
public func isSparingWriters(_ process: UnsafeMutablePointer<persona_process>, _ native: Int32) -> Bool {
  process.pointee.spares_writers != 0 && native == Int32(pipeSignal)
}

/// Whether a signal that finds the engine right after a write to Linux is one that the socket's writers are spared. All
/// calls that write have the descriptor first, whose register Linux keeps.
public func isSpared(_ process: UnsafeMutablePointer<persona_process>, _ signal: Int, _ context: TrapContext) -> Bool {
  guard isSparingWriters(process, Int32(signal)), context[PERSONA_RAX] == UInt64(bitPattern: -Int64(EPIPE)) else {
    return false
  }
  var value: Int32 = 0
  var length: UInt32 = 4
  let result = withUnsafeMutablePointer(to: &value) { value in
    withUnsafeMutablePointer(to: &length) { length in
      persona_syscall(
        Int64(__NR_getsockopt), context[PERSONA_RDI], UInt64(LinuxSocket.level), UInt64(SO_SELECT_ERR_QUEUE),
        UInt64(UInt(bitPattern: value)), UInt64(UInt(bitPattern: length)), 0)
    }
  }
  return result == 0 && value != 0
}

/// What a socket that was accepted has from the one that listens; Linux's local sockets have it from nobody.
func inheritSparing(_ call: Call, _ descriptor: Int) {
  guard call.process.pointee.spares_writers != 0, socketInteger(call, call[0], SO_SELECT_ERR_QUEUE) ?? 0 != 0 else {
    return
  }
  var one: Int32 = 1
  _ = withUnsafeMutablePointer(to: &one) {
    call.hostNow(
      __NR_setsockopt, descriptor, LinuxSocket.level, Int(SO_SELECT_ERR_QUEUE), Int(bitPattern: $0), 4)
  }
}
