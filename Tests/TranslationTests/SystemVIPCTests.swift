import CEngine
import CWire
import Glibc
import Testing

@testable import Translation

@Suite struct SystemVIPCTests {
  let guest = Guest.freeBSD
  private let create = 0x200 | 0o600

  @Test func sharedMemory() {
    let identifier = guest("shmget", 0, 10000, create).result
    let address = guest("shmat", identifier, 0, 0).result
    UnsafeMutableRawPointer(bitPattern: address)!.storeBytes(of: 5, as: UInt8.self)
    let description = Memory(80)
    #expect(guest("shmctl", identifier, 2, description.word) == .value(0))
    #expect(description.get(0x20, as: Int.self) == 10000)
    #expect(description.get(0x2c, as: Int32.self) == getpid())
    #expect(description.get(0x30, as: Int32.self) == 1)
    #expect(description.get(0, as: UInt32.self) == geteuid())
    #expect(description.get(16, as: UInt16.self) & 0o777 == 0o600)
    description.set(UInt16(0o640), 16)
    #expect(guest("shmctl", identifier, 1, description.word) == .value(0))
    #expect(guest("shmat", identifier, Int(PERSONA_RESERVED_START), 0) == guest.errno("EINVAL"))
    #expect(guest("shmdt", address) == .value(0))
    #expect(guest("shmctl", identifier, 0, 0) == .value(0))
    #expect(guest("shmctl", identifier, 0, 0) == guest.errno("EINVAL"))
  }

  @Test func semaphores() {
    let set = guest("semget", 0, 2, create).result
    let argument = Memory(8)
    argument.set(Int32(3), 0)
    #expect(guest("__semctl", set, 1, 8, argument.word) == .value(0))  // SETVAL
    #expect(guest("__semctl", set, 1, 5, 0) == .value(3))  // GETVAL
    let values = Memory(4)
    argument.set(values.word, 0)
    #expect(guest("__semctl", set, 0, 6, argument.word) == .value(0))  // GETALL
    #expect(values.get(2, as: UInt16.self) == 3)
    let description = Memory(64)
    argument.set(description.word, 0)
    #expect(guest("__semctl", set, 0, 2, argument.word) == .value(0))
    #expect(description.get(0x28, as: UInt16.self) == 2)
    let operation = Memory(6)
    operation.set(UInt16(1), 0)
    operation.set(Int16(-4), 2)
    operation.set(UInt16(0x800), 4)  // IPC_NOWAIT
    #expect(guest("semop", set, operation.word, 1) == guest.errno("EAGAIN"))
    #expect(guest("__semctl", set, 0, 0, 0) == .value(0))
  }

  @Test func messages() {
    let queue = guest("msgget", 0, create).result
    let message = Memory(16)
    message.set(1, 0)
    message.set(42, 8)
    #expect(guest("msgsnd", queue, message.word, 8, 0) == .value(0))
    let description = Memory(104)
    #expect(guest("msgctl", queue, 2, description.word) == .value(0))
    #expect(description.get(0x38, as: Int.self) == 1)
    #expect(guest("msgrcv", queue, message.word, 8, 1, 0x800) == .value(8))
    #expect(guest("msgrcv", queue, message.word, 8, 1, 0x800) == guest.errno("ENOMSG"))
    #expect(guest("msgctl", queue, 0, 0) == .value(0))
  }
}

@Suite struct MessageQueueTests {
  let guest = Guest.freeBSD

  @Test func messages() {
    let name = Memory("/persona-test-\(getpid())")
    let attributes = Memory(64)
    attributes.set(4, 8)
    attributes.set(32, 16)
    #expect(guest("kmq_open", Memory("no-slash").word, 0x202, 0o600, 0) == guest.errno("EINVAL"))
    // O_RDWR | O_CREAT | O_NONBLOCK
    let queue = guest("kmq_open", name.word, 0x206, 0o600, attributes.word).result
    let message = Memory(32)
    message[0] = 9
    #expect(guest("kmq_timedsend", queue, message.word, 5, 3, 0) == .value(0))
    let priority = Memory(4)
    #expect(guest("kmq_timedreceive", queue, message.word, 32, priority.word, 0) == .value(5))
    #expect(message[0] == 9 && priority.get(0, as: UInt32.self) == 3)
    #expect(guest("kmq_timedreceive", queue, message.word, 32, 0, 0) == guest.errno("EAGAIN"))
    #expect(guest("kmq_setattr", queue, 0, attributes.word) == .value(0))
    #expect(attributes.get(0, as: Int.self) == 4 && attributes.get(8, as: Int.self) == 4)
    attributes.set(0, 0)
    #expect(guest("kmq_setattr", queue, attributes.word, 0) == .value(0))
    #expect(guest("kmq_unlink", name.word) == .value(0))
    #expect(guest("kmq_unlink", name.word) == guest.errno("ENOENT"))
    close(Int32(queue))
  }
}
