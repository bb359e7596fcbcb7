import CEngine
import CWire

// A wall behind pledge(2): a seccomp filter that ends a process which makes a Linux call that nothing it may still do
// leads to. The engine never makes one; only code that got past the engine could. A filter outlives exec, promises
// without execpromises do not, so that it is exact only for a process that cannot execute anything any more.

private enum Filter {
  /// BPF_LD|BPF_W|BPF_ABS, BPF_JMP|BPF_JEQ|BPF_K, BPF_JMP|BPF_JSET|BPF_K and BPF_RET|BPF_K of linux/bpf_common.h.
  static let load: UInt16 = 0x20
  static let equal: UInt16 = 0x15
  static let anyOf: UInt16 = 0x45
  static let answer: UInt16 = 0x06
  /// Of struct seccomp_data: the number, the architecture, the first argument.
  static let number: UInt32 = 0
  static let architecture: UInt32 = 4
  static let firstArgument: UInt32 = 16
  /// AUDIT_ARCH_X86_64, SECCOMP_RET_ALLOW and SECCOMP_RET_KILL_PROCESS.
  static let amd64: UInt32 = 0xc000_003e
  static let allow: UInt32 = 0x7fff_0000
  static let kill: UInt32 = 0x8000_0000
  static let most = 160
}

/// A Linux call and the promises of which any leads to it; 0: none does.
private typealias Rule = (number: Int32, promises: UInt64)

private let rules: InlineArray<47, Rule> = [
  (__NR_execve, 0x80000), (__NR_execveat, 0x80000),
  (__NR_fork, 0), (__NR_vfork, 0), (__NR_clone3, 0),
  // cpath, dpath
  (__NR_mkdirat, 0x4), (__NR_unlinkat, 0x4), (__NR_renameat, 0x4), (__NR_renameat2, 0x4), (__NR_linkat, 0x4),
  (__NR_symlinkat, 0x4), (__NR_mknodat, 0x1000_0000),
  // fattr, chown
  (__NR_fchmodat, 0x4000), (__NR_fchmod, 0x4000), (__NR_utimensat, 0x4000), (__NR_futimesat, 0x4000),
  (__NR_fchownat, 0x1_8000_4000), (__NR_fchown, 0x1_8000_4000),
  // id
  (__NR_setuid, 0x200), (__NR_setgid, 0x200), (__NR_setreuid, 0x200), (__NR_setregid, 0x200),
  (__NR_setresuid, 0x200), (__NR_setresgid, 0x200), (__NR_setgroups, 0x200),
  // settime
  (__NR_settimeofday, 0x2000), (__NR_clock_settime, 0x2000), (__NR_adjtimex, 0x2000),
  // nothing
  (__NR_ptrace, 0), (__NR_process_vm_writev, 0), (__NR_mount, 0), (__NR_umount2, 0),
  (__NR_pivot_root, 0), (__NR_chroot, 0), (__NR_setns, 0), (__NR_unshare, 0), (__NR_bpf, 0),
  (__NR_perf_event_open, 0), (__NR_io_uring_setup, 0), (__NR_init_module, 0), (__NR_finit_module, 0),
  (__NR_kexec_load, 0), (__NR_reboot, 0), (__NR_userfaultfd, 0), (__NR_keyctl, 0), (__NR_open_by_handle_at, 0),
  (__NR_personality, 0),
]

private let mayExecute: UInt64 = 0x80000
private let mayFork: UInt64 = 0x1000

extension Call {
  /// Puts the wall up behind promises that have just been made, where it is exact.
  func wallOff() {
    if promises & mayExecute != 0 || isLenient { return }
    guard let memory = scratch(8 * Filter.most), let program = scratch(16) else { return }
    var count = 0
    func add(_ code: UInt16, _ value: UInt32, _ ifTrue: UInt8 = 0, _ ifFalse: UInt8 = 0) {
      // struct sock_filter
      memory.storeBytes(of: code, toByteOffset: 8 * count, as: UInt16.self)
      memory.storeBytes(of: ifTrue, toByteOffset: 8 * count + 2, as: UInt8.self)
      memory.storeBytes(of: ifFalse, toByteOffset: 8 * count + 3, as: UInt8.self)
      memory.storeBytes(of: value, toByteOffset: 8 * count + 4, as: UInt32.self)
      count += 1
    }
    add(Filter.load, Filter.architecture)
    add(Filter.equal, Filter.amd64, 1)
    add(Filter.answer, Filter.kill)
    add(Filter.load, Filter.number)
    for index in rules.indices where promises & rules[index].promises == 0 {
      add(Filter.equal, UInt32(bitPattern: rules[index].number), 0, 1)
      add(Filter.answer, Filter.kill)
    }
    if promises & mayFork == 0 {
      // Only threads may be made.
      add(Filter.equal, UInt32(bitPattern: __NR_clone), 0, 3)
      add(Filter.load, Filter.firstArgument)
      add(Filter.anyOf, UInt32(CLONE_THREAD), 1)
      add(Filter.answer, Filter.kill)
    }
    add(Filter.answer, Filter.allow)
    program.storeBytes(of: UInt64(count), as: UInt64.self)
    program.storeBytes(of: UInt64(UInt(bitPattern: memory)), toByteOffset: 8, as: UInt64.self)
    // Without a new privilege to be had, and for all threads (SECCOMP_FILTER_FLAG_TSYNC).
    _ = hostNow(__NR_prctl, Int(PR_SET_NO_NEW_PRIVS), 1, 0, 0, 0)
    _ = hostNow(__NR_seccomp, 1, 1, program.word)
  }
}
