import CHost
import CSeccomp
import CWire
import Glibc

/// The seccomp filter that sends hypercalls, and execs that are not Persona's own, to the supervisor.
///
/// The supervisor loads it into itself; guests inherit it, over exec too.
struct HypercallFilter: ~Copyable {
  /// The notification descriptor; owned.
  let listener: Int32

  init() throws(LaunchError) {
    guard let context = seccomp_init(SCMP_ACT_ALLOW) else {
      throw LaunchError(.ours, "libseccomp has no memory for a filter", remedy: "free some memory")
    }
    defer { seccomp_release(context) }
    // Programs of Linux's other ABIs run under guests too; the filter has nothing to say to them.
    var result = seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, UInt32(SCMP_ACT_ALLOW))
    if result == 0 {
      result = seccomp_rule_add_array(context, UInt32(SCMP_ACT_NOTIFY), Int32(PERSONA_HYPERCALL), 0, nil)
    }
    // A Linux program may execute a foreign one, which Linux would take for its own.
    let other = scmp_arg_cmp(arg: 5, op: SCMP_CMP_NE, datum_a: UInt64(PERSONA_OWN_EXEC), datum_b: 0)
    for call in [Int32(PERSONA_EXECVE), Int32(PERSONA_EXECVEAT)] where result == 0 {
      result = withUnsafePointer(to: other) { seccomp_rule_add_array(context, UInt32(SCMP_ACT_NOTIFY), call, 1, $0) }
    }
    if result == 0 { result = seccomp_load(context) }
    // The library has one error for all of Linux's.
    if result == -ECANCELED, let failure = HypercallFilter.descriptorsFailure { result = -failure }
    guard result == 0 else {
      let remedy =
        result == -EBUSY
        ? "this process already runs under a seccomp supervisor: another persona, or a container manager"
        : LaunchError.remedy(-result, "'persona doctor' tells what this kernel lacks")
      throw LaunchError(.ours, "cannot load the hypercall filter: \(describe(-result))", remedy: remedy)
    }
    let file = seccomp_notify_fd(context)
    guard file >= 0 else {
      throw LaunchError(
        .ours, "seccomp gave no notification descriptor", remedy: "'persona doctor' tells what this kernel lacks")
    }
    let kept = fcntl(file, F_DUPFD_CLOEXEC, 3)
    let failure = errno
    close(file)
    guard kept >= 0 else {
      throw LaunchError(
        .ours, "no descriptor for the hypercalls: \(describe(failure))", remedy: LaunchError.remedy(failure, "free some memory"))
    }
    listener = kept
    persona_wake_synchronously(kept)
  }

  /// Why there are no more descriptors to be had; nil if there are.
  private static var descriptorsFailure: Int32? {
    let spare = open("/", O_RDONLY | O_CLOEXEC)
    if spare < 0 { return errno }
    close(spare)
    return nil
  }

  deinit {
    close(listener)
  }
}
