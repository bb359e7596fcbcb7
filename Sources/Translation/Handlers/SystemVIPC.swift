import CEngine
import CWire
import Wire

// System V shared memory, semaphores and messages. Descriptions of objects are the table's structures, which convert
// to those of Linux's asm-generic/{ipc,shm,sem,msg}buf.h.

private let IPC_RMID = 0
private let IPC_SET = 1
private let IPC_STAT = 2

/// shmat(shmid, shmaddr, shmflg): SHM_RDONLY and SHM_RND are Linux's numbers.
func shmat(_ call: inout Call) -> Int {
  var address = call.address(1)
  if call[2] & Int(0x2000) != 0 { address &= ~(pageSize - 1) }
  if address != 0 {
    guard let range = PageRange(address, pageSize), range.isGuest else { return call.error(EINVAL) }
  }
  return call.hostNow(__NR_shmat, Int(call.int32(0)), Int(call.address(1)), Int(call.int32(2)))
}

/// shmctl(shmid, cmd, buf)
func shmctl(_ call: inout Call) -> Int { control(call, __NR_shmctl, .shmid_ds) }

/// msgctl(msqid, cmd, buf)
func msgctl(_ call: inout Call) -> Int { control(call, __NR_msgctl, .msqid_ds) }

/// IPC_RMID, IPC_SET or IPC_STAT of a segment or queue; of what IPC_SET is given, Linux takes owner, mode and a
/// queue's limit. The structure is the one that the row names, or else `name`.
private func control(_ call: Call, _ number: Int32, _ name: WellKnown) -> Int {
  let isNamed = UInt32(call.argument(2).pointee.conversion) == PERSONA_CONVERT_STRUCT.rawValue
  guard let structure = isNamed ? call.parameter(2) : call.table.wellKnown(name) else { return call.error(EINVAL) }
  let (object, command) = (Int(call.int32(0)), Int(call.int32(1)))
  switch command {
  case IPC_RMID: return call.hostNow(number, object, command, 0)
  case IPC_SET:
    var failure = 0
    guard let native = call.structIn(structure, at: call.address(2), failure: &failure) else { return failure }
    return call.hostNow(number, object, command, native.word)
  case IPC_STAT:
    guard let native = call.scratch(128) else { return call.error(ENOMEM) }
    let result = call.hostNow(number, object, command, native.word)
    return result < 0 ? result : call.structOut(structure, from: native, to: call.address(2))
  default: return call.error(EINVAL)
  }
}

/// Linux's numbers of the semctl commands (linux/sem.h).
private enum SemaphoreCommand: Int {
  case remove = 0
  case set = 1
  case stat = 2
  case processID = 11
  case value = 12
  case allValues = 13
  case waitingForMore = 14
  case waitingForZero = 15
  case setValue = 16
  case setAllValues = 17
}

/// semctl(semid, semnum, cmd, arg): cmd as Linux's; arg points to a union semun. With a fifth operand the set's
/// description is the older semid_ds50.
func semctl(_ call: inout Call) -> Int {
  let set = Int(call.int32(0))
  let number = Int(call.int32(1))
  guard let command = SemaphoreCommand(rawValue: call[2]) else { return call.error(EINVAL) }
  var argument: UInt64 = 0
  switch command {
  case .remove, .processID, .value, .waitingForMore, .waitingForZero:
    return call.hostNow(__NR_semctl, set, number, command.rawValue, 0)
  default: guard call.read(&argument, at: call.address(3)) else { return call.error(EFAULT) }
  }
  switch command {
  case .setValue:
    return call.hostNow(
      __NR_semctl, set, number, command.rawValue, Int(Int32(truncatingIfNeeded: argument)))
  case .allValues, .setAllValues:
    // An array of 16-bit values on both sides.
    return call.hostNow(__NR_semctl, set, number, command.rawValue, Int(truncatingIfNeeded: argument))
  default: break
  }
  let isOld = call.row.pointee.operand_count > 4 && call[4] != 0
  guard let structure = call.table.wellKnown(isOld ? .semid_ds50 : .semid_ds) else { return call.error(EINVAL) }
  if command == .set {
    var failure = 0
    guard let native = call.structIn(structure, at: argument, failure: &failure) else { return failure }
    return call.hostNow(__NR_semctl, set, number, IPC_SET, native.word)
  }
  guard let native = call.scratch(128) else { return call.error(ENOMEM) }
  let result = call.hostNow(__NR_semctl, set, number, IPC_STAT, native.word)
  return result < 0 ? result : call.structOut(structure, from: native, to: argument)
}
