import CEngine
import CWire
import Wire

// What ipcs(1) asks of the kernel: limits, and System V's objects in the slots of its arrays (struct semid_kernel, shmid_kernel,
// msqid_kernel of sys/{sem,shm,msg}.h).

/// Linux's commands that tell of limits, of how many slots there are, and of what lies in one (linux/{ipc,sem,shm,msg}.h).
private let IPC_INFO = 3

/// A kind of object: its call's number, the commands that tell the last slot in use and a slot's object, and what the
/// foreign kernel's structure holds beside the user's.
struct SystemVKind {
  let number: Int32
  let takesFour: Bool
  let lastSlot: Int
  let statAny: Int
  let name: WellKnown
  /// Bytes behind the user's structure: pointers of the kernel's own.
  let hidden: Int
  /// What marks a slot in use in the mode.
  let allocated: UInt64

  // SEM_INFO 19, SEM_STAT_ANY 20; SEM_ALLOC
  static var semaphores: SystemVKind {
    SystemVKind(
      number: __NR_semctl, takesFour: true, lastSlot: 19, statAny: 20, name: .semid_ds, hidden: 16, allocated: 0o1000)
  }
  // SHM_INFO 14, SHM_STAT_ANY 15; SHMSEG_ALLOCATED
  static var segments: SystemVKind {
    SystemVKind(
      number: __NR_shmctl, takesFour: false, lastSlot: 14, statAny: 15, name: .shmid_ds, hidden: 24, allocated: 0o4000)
  }
  // MSG_INFO 12, MSG_STAT_ANY 13; a queue in use has a limit
  static var queues: SystemVKind {
    SystemVKind(
      number: __NR_msgctl, takesFour: false, lastSlot: 12, statAny: 13, name: .msqid_ds, hidden: 16, allocated: 0)
  }

  /// Linux's answer to a command about a slot or the whole.
  func ask(_ slot: Int, _ command: Int, _ memory: UnsafeMutableRawPointer) -> Int {
    takesFour ? quietly(number, slot, 0, command, memory.word) : quietly(number, slot, command, memory.word)
  }
}

/// An identifier's low 16 bits name its slot, the rest counts its uses (IPCID_TO_IX). Linux has 32768 slots, so that its
/// identifiers come to lie in twice as many of these.
private let slots = 1 << 16
private let linuxSlots = 1 << 15

/// kern.ipc.sema, kern.ipc.shmsegs, kern.ipc.msqids
func systemVObjects(_ kind: SystemVKind, _ request: inout SysctlRequest) -> Int {
  let call = request.call
  guard let structure = call.table.wellKnown(kind.name) else { return call.error(ENOENT) }
  let size = Int(call.table.structure(structure).pointee.foreign_size) + kind.hidden
  if request.old == 0 {
    request.skip(slots * size)
    return 0
  }
  guard let native = call.scratch(256), let object = call.scratch(size), let empty = call.scratch(size * 128) else {
    return call.error(ENOMEM)
  }
  clear(empty, size * 128)
  let last = kind.ask(0, kind.lastSlot, native)
  var slot = 0
  while slot < slots {
    let place = slot % linuxSlots
    if place > last {
      // Nothing up to the next slot that Linux may have filled.
      let count = min(linuxSlots - place, 128)
      request.put(empty, size * count)
      slot += count
      continue
    }
    let identifier = kind.ask(place, kind.statAny, native)
    if identifier >= 0, identifier % slots == slot {
      clear(object, size)
      call.table.structToForeign(structure, from: native, to: object)
      let permissions = Record(object, call.table)
      permissions[.ipc_perm__seq] = UInt64(identifier >> 16)
      permissions[.ipc_perm__mode] |= kind.allocated
      request.put(object, size)
    } else {
      request.put(empty, size)
    }
    slot += 1
  }
  return 0
}

/// A limit by its place in what Linux tells; nil where it tells none.
func systemVLimit(_ value: HostValue, _ call: Call) -> Int64? {
  guard let memory = call.scratch(128) else { return nil }
  clear(memory, 128)
  // struct shminfo64: shmmax, shmmin, shmmni, shmseg, shmall.
  func segments(_ index: Int) -> Int64? {
    guard SystemVKind.segments.ask(0, IPC_INFO, memory) >= 0 else { return nil }
    return memory.get(at: 8 * index, as: Int64.self)
  }
  // struct seminfo: semmap, semmni, semmns, semmnu, semmsl, semopm, semume, semusz, semvmx, semaem.
  func semaphores(_ index: Int) -> Int64? {
    guard SystemVKind.semaphores.ask(0, IPC_INFO, memory) >= 0 else { return nil }
    return Int64(memory.get(at: 4 * index, as: Int32.self))
  }
  // struct msginfo: msgpool, msgmap, msgmax, msgmnb, msgmni, msgssz, msgtql, and msgseg of 16 bits.
  func queues(_ index: Int) -> Int64? {
    guard SystemVKind.queues.ask(0, IPC_INFO, memory) >= 0 else { return nil }
    return index == 7 ? Int64(memory.get(at: 28, as: UInt16.self)) : Int64(memory.get(at: 4 * index, as: Int32.self))
  }
  switch value {
  case .segmentBytes: return segments(0)
  case .segmentLeastBytes: return segments(1)
  case .segmentsOfProcess: return segments(3)
  case .segmentPages: return segments(4)
  case .semaphoreCount: return semaphores(2)
  case .semaphoreUndos: return semaphores(3)
  case .semaphoresOfSet: return semaphores(4)
  case .semaphoreOperations: return semaphores(5)
  case .semaphoreUndosOfProcess: return semaphores(6)
  case .semaphoreUndoBytes: return semaphores(7)
  case .semaphoreValueLimit: return semaphores(8)
  case .semaphoreAdjustLimit: return semaphores(9)
  case .messageBytes: return queues(2)
  case .messageQueueBytes: return queues(3)
  case .messageSegmentBytes: return queues(5)
  case .messageCount: return queues(6)
  case .messageSegments: return queues(7)
  case .systemVSlots: return Int64(slots)
  default: return nil
  }
}
