/// Features of the host kernel, found by trying them, and the calls that glibc has no wrapper for.
#ifndef PERSONA_PROBE_H
#define PERSONA_PROBE_H

#include <stdint.h>

enum persona_feature {
    PERSONA_FEATURE_USER_DISPATCH,   ///< prctl(PR_SET_SYSCALL_USER_DISPATCH)
    PERSONA_FEATURE_SECCOMP,         ///< a filter with RET_TRAP
    PERSONA_FEATURE_NOTIFICATION,    ///< RET_USER_NOTIF answered by another process
    PERSONA_FEATURE_ADDFD,           ///< SECCOMP_IOCTL_NOTIF_ADDFD
    PERSONA_FEATURE_SYNC_WAKEUP,     ///< SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
    PERSONA_FEATURE_IA32,            ///< int $0x80 and 32-bit code
    PERSONA_FEATURE_LDT,             ///< modify_ldt
    PERSONA_FEATURE_FSGSBASE,        ///< rdgsbase and wrgsbase
    PERSONA_FEATURE_USER_NAMESPACE,  ///< unshare(CLONE_NEWUSER)
    PERSONA_FEATURE_LANDLOCK,        ///< landlock_create_ruleset
    PERSONA_FEATURE_PIDFD,           ///< pidfd_open and pidfd_send_signal
    PERSONA_FEATURE_OPENAT2,         ///< openat2 with RESOLVE_IN_ROOT
    PERSONA_FEATURE_ENGINE_ADDRESS,  ///< memory at PERSONA_RESERVED_START
};

/// Tries a feature in a child process: 0 if it works, otherwise Linux's errno, or 1000 + the signal that
/// killed the child.
int persona_probe(enum persona_feature feature);

/// Looks `path` up inside the folder `root` with openat2(2), O_PATH and RESOLVE_IN_ROOT: a descriptor or -errno. Kernels without openat2 answer -ENOSYS.
int persona_open_in_root(const char *root, const char *path);

#endif
