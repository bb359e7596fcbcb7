import CEngine
import Testing

@testable import Translation

@Suite struct UserMutexTests {
  let guest = Guest.freeBSD

  private func op(_ object: Int, _ op: Int, _ value: Int = 0, _ first: Int = 0, _ second: Int = 0) -> Guest.Answer {
    guest("_umtx_op", object, op, value, first, second)
  }

  private func time(nanoseconds: Int64, absolute: Bool = false, clock: UInt32 = 4) -> Memory {
    let memory = Memory(24)
    memory.set(nanoseconds / 1_000_000_000, 0)
    memory.set(nanoseconds % 1_000_000_000, 8)
    memory.set(UInt32(absolute ? 1 : 0), 16)
    memory.set(clock, 20)
    return memory
  }

  private var id: UInt32 { UInt32(persona_current().pointee.tid) }

  @Test func waitsCompareAndTimeOut() {
    let word = Memory(16)
    #expect(op(word.word, 11, 5) == .value(0))
    #expect(op(word.word, 2, 5) == .value(0))
    #expect(op(word.word, 15, 1 << 32) == .value(0))
    for operation in [2, 11, 15] {
      let limit = time(nanoseconds: 20_000_000)
      let took = milliseconds {
        #expect(op(word.word, operation, 0, 24, limit.word) == guest.errno("ETIMEDOUT"))
      }
      #expect(took >= 19 && took < 1000)
    }
    // A plain timespec, on the real-time clock; one that is past; clocks that Linux's futex lacks.
    #expect(op(word.word, 11, 0, 16, time(nanoseconds: 1_000_000).word) == guest.errno("ETIMEDOUT"))
    #expect(
      op(word.word, 11, 0, 24, time(nanoseconds: 1, absolute: true, clock: 0).word)
        == guest.errno("ETIMEDOUT"))
    #expect(
      op(word.word, 11, 0, 24, time(nanoseconds: 1, absolute: true, clock: 14).word)
        == guest.errno("ETIMEDOUT"))
    #expect(op(word.word, 11, 0, 24, time(nanoseconds: -1).word) == guest.errno("EINVAL"))
    #expect(op(word.word, 11, 0, 24, 8) == guest.errno("EFAULT"))
    #expect(op(8, 11, 0) == guest.errno("EFAULT"))
    #expect(op(word.word, 99, 0) == guest.errno("EINVAL"))
    #expect(op(word.word, 0, 0) == guest.errno("EOPNOTSUPP"))
  }

  @Test(arguments: [(11, 3), (15, 16), (11, 16), (15, 3), (2, 3), (2, 16)])
  func wakesFindSleepers(_ wait: Int, _ wake: Int) {
    let word = Memory(16)
    let limit = time(nanoseconds: 5_000_000_000)
    let answer = Memory(8)
    answer.set(Int64(-2), 0)
    let thread = GuestThread {
      answer.set(Int64(op(word.word, wait, 0, 24, limit.word).value ?? -1), 0)
    }
    // The sleeper may not be asleep yet: wake until it has been.
    while answer.get(0, as: Int64.self) == -2 {
      #expect(op(word.word, wake, 1) == .value(0))
      pause(5)
    }
    thread.join()
    #expect(answer.get(0, as: Int64.self) == 0)
  }

  private func pause(_ milliseconds: Int64) {
    let limit = Memory(16)
    limit.set(milliseconds * 1_000_000, 8)
    _ = guest("nanosleep", limit.word, 0)
  }

  @Test func wakesManyWords() {
    let words = [Memory(16), Memory(16), Memory(16)]
    let array = Memory(24)
    for (index, word) in words.enumerated() { array.set(UInt64(word.word), 8 * index) }
    let limit = time(nanoseconds: 5_000_000_000)
    let threads = words.map { word in
      GuestThread { #expect(op(word.word, 15, 0, 24, limit.word) == .value(0)) }
    }
    pause(20)
    #expect(op(array.word, 21, 3) == .value(0))
    for thread in threads { thread.join() }
  }

  @Test func mutexStates() {
    let mutex = Memory(32)
    #expect(op(mutex.word, 4) == .value(0))
    #expect(mutex.get(0) == id)
    #expect(op(mutex.word, 4) == guest.errno("EBUSY"))
    #expect(op(mutex.word, 5, 0, 24, time(nanoseconds: 5_000_000).word) == guest.errno("ETIMEDOUT"))
    #expect(mutex.get(0) == id | 0x8000_0000)
    #expect(op(mutex.word, 6) == .value(0))
    #expect(mutex.get(0) == UInt32(0))
    #expect(op(mutex.word, 6) == guest.errno("EPERM"))
    #expect(op(mutex.word, 17) == .value(0))
    mutex.set(UInt32(0x8000_0010), 0)
    #expect(op(mutex.word, 5) == guest.errno("EOWNERDEAD"))
    #expect(mutex.get(0) == id | 0x8000_0000)
    mutex.set(UInt32(0x8000_0011), 0)
    #expect(op(mutex.word, 5) == guest.errno("ENOTRECOVERABLE"))
    // PTHREAD_PRIO_INHERIT and PTHREAD_PRIO_PROTECT
    mutex.set(id, 0)
    mutex.set(UInt32(4), 4)
    #expect(op(mutex.word, 5) == guest.errno("EDEADLK"))
    #expect(op(mutex.word, 6) == .value(0))
    mutex.set(UInt32(0x8000_0000), 0)
    mutex.set(UInt32(8), 4)
    #expect(op(mutex.word, 5) == .value(0))
    #expect(mutex.get(0) == id | 0x8000_0000)
    let old = Memory(8)
    #expect(op(mutex.word, 7, 7, old.word) == .value(0))
    #expect(mutex.get(8, as: UInt32.self) == 7)
    #expect(op(mutex.word, 6) == .value(0))
    #expect(mutex.get(0) == UInt32(0x8000_0000))
    mutex.set(UInt32(12), 4)
    #expect(op(mutex.word, 5) == guest.errno("EINVAL"))
    #expect(op(8, 5) == guest.errno("EFAULT"))
  }

  /// libthr's way: lock and unlock in the program, the kernel only when contested.
  private func lockLikeLibthr(_ mutex: Memory) {
    let address = UInt64(mutex.word)
    while true {
      var owner: UInt32 = 0
      persona_load32(address, &owner)
      if owner & 0x7fff_ffff == 0, persona_swap32(address, &owner, owner | id) == 1 { return }
      _ = op(mutex.word, 17)
    }
  }

  private func unlockLikeLibthr(_ mutex: Memory) {
    var owner: UInt32 = 0
    persona_load32(UInt64(mutex.word), &owner)
    while persona_swap32(UInt64(mutex.word), &owner, 0) != 1 {}
    if owner & 0x8000_0000 != 0 { _ = op(mutex.word, 22, 0) }
  }

  @Test(.timeLimit(.minutes(1)), arguments: [2, 5, 16])
  func mutualExclusion(_ count: Int) {
    for inKernel in [false, true] {
      let mutex = Memory(32)
      let counter = Memory(8)
      let rounds = 8000 / count
      let threads = (0..<count).map { _ in
        GuestThread {
          for round in 0..<rounds {
            if inKernel { _ = op(mutex.word, 5) } else { lockLikeLibthr(mutex) }
            let value = counter.get(0, as: Int64.self)
            if round % 16 == 0 { _ = guest("sched_yield") }
            counter.set(value + 1, 0)
            if inKernel { _ = op(mutex.word, 6) } else { unlockLikeLibthr(mutex) }
          }
        }
      }
      for thread in threads { thread.join() }
      #expect(counter.get(0, as: Int64.self) == Int64(rounds * count))
      #expect(mutex.get(0, as: UInt32.self) & 0x7fff_ffff == 0)
    }
  }

  @Test(.timeLimit(.minutes(1))) func conditions() {
    let mutex = Memory(32)
    let condition = Memory(16)
    _ = op(mutex.word, 5)
    #expect(op(condition.word, 8, 0, mutex.word, time(nanoseconds: 5_000_000).word) == guest.errno("ETIMEDOUT"))
    #expect(mutex.get(0) == UInt32(0))
    #expect(condition.get(0) == UInt32(1))
    #expect(op(condition.word, 8, 0, mutex.word, 0) == guest.errno("EPERM"))
    // Producers and consumers pass 1000 items.
    let items = Memory(8)
    let taken = Memory(8)
    let consumers = (0..<4).map { _ in
      GuestThread {
        for _ in 0..<250 {
          _ = op(mutex.word, 5)
          while items.get(0, as: Int64.self) == 0 {
            _ = op(condition.word, 8, 0, mutex.word, 0)
            _ = op(mutex.word, 5)
          }
          items.set(items.get(0, as: Int64.self) - 1, 0)
          taken.set(taken.get(0, as: Int64.self) + 1, 0)
          _ = op(mutex.word, 6)
        }
      }
    }
    let producers = (0..<2).map { _ in
      GuestThread {
        for _ in 0..<500 {
          _ = op(mutex.word, 5)
          items.set(items.get(0, as: Int64.self) + 1, 0)
          _ = op(mutex.word, 6)
          // pthread_cond_signal asks the kernel only when somebody waits.
          if condition.get(0, as: UInt32.self) != 0 { _ = op(condition.word, 9) }
        }
      }
    }
    for thread in consumers + producers { thread.join() }
    #expect(taken.get(0, as: Int64.self) == 1000)
  }

  @Test(.timeLimit(.minutes(1))) func broadcasts() {
    let mutex = Memory(32)
    let condition = Memory(16)
    let go = Memory(8)
    let threads = (0..<8).map { _ in
      GuestThread {
        _ = op(mutex.word, 5)
        while go.get(0, as: Int64.self) == 0 {
          _ = op(condition.word, 8, 0, mutex.word, 0)
          _ = op(mutex.word, 5)
        }
        _ = op(mutex.word, 6)
      }
    }
    pause(20)
    _ = op(mutex.word, 5)
    go.set(Int64(1), 0)
    _ = op(mutex.word, 6)
    #expect(op(condition.word, 10) == .value(0))
    for thread in threads { thread.join() }
    #expect(condition.get(0) == UInt32(0))
  }

  @Test(.timeLimit(.minutes(1)), arguments: [0, 2])
  func readWriteLocks(_ flags: UInt32) {
    let lock = Memory(32)
    lock.set(flags, 4)
    let value = Memory(16)
    let threads = (0..<8).map { index in
      GuestThread {
        for round in 0..<300 {
          if (index + round) % 4 == 0 {
            #expect(op(lock.word, 13) == .value(0))
            value.set(value.get(0, as: Int64.self) + 1, 0)
            _ = guest("sched_yield")
            value.set(value.get(8, as: Int64.self) + 1, 8)
          } else {
            #expect(op(lock.word, 12) == .value(0))
            #expect(value.get(0, as: Int64.self) == value.get(8, as: Int64.self))
          }
          #expect(op(lock.word, 14) == .value(0))
        }
      }
    }
    for thread in threads { thread.join() }
    #expect(value.get(0, as: Int64.self) == 600)
    #expect(op(lock.word, 14) == guest.errno("EPERM"))
    #expect(lock.get(0, as: UInt32.self) & 0x9fff_ffff == 0)
    #expect(lock.get(8, as: UInt64.self) == 0)
    #expect(op(lock.word, 13) == .value(0))
    #expect(op(lock.word, 12, 0, 24, time(nanoseconds: 3_000_000).word) == guest.errno("ETIMEDOUT"))
    #expect(op(lock.word, 13, 0, 24, time(nanoseconds: 3_000_000).word) == guest.errno("ETIMEDOUT"))
    #expect(op(lock.word, 14) == .value(0))
    #expect(lock.get(8, as: UInt64.self) == 0)
  }

  @Test(.timeLimit(.minutes(1))) func semaphores() {
    let semaphore = Memory(8)
    let address = UInt64(semaphore.word)
    let takers = (0..<4).map { _ in
      GuestThread {
        for _ in 0..<1000 {
          taking: while true {
            var count: UInt32 = 0
            persona_load32(address, &count)
            while count & 0x7fff_ffff != 0 {
              if persona_swap32(address, &count, count - 1) == 1 { break taking }
            }
            #expect(op(semaphore.word, 23) == .value(0))
          }
        }
      }
    }
    let givers = (0..<2).map { _ in
      GuestThread {
        for _ in 0..<2000 {
          var count: UInt32 = 0
          persona_load32(address, &count)
          var old = count
          while true {
            old = count
            if persona_swap32(address, &count, old + 1) == 1 { break }
          }
          if old & 0x8000_0000 != 0 { #expect(op(semaphore.word, 24) == .value(0)) }
        }
      }
    }
    for thread in takers + givers { thread.join() }
    #expect(semaphore.get(0, as: UInt32.self) & 0x7fff_ffff == 0)
    semaphore.set(UInt32(0), 0)
    #expect(op(semaphore.word, 23, 0, 24, time(nanoseconds: 3_000_000).word) == guest.errno("ETIMEDOUT"))
  }

  @Test func robustListsOfAnEndingThread() {
    let list = Memory(16)
    let mutex = Memory(32)
    let lists = Memory(24)
    lists.set(UInt64(list.word), 0)
    mutex.set(UInt32(0x10), 4)
    list.set(UInt64(mutex.word), 0)
    let thread = GuestThread {
      #expect(op(0, 26, 24, lists.word) == .value(0))
      #expect(op(mutex.word, 5) == .value(0))
      let current = persona_current()!
      let row = guest.table.call(454)!
      Call(thread: current, table: guest.table, row: row, number: 454, words: InlineArray(repeating: 0))
        .releaseRobustMutexes()
    }
    thread.join()
    #expect(op(mutex.word, 5) == guest.errno("EOWNERDEAD"))
    #expect(op(0, 26, 32, lists.word) == guest.errno("EINVAL"))
  }

  @Test func suspendAndWakeThreads() {
    let limit = Memory(16)
    limit.set(Int64(3_000_000), 8)
    #expect(guest("thr_suspend", limit.word) == guest.errno("ETIMEDOUT"))
    #expect(guest("thr_wake", Int(id)) == .value(0))
    #expect(guest("thr_suspend", limit.word) == .value(0))
    #expect(guest("thr_wake", 1) == guest.errno("ESRCH"))
  }
}
