import CEngine
import CWire

// mq_notify(2). Linux sends the signal to the process; one to a single thread, as libraries ask for to make SIGEV_THREAD of it, a thread of
// the engine's sends, which Linux tells through a netlink socket. Source: sys/kern/uipc_mqueue.c; Linux's ipc/mqueue.c.

/// Who hears of a queue's message.
struct MessageNotice {
  let queue: Int32
  let event: SignalEvent
}

/// What marks a siginfo of the engine's own in si_errno: si_pid is the queue's descriptor.
let messageNoticeMark: Int32 = 0x6d71

/// mq_notify(mqd, sigev): a signal when a message comes to an empty queue, or nothing; NULL takes the request back. A further operand 1
/// says that messages that are there already are told of at once.
func messageQueueNotify(_ call: inout Call) -> Int {
  let queue = call.int32(0)
  guard call.address(1) != 0 else { return call.hostNow(__NR_mq_notify, Int(queue), 0) }
  var failure = 0
  guard let native = call.scratch(64) else { return call.error(ENOMEM) }
  guard let event = call.signalEvent(at: call.address(1), &failure) else { return failure }
  event.write(to: native)
  let notice = MessageNotice(queue: queue, event: event)
  let result =
    event.kind == .threadSignal
    ? call.askByWorker(notice, native) : call.hostNow(__NR_mq_notify, Int(queue), native.word)
  if result < 0 || call.row.pointee.operand_count < 3 || call.uint32(2) == 0 { return result }
  // struct mq_attr: mq_curmsgs at 24
  guard call.hostNow(__NR_mq_getsetattr, Int(queue), 0, native.word) == 0, native.get(at: 24, as: Int.self) > 0 else {
    return result
  }
  // Who still has the request has not been told.
  SignalEvent(kind: .nothing).write(to: native)
  let isAsked = call.hostNow(__NR_mq_notify, Int(queue), native.word) == call.error(EBUSY)
  _ = call.hostNow(__NR_mq_notify, Int(queue), 0)
  if isAsked { send(call.process, notice) }
  return result
}

extension Call {
  /// Has Linux tell a worker: 0, or the error.
  fileprivate func askByWorker(_ notice: MessageNotice, _ native: UnsafeMutableRawPointer) -> Int {
    let (family, raw) = (16, 3)  // AF_NETLINK, SOCK_RAW
    let descriptor = hidden(hostNow(__NR_socket, family, raw | 0o2000000, 0))
    if descriptor < 0 { return descriptor }
    // SIGEV_THREAD: sigev_signo is the socket, and sigev_value leads to the 32 bytes that come through it.
    clear(native, 64)
    native.put(UInt64(UInt(bitPattern: native + 32)), at: 0)
    native.put(Int32(descriptor), at: 8)
    native.put(Int32(2), at: 12)
    let result = hostNow(__NR_mq_notify, Int(notice.queue), native.word)
    if result < 0 {
      closeHidden(Int32(descriptor), -1)
      return result
    }
    lockEvents()
    defer { unlockEvents() }
    let worker = OperationWorker(
      process: process, descriptor: Int32(descriptor), wake: -1, file: FileIdentity(device: 0, inode: 0),
      isWrite: false, isSocket: false, notice: notice)
    guard let list = operations(), startWorker(worker, list, awaitMessage) != nil else {
      _ = hostNow(__NR_mq_notify, Int(notice.queue), 0)
      return error(EAGAIN)
    }
    return 0
  }
}

/// A thread's work: one notice, which comes when a message does or the request is taken back.
private func awaitMessage(_ argument: UnsafeMutableRawPointer?) {
  let worker = argument!.assumingMemoryBound(to: OperationWorker.self)
  let process = worker.pointee.process
  var cookie = InlineArray<4, UInt64>(repeating: 0)
  let count = withUnsafeMutablePointer(to: &cookie) {
    quietly(__NR_recvfrom, Int(worker.pointee.descriptor), Int(bitPattern: $0), 32)
  }
  // The last byte: NOTIFY_WOKENUP 1, NOTIFY_REMOVED 2
  if count == 32, cookie[3] >> 56 == 1, let notice = worker.pointee.notice { send(process, notice) }
  persona_lock(&process.pointee.event_lock)
  dismiss(worker, process.pointee.operations!.assumingMemoryBound(to: ProcessOperations.self))
  persona_unlock(&process.pointee.event_lock)
}

/// Sends the signal with SI_MESGQ (-3) as Linux says it.
private func send(_ process: UnsafeMutablePointer<persona_process>, _ notice: MessageNotice) {
  let event = notice.event
  guard event.kind == .signal || event.kind == .threadSignal else { return }
  sendSignal(process, event, code: -3, sender: notice.queue, errno: messageNoticeMark)
}
