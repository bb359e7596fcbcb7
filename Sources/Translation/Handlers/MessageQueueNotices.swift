import CEngine
import CWire

// mq_notify(2). Linux sends the signal to the process; one to a single thread, as libraries ask for to make SIGEV_THREAD of it, a
// thread of the engine's sends, which Linux tells through a netlink socket. Linux takes a request back when the process closes any
// descriptor of the queue, and then that thread asks anew. Source: sys/kern/uipc_mqueue.c; Linux's ipc/mqueue.c.

/// Who hears of a queue's message.
struct MessageNotice {
  let queue: Int32
  let file: FileIdentity
  let event: SignalEvent
  /// The program has taken its request back; `event_lock` guards it.
  var isOver = false
}

/// What marks a siginfo of the engine's own in si_errno: si_pid is the queue's descriptor.
let messageNoticeMark: Int32 = 0x6d71

/// mq_notify(mqd, sigev): a signal when a message comes to an empty queue, or nothing; NULL takes the request back. A further operand
/// 1 says that messages that are there already are told of at once.
func messageQueueNotify(_ call: inout Call) -> Int {
  let queue = call.int32(0)
  if call.address(1) == 0 { return call.takeBack(queue) }
  var failure = 0
  guard let native = call.scratch(64) else { return call.error(ENOMEM) }
  guard let event = call.signalEvent(at: call.address(1), &failure) else { return failure }
  let notice = MessageNotice(queue: queue, file: FileIdentity(ofDescriptor: queue), event: event)
  event.write(to: native)
  let result =
    event.kind == .threadSignal
    ? call.askByWorker(notice) : call.hostNow(__NR_mq_notify, Int(queue), native.word)
  if result < 0 || call.row.pointee.operand_count < 3 || call.uint32(2) == 0 { return result }
  guard waitingMessages(queue) > 0 else { return result }
  // Who still has the request has not been told.
  SignalEvent(kind: .nothing).write(to: native)
  let isAsked = call.hostNow(__NR_mq_notify, Int(queue), native.word) == call.error(EBUSY)
  _ = call.takeBack(queue)
  if isAsked { send(call.process, notice) }
  return result
}

extension Call {
  fileprivate func takeBack(_ queue: Int32) -> Int {
    lockEvents()
    var candidate = knownOperations?.pointee.workers
    while let worker = candidate {
      if worker.pointee.notice?.queue == queue { worker.pointee.notice?.isOver = true }
      candidate = worker.pointee.next
    }
    unlockEvents()
    return hostNow(__NR_mq_notify, Int(queue), 0)
  }

  /// Has Linux tell a worker: 0, or the error.
  fileprivate func askByWorker(_ notice: MessageNotice) -> Int {
    let (family, raw) = (16, 3)  // AF_NETLINK, SOCK_RAW
    let descriptor = hidden(hostNow(__NR_socket, family, raw | 0o2000000, 0))
    if descriptor < 0 { return descriptor }
    let result = ask(notice, through: Int32(descriptor))
    thread.note(__NR_mq_notify, Int(notice.queue), 0, result: result)
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

/// Asks Linux to tell of a message through a netlink socket.
private func ask(_ notice: MessageNotice, through socket: Int32) -> Int {
  // SIGEV_THREAD: sigev_signo is the socket, and sigev_value leads to the 32 bytes that come through it.
  var cookie = InlineArray<4, UInt64>(repeating: 0)
  var event = InlineArray<8, UInt64>(repeating: 0)
  return withUnsafeMutablePointer(to: &cookie) { cookie in
    event[0] = UInt64(UInt(bitPattern: cookie))
    event[1] = UInt64(UInt32(bitPattern: socket)) | 2 << 32
    return withUnsafeMutablePointer(to: &event) { quietly(__NR_mq_notify, Int(notice.queue), Int(bitPattern: $0)) }
  }
}

/// How many messages there are in a queue.
private func waitingMessages(_ queue: Int32) -> Int {
  // struct mq_attr: mq_curmsgs at 24
  var attributes = InlineArray<8, Int>(repeating: 0)
  let result = withUnsafeMutablePointer(to: &attributes) {
    quietly(__NR_mq_getsetattr, Int(queue), 0, Int(bitPattern: $0))
  }
  return result == 0 ? attributes[3] : 0
}

/// A thread's work: one notice, which comes when a message does, or the end of the request.
private func awaitMessage(_ argument: UnsafeMutableRawPointer?) {
  let worker = argument!.assumingMemoryBound(to: OperationWorker.self)
  let process = worker.pointee.process
  while true {
    var cookie = InlineArray<4, UInt64>(repeating: 0)
    let count = withUnsafeMutablePointer(to: &cookie) {
      quietly(__NR_recvfrom, Int(worker.pointee.descriptor), Int(bitPattern: $0), 32)
    }
    persona_lock(&process.pointee.event_lock)
    let notice = worker.pointee.notice!
    persona_unlock(&process.pointee.event_lock)
    // The last byte: NOTIFY_WOKENUP 1, NOTIFY_REMOVED 2
    let isRemoved = count == 32 && cookie[3] >> 56 == 2
    if isRemoved, !notice.isOver, FileIdentity(ofDescriptor: notice.queue) == notice.file,
      ask(notice, through: worker.pointee.descriptor) == 0, waitingMessages(notice.queue) == 0
    {
      continue
    }
    // A message that came meanwhile is told of, too.
    let isMissed = isRemoved && !notice.isOver && waitingMessages(notice.queue) > 0
    if isMissed { _ = quietly(__NR_mq_notify, Int(notice.queue), 0) }
    if isMissed || (count == 32 && cookie[3] >> 56 == 1) { send(process, notice) }
    break
  }
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
