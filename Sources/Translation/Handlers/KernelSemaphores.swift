import CEngine
import CWire

// The kernel's POSIX semaphores: descriptors of a page that holds the value and that all who have it open share. A
// named one is a file in Linux's /dev/shm, another a file without a name.

/// What the page holds: the value, and how many wait for it.
private struct SemaphorePage {
  let address: UInt64
  var waiters: UInt64 { address + 4 }
}

private let pageBytes = 4096
/// SEM_VALUE_MAX of limits.h.
private let highestValue: UInt32 = 0x7fff_ffff

extension Call {
  private func map(_ descriptor: Int) -> Int {
    hostNow(__NR_mmap, 0, pageBytes, Int(PROT_READ | PROT_WRITE), Int(MAP_SHARED), descriptor, 0)
  }

  /// Calls `body` with the page of a semaphore; EINVAL when the descriptor is none.
  fileprivate func withSemaphore(_ descriptor: Int, _ body: (SemaphorePage) -> Int) -> Int {
    guard let status = scratch(144) else { return error(ENOMEM) }
    guard hostNow(__NR_fstat, descriptor, status.word) == 0, status.get(at: 48, as: Int64.self) == pageBytes else {
      return error(EINVAL)
    }
    let page = map(descriptor)
    if page < 0 { return error(EINVAL) }
    defer { _ = hostNow(__NR_munmap, page, pageBytes) }
    return body(SemaphorePage(address: UInt64(page)))
  }

  fileprivate func add(_ change: Int32, to address: UInt64) {
    var present: UInt32 = 0
    _ = persona_load32(address, &present)
    while persona_swap32(address, &present, UInt32(bitPattern: Int32(bitPattern: present) &+ change)) == 0 {}
  }

  /// Takes one from the value; false when there is none.
  fileprivate func take(_ page: SemaphorePage) -> Bool {
    var present: UInt32 = 0
    _ = persona_load32(page.address, &present)
    while present > 0 {
      if persona_swap32(page.address, &present, present - 1) == 1 { return true }
    }
    return false
  }

  fileprivate func await(_ page: SemaphorePage, until limit: UnsafePointer<Timespec>?) -> Int {
    add(1, to: page.waiters)
    defer { add(-1, to: page.waiters) }
    while !take(page) {
      let result = host(
        __NR_futex, Int(page.address), Int(FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME), 0, Int(bitPattern: limit), 0, -1)
      if result == Int(PERSONA_RESTART) || result == error(ETIMEDOUT) { return result }
      if result < 0, result != error(EAGAIN) { return result }
    }
    return 0
  }

  /// Makes room for the value and sets it.
  fileprivate func begin(_ descriptor: Int, _ value: UInt32) -> Int {
    let result = hostNow(__NR_ftruncate, descriptor, pageBytes)
    if result < 0 { return result }
    return withSemaphore(descriptor) { page in
      persona_store32(page.address, value) == 0 ? 0 : error(EFAULT)
    }
  }

  fileprivate func tell(_ descriptor: Int, at place: UInt64) -> Int {
    if write(Int64(descriptor), at: place) { return 0 }
    _ = hostNow(__NR_close, descriptor)
    return error(EFAULT)
  }

  /// "/dev/shm/ksem." and the name, whose slashes become '%'; nil when refused.
  fileprivate func semaphorePath(_ name: UInt64, _ failure: inout Int) -> UnsafeMutableRawPointer? {
    let longest = 256
    guard let path = scratch(longest + 32) else {
      failure = error(ENOMEM)
      return nil
    }
    let end = append(path, 0, "/dev/shm/ksem.")
    let text = (path + end).assumingMemoryBound(to: CChar.self)
    let length = persona_copy_string(text, name, longest)
    failure = length < 0 ? Int(length) : error(EINVAL)
    guard length > 1, text[0] == 0x2f else { return nil }
    for index in 0..<Int(length) where text[index] == 0x2f { text[index] = 0x25 }
    return path
  }
}

/// ksem_init(value, idp)
func semaphoreCreate(_ call: inout Call) -> Int {
  guard call.uint32(0) <= highestValue else { return call.error(EINVAL) }
  let name: StaticString = "ksem"
  let descriptor = call.hostNow(__NR_memfd_create, Int(bitPattern: name.utf8Start), Int(MFD_CLOEXEC))
  if descriptor < 0 { return descriptor }
  let result = call.begin(descriptor, call.uint32(0))
  return result < 0 ? result : call.tell(descriptor, at: call.address(1))
}

/// ksem_open(name, oflag, mode, value, idp): flags as Linux's, of which O_CREAT and O_EXCL count. The value is in place
/// before the name is there.
func semaphoreOpen(_ call: inout Call) -> Int {
  var failure = 0
  guard let path = call.semaphorePath(call.address(0), &failure) else { return failure }
  let creates = call[1] & Int(O_CREAT) != 0
  if creates, call.uint32(3) > highestValue { return call.error(EINVAL) }
  let flags = Int(O_RDWR | O_CLOEXEC | O_NOFOLLOW)
  while true {
    let found = call.hostNow(__NR_openat, Int(AT_FDCWD), path.word, flags)
    if found >= 0 {
      if creates, call[1] & Int(O_EXCL) != 0 {
        _ = call.hostNow(__NR_close, found)
        return call.error(EEXIST)
      }
      return call.tell(found, at: call.address(4))
    }
    guard found == call.error(ENOENT), creates else { return found }
    let folder: StaticString = "/dev/shm"
    let temporary = 0x41_0000  // O_TMPFILE
    let fresh = call.hostNow(
      __NR_openat, Int(AT_FDCWD), Int(bitPattern: folder.utf8Start), Int(O_RDWR | O_CLOEXEC) | temporary, call[2] & 0o777)
    if fresh < 0 { return fresh }
    guard let link = call.scratch(40) else { return call.error(ENOMEM) }
    writeDescriptorPath(fresh, to: link)
    var result = call.begin(fresh, call.uint32(3))
    if result == 0 {
      result = call.hostNow(
        __NR_linkat, Int(AT_FDCWD), link.word, Int(AT_FDCWD), path.word, Int(AT_SYMLINK_FOLLOW))
    }
    if result == 0 { return call.tell(fresh, at: call.address(4)) }
    _ = call.hostNow(__NR_close, fresh)
    // Somebody else was first.
    if result != call.error(EEXIST) { return result }
  }
}

/// ksem_unlink(name)
func semaphoreUnlink(_ call: inout Call) -> Int {
  var failure = 0
  guard let path = call.semaphorePath(call.address(0), &failure) else { return failure }
  return call.hostNow(__NR_unlinkat, Int(AT_FDCWD), path.word, 0)
}

/// ksem_close(id) and ksem_destroy(id)
func semaphoreClose(_ call: inout Call) -> Int {
  let result = call.withSemaphore(call[0]) { _ in 0 }
  return result < 0 ? result : call.hostNow(__NR_close, call[0])
}

/// ksem_post(id)
func semaphorePost(_ call: inout Call) -> Int {
  let copied = call
  return call.withSemaphore(call[0]) { page in
    var present: UInt32 = 0
    _ = persona_load32(page.address, &present)
    repeat {
      if present == highestValue { return copied.error(EOVERFLOW) }
    } while persona_swap32(page.address, &present, present + 1) == 0
    var waiters: UInt32 = 0
    _ = persona_load32(page.waiters, &waiters)
    if waiters > 0 { _ = copied.hostNow(__NR_futex, Int(page.address), Int(FUTEX_WAKE), 1) }
    return 0
  }
}

/// ksem_wait(id)
func semaphoreWait(_ call: inout Call) -> Int {
  let copied = call
  return call.withSemaphore(call[0]) { copied.await($0, until: nil) }
}

/// ksem_timedwait(id, abstime): the time is of the real-time clock.
func semaphoreTimedWait(_ call: inout Call) -> Int {
  var limit = Timespec()
  guard call.readTime(1, &limit) else { return call.error(EFAULT) }
  let copied = call
  return call.withSemaphore(call[0]) { page in
    if copied.take(page) { return 0 }
    guard limit.isInterval else { return copied.error(EINVAL) }
    return withUnsafePointer(to: &limit) { copied.await(page, until: $0) }
  }
}

/// ksem_trywait(id)
func semaphoreTry(_ call: inout Call) -> Int {
  let copied = call
  return call.withSemaphore(call[0]) { copied.take($0) ? 0 : copied.error(EAGAIN) }
}

/// ksem_getvalue(id, value)
func semaphoreValue(_ call: inout Call) -> Int {
  let copied = call
  return call.withSemaphore(call[0]) { page in
    var value: UInt32 = 0
    _ = persona_load32(page.address, &value)
    return copied.write(value, at: copied.address(1)) ? 0 : copied.error(EFAULT)
  }
}
