import BinaryImage
import CHost
import Glibc
import HostText

extension DoctorReport {
  /// The kernel features that are tried, the needed ones first. Releases: man pages of Linux, and its
  /// Kconfig.
  static let features: [(persona_feature, Requirement)] = [
    (
      PERSONA_FEATURE_USER_DISPATCH,
      Requirement(
        name: "syscall user dispatch", weight: .needed,
        loss: "a foreign system call cannot be caught inside the program",
        remedy: "use Linux 5.11 or later for x86-64 (CONFIG_GENERIC_ENTRY), outside of emulators like gVisor")
    ),
    (
      PERSONA_FEATURE_SECCOMP,
      Requirement(
        name: "seccomp filter", weight: .needed, loss: "guests cannot reach the supervisor",
        remedy: "use a kernel with CONFIG_SECCOMP_FILTER; in a container, allow the seccomp call")
    ),
    (
      PERSONA_FEATURE_NOTIFICATION,
      Requirement(
        name: "seccomp user notification", weight: .needed,
        loss: "guests cannot ask the supervisor for plan, table and exec",
        remedy: "use Linux 5.0 or later; if the reason is 'busy', a container manager listens already: "
          + "run Persona outside of it or without its seccomp profile")
    ),
    (
      PERSONA_FEATURE_ADDFD,
      Requirement(
        name: "seccomp descriptor passing (ADDFD)", weight: .needed,
        loss: "the supervisor cannot hand files to a guest", remedy: "use Linux 5.9 or later")
    ),
    (
      PERSONA_FEATURE_ENGINE_ADDRESS,
      Requirement(
        name: "memory at the engine's address", weight: .needed, loss: "the engine cannot be loaded",
        remedy: "raise the address-space limit (ulimit -v unlimited); avoid kernels that reserve that range")
    ),
    (
      PERSONA_FEATURE_FSGSBASE,
      Requirement(
        name: "FSGSBASE instructions", weight: .needed,
        loss: "the engine cannot set a thread's TLS base without extra calls",
        remedy:
          "use Linux 5.9 or later without nofsgsbase, on an Intel Ivy Bridge, AMD Excavator or later"
      )
    ),
    (
      PERSONA_FEATURE_SYNC_WAKEUP,
      Requirement(
        name: "synchronous seccomp wake-up", weight: .useful,
        loss: "a question to the supervisor takes 30 µs instead of 5", remedy: "use Linux 6.6 or later")
    ),
    (
      PERSONA_FEATURE_OPENAT2,
      Requirement(
        name: "openat2 with RESOLVE_IN_ROOT", weight: .useful,
        loss: "--root does not work", remedy: "use Linux 5.6 or later; in a container, allow the openat2 call"
      )
    ),
    (
      PERSONA_FEATURE_PIDFD,
      Requirement(
        name: "pidfd", weight: .useful, loss: "kqueue's EVFILT_PROC and process descriptors do not work",
        remedy: "use Linux 5.3 or later")
    ),
    (
      PERSONA_FEATURE_IA32,
      Requirement(
        name: "IA32 emulation", weight: .useful, loss: "32-bit programs cannot run",
        remedy: "use a kernel with CONFIG_IA32_EMULATION, booted without ia32_emulation=0")
    ),
    (
      PERSONA_FEATURE_LDT,
      Requirement(
        name: "modify_ldt with 16-bit segments", weight: .useful, loss: "16-bit programs cannot run",
        remedy: "use a kernel with CONFIG_MODIFY_LDT_SYSCALL and CONFIG_X86_16BIT")
    ),
    (
      PERSONA_FEATURE_USER_NAMESPACE,
      Requirement(
        name: "user namespaces", weight: .useful,
        loss: "chroot, jails and mounts of a guest need root",
        remedy:
          "as root: sysctl user.max_user_namespaces=10000, kernel.unprivileged_userns_clone=1 (Debian), "
          + "kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu)")
    ),
    (
      PERSONA_FEATURE_LANDLOCK,
      Requirement(
        name: "Landlock", weight: .useful, loss: "a guest's files cannot be fenced in without root",
        remedy: "use Linux 5.13 or later with landlock in the lsm= boot parameter")
    ),
  ]

  mutating func addKernel() {
    var name = utsname()
    uname(&name)
    let release = withUnsafeBytes(of: &name.release) {
      String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
    }
    let numbers = release.split(whereSeparator: { $0 == "." || $0 == "-" }).prefix(2).map { Int($0) ?? 0 }
    let isRecent = numbers.count == 2 && (numbers[0], numbers[1]) >= (5, 11)
    add(
      Requirement(
        name: "Linux kernel", weight: .needed, loss: "system calls cannot be caught",
        remedy: "use Linux 5.11 or later"),
      missing: isRecent ? nil : "release \(release)", detail: release)
  }

  mutating func addMinimumAddress() {
    let requirement = Requirement(
      name: "low addresses (vm.mmap_min_addr)", weight: .useful,
      loss: "programs that are loaded at address 0 cannot run; others can",
      remedy: "as root: sysctl vm.mmap_min_addr=0")
    let value = HostLimits.minimumAddress
    add(
      requirement, missing: value <= 0x10000 ? nil : "nothing can be mapped below \(value)",
      detail: "\(value)")
  }

  mutating func addBinfmt() {
    let status = firstLine(of: "/proc/sys/fs/binfmt_misc/status")
    let isKnown = contents(of: "/proc/filesystems").contains("binfmt_misc")
    add(
      Requirement(
        name: "binfmt_misc", weight: .useful,
        loss: "foreign programs cannot be started by name alone; persona run works",
        remedy: "as root: mount -t binfmt_misc none /proc/sys/fs/binfmt_misc"),
      missing: status == "enabled" ? nil : isKnown ? "not mounted or disabled" : "not in this kernel")
  }

  mutating func addEngine(_ installation: Installation) {
    let path = installation.engine
    var reason: String?
    let descriptor = Host.open(path, O_RDONLY | O_CLOEXEC)
    if descriptor < 0 {
      reason = "\(path): \(describe(errno))"
    } else {
      defer { close(descriptor) }
      if let image = try? Image(descriptor: descriptor),
        image.format == .elf(.elf64, machine: ImageFormat.amd64), Host.access(path, X_OK) == 0
      {
        reason = nil
      } else {
        reason = "\(path): not an executable ELF file for amd64"
      }
    }
    add(
      Requirement(
        name: "Persona's engine", weight: .needed, loss: "no program can be started",
        remedy:
          "build or install Persona again; the engine belongs into ../lib/persona beside its bin folder"
      ),
      missing: reason, detail: path)
  }

  mutating func addPersonalities(_ installation: Installation) {
    let names = personalityNames(in: installation.directories())
    let hasLinux = isDirectory(installation.personalities + "/linux")
    add(
      Requirement(
        name: "personalities", weight: .needed, loss: "no foreign call can be translated",
        remedy:
          "build or install Persona again; they belong into ../share/persona beside its bin folder"),
      missing: names.isEmpty || !hasLinux
        ? "\(installation.personalities): none or no description of Linux" : nil,
      detail: names.joined(separator: " "))
  }
}

/// Limits of the host that a load plan depends on.
public enum HostLimits {
  /// vm.mmap_min_addr: the lowest address that this process may map. Linux's default where it is not told.
  public static let minimumAddress: UInt64 = UInt64(firstLine(of: "/proc/sys/vm/mmap_min_addr")) ?? 0x10000
}

/// Up to 64 KiB of a file's text; empty when it cannot be read.
func contents(of path: String) -> String {
  let descriptor = Host.open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else { return "" }
  defer { close(descriptor) }
  return withUnsafeTemporaryAllocation(byteCount: 65536, alignment: 8) { buffer in
    let length = read(descriptor, buffer.baseAddress, buffer.count)
    return length > 0 ? String(decoding: UnsafeRawBufferPointer(buffer)[..<length], as: UTF8.self) : ""
  }
}

func firstLine(of path: String) -> String {
  contents(of: path).split(separator: "\n").first.map(String.init) ?? ""
}
