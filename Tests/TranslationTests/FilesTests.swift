import CEngine
import Testing

@testable import Translation

@Suite struct FilesTests {
  let guest = Guest.freeBSD
  let directory = TemporaryDirectory()

  private func create(_ name: String, _ flags: Int = 0x202) -> Int {
    guest("open", directory(name).word, flags, 0o600).result
  }

  @Test func locksWhileOpening() {
    let path = directory("locked")
    let first = guest("open", path.word, 0x202 | 0x20, 0o600).result  // O_EXLOCK
    #expect(guest("open", path.word, 0x2 | 0x20 | 0x4, 0) == guest.errno("EAGAIN"))
    #expect(guest("open", path.word, 0x2 | 0x20 | 0x10, 0) == guest.errno("EINVAL"))
    _ = guest("close", first)
    let shared = guest("open", path.word, 0x10 | 0x4, 0).result  // O_SHLOCK
    let other = guest("open", path.word, 0x10 | 0x4, 0).result
    #expect(guest("open", path.word, 0x20 | 0x4, 0) == guest.errno("EAGAIN"))
    _ = guest("close", shared)
    _ = guest("close", other)
  }

  /// Structures whose pointers and words are 32 bits long, several in a row.
  @Test func arraysOfSmallerStructures() {
    let guest = Guest.freeBSD32
    // PROT_READ | PROT_WRITE; MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT
    let low = Int(persona_syscall(Int64(__NR_mmap), 0, 4096, 3, 0x62, UInt64.max, 0))
    let memory = UnsafeMutableRawPointer(bitPattern: low)!
    memory.copyMemory(from: "hello, world", byteCount: 12)
    for (index, (base, length)) in [(low, 5), (low + 7, 5), (low, 0)].enumerated() {
      memory.storeBytes(of: UInt32(base), toByteOffset: 1024 + 8 * index, as: UInt32.self)
      memory.storeBytes(of: UInt32(length), toByteOffset: 1028 + 8 * index, as: UInt32.self)
    }
    let file = create("parts", 0x202)
    #expect(guest("writev", file, low + 1024, 3) == .value(10))
    memory.initializeMemory(as: UInt8.self, repeating: 0, count: 16)
    #expect(guest("lseek", file, 0, 0, 0) == .value(0))
    #expect(guest("readv", file, low + 1024, 2) == .value(10))
    #expect(String(cString: memory.assumingMemoryBound(to: CChar.self)) == "hello")
    #expect(String(cString: (memory + 7).assumingMemoryBound(to: CChar.self)) == "world")
    #expect(guest("writev", file, low + 1024, -1) == guest.errno("EINVAL"))
    #expect(guest("writev", file, low + 1024, 1025) == guest.errno("EINVAL"))
    #expect(guest("writev", file, 16, 1) == guest.errno("EFAULT"))
    // struct timeval[2]
    for (index, word) in [1000, 1, 2000, 2].enumerated() {
      memory.storeBytes(of: UInt32(word), toByteOffset: 2048 + 4 * index, as: UInt32.self)
    }
    #expect(guest("futimes", file, low + 2048) == .value(0))
    let status = Memory(144)
    #expect(persona_syscall(Int64(__NR_fstat), UInt64(file), UInt64(status.word), 0, 0, 0, 0) == 0)
    #expect(status.get(72, as: Int64.self) == 1000 && status.get(80, as: Int64.self) == 1000)
    #expect(status.get(88, as: Int64.self) == 2000 && status.get(96, as: Int64.self) == 2000)
  }

  @Test func symbolicLinksThatMayNotBeFollowed() {
    _ = guest("close", create("target"))
    #expect(guest("symlink", Memory("target").word, directory("link").word) == .value(0))
    #expect(guest("open", directory("link").word, 0x100, 0) == guest.errno("EMLINK"))
    #expect(guest("open", directory("link").word, 0x100 | 0x20000, 0) == guest.errno("EMLINK"))
    #expect(guest("open", directory("target").word, 0x100 | 0x20000, 0) == guest.errno("ENOTDIR"))
    #expect(guest("symlink", Memory("round").word, directory("round").word) == .value(0))
    #expect(guest("open", directory("round").word, 0, 0) == guest.errno("ELOOP"))
  }

  @Test func staysBeneath() {
    let top = guest("open", directory("").word, 0x20000, 0).result
    _ = guest("close", create("inside"))
    let inside = guest("openat", top, Memory("inside").word, 0x800000, 0)
    #expect(inside.value != nil)
    #expect(guest("openat", top, Memory("../x").word, 0x800000, 0) == .failure(93))
    _ = guest("close", inside.result)
    _ = guest("close", top)
  }

  @Test func unlinkRefusesDirectories() {
    #expect(guest("mkdir", directory("d").word, 0o700) == .value(0))
    #expect(guest("unlink", directory("d").word) == guest.errno("EPERM"))
    #expect(guest("mkdir", directory("d").word, 0o700) == guest.errno("EEXIST"))
    #expect(guest("rmdir", directory("d").word) == .value(0))
    #expect(guest("unlink", directory("d").word) == guest.errno("ENOENT"))
  }

  @Test func allocationTellsItsErrorAsResult() {
    let file = create("space")
    #expect(guest("posix_fallocate", file, 0, 4096) == .value(0))
    #expect(guest("posix_fallocate", file, 0, 0) == .value(22))
    #expect(guest("posix_fallocate", 9999, 0, 1) == .value(9))
    #expect(guest("posix_fadvise", file, 0, 0, 2) == .value(0))
    #expect(guest("posix_fadvise", file, 0, 0, 77) == .value(22))
    _ = guest("close", file)
  }

  @Test func times() {
    let file = create("times")
    let times = Memory(32)
    times.set(1_000_000_000, 0)
    times.set(7, 8)
    times.set(-2, 24)  // UTIME_OMIT
    #expect(guest("utimensat", -100, directory("times").word, times.word, 0) == .value(0))
    let status = Memory(224)
    #expect(guest("fstat", file, status.word) == .value(0))
    #expect(status.get(48, as: Int.self) == 1_000_000_000)
    #expect(status.get(56, as: Int.self) == 7)
    #expect(status.get(64, as: Int.self) > 1_000_000_000)
    times.set(2_000_000_000, 8)
    #expect(guest("futimens", file, times.word) == guest.errno("EINVAL"))
    _ = guest("close", file)
  }

  @Test func anonymousSharedMemory() {
    let object = guest("freebsd12_shm_open", 1, 0x2, 0).result
    #expect(guest("ftruncate", object, 8192) == .value(0))
    _ = guest("close", object)
    #expect(guest("freebsd12_shm_open", 1, 0x1, 0) == guest.errno("EINVAL"))
    let name = Memory("/persona-test-\(UInt64.random(in: 0...UInt64.max))/x")
    let named = guest("freebsd12_shm_open", name.word, 0x202, 0o600).result
    #expect(guest("shm_unlink", name.word) == .value(0))
    #expect(guest("shm_unlink", name.word) == guest.errno("ENOENT"))
    _ = guest("close", named)
  }

  @Test func flags() {
    let file = create("flags")
    #expect(guest("fchflags", file, 0) == .value(0))
    #expect(guest("chflags", directory("flags").word, 0) == .value(0))
    #expect(guest("chflags", directory("flags").word, 0x8000) == guest.errno("EOPNOTSUPP"))
    #expect(guest("chflags", directory("none").word, 0) == guest.errno("ENOENT"))
    #expect(guest("fchflags", 9999, 0) == guest.errno("EBADF"))
    _ = guest("close", file)
  }

  @Test func limits() {
    let file = create("limits")
    #expect(guest("fpathconf", file, 4) == .value(255))
    #expect(guest("fpathconf", file, 5) == .value(1024))
    #expect(guest("fpathconf", file, 6) == guest.errno("EINVAL"))
    #expect(guest("pathconf", directory("").word, 6) == .value(512))
    #expect(guest("pathconf", directory("").word, 999) == guest.errno("EINVAL"))
    _ = guest("close", file)
  }

  @Test func fileSystems() {
    let status = Memory(2344)
    #expect(guest("statfs", Memory("/proc").word, status.word) == .value(0))
    #expect(status.get(0, as: UInt32.self) == 0x2014_0518)
    #expect(status.text(280) == "proc")
    #expect(status.text(1320) == "/proc")
    let count = guest("getfsstat", 0, 0, 2).result
    #expect(count > 0)
    let all = Memory(2344 * count)
    #expect(guest("getfsstat", all.word, 2344 * count, 2).result > 0)
    #expect(all.text(1320).hasPrefix("/"))
    #expect(guest("getfsstat", 0, 0, 9) == guest.errno("EINVAL"))
    let old = Memory(472 * count)
    #expect(guest("freebsd11_getfsstat", old.word, 472 * count, 2).result > 0)
    #expect(old.get(0, as: UInt32.self) == 0x2003_0518)
    #expect(guest("freebsd11_statfs", Memory("/proc").word, old.word) == .value(0))
    #expect(old.text(384) == "/proc")
  }

  @Test func realPaths() {
    let buffer = Memory(1024)
    _ = guest("close", create("real"))
    #expect(guest("symlink", Memory("real").word, directory("other").word) == .value(0))
    #expect(guest("__realpathat", -100, directory("other").word, buffer.word, 1024, 0) == .value(0))
    #expect(buffer.text(0).hasSuffix("/real"))
    #expect(guest("__realpathat", -100, directory("other").word, buffer.word, 4, 0) == guest.errno("ENOMEM"))
  }
}

/// A closing slash follows a symbolic link (TRAILINGSLASH of kern/vfs_lookup.c).
@Suite struct FilesNamesTests {
  let guest = Guest.freeBSD
  let directory = TemporaryDirectory()

  private func link(_ target: String, _ name: String) {
    #expect(guest("symlink", Memory(target).word, directory(name).word) == .value(0))
  }

  private func exists(_ name: String) -> Bool {
    guest("access", directory(name).word, 0) == .value(0)
  }

  @Test func directories() {
    link("new", "link")
    link("link", "further")
    #expect(guest("mkdir", directory("further/").word, 0o700) == .value(0))
    #expect(exists("new"))
    #expect(guest("mkdir", directory("link/").word, 0o700) == guest.errno("EEXIST"))
    #expect(guest("unlink", directory("link/").word) == guest.errno("EPERM"))
    #expect(guest("rmdir", directory("link").word) == guest.errno("ENOTDIR"))
    #expect(guest("rmdir", directory("link//").word) == .value(0))
    #expect(!exists("new"))
    #expect(guest("rmdir", directory("link/").word) == guest.errno("ENOENT"))
  }

  @Test func renaming() {
    #expect(guest("mkdir", directory("old").word, 0o700) == .value(0))
    link("old", "from")
    link(directory.path + "/new", "to")
    #expect(guest("rename", directory("from/").word, directory("to/").word) == .value(0))
    #expect(exists("new"))
    #expect(!exists("old"))
    _ = guest("close", guest("open", directory("file").word, 0x201, 0o600).result)
    #expect(guest("rename", directory("file/").word, directory("x").word) == guest.errno("ENOTDIR"))
  }
}
