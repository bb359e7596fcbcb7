/// Fields whose place handlers look up by name, so that systems which lay a structure out differently share a
/// handler. A case is the structure's and the field's name as the table spells them, joined by two underscores.
public enum FieldName: UInt16, CaseIterable {
  // signals
  case sigaction__sa_handler, sigaction__sa_flags, sigaction__sa_mask
  case stack_t__ss_sp, stack_t__ss_size, stack_t__ss_flags
  // directories
  case dirent__d_fileno, dirent__d_off, dirent__d_reclen, dirent__d_type, dirent__d_namlen, dirent__d_name
  // file systems
  case statfs__f_flags, statfs__f_fstypename, statfs__f_mntonname, statfs__f_mntfromname, statfs__f_mntfromspec
  // processes
  case kinfo_proc__p_pid, kinfo_proc__p_ppid, kinfo_proc__p_sid, kinfo_proc__p__pgid, kinfo_proc__p_tpgid,
    kinfo_proc__p_uid, kinfo_proc__p_ruid, kinfo_proc__p_gid, kinfo_proc__p_rgid, kinfo_proc__p_groups,
    kinfo_proc__p_ngroups, kinfo_proc__p_tdev, kinfo_proc__p_uticks, kinfo_proc__p_sticks, kinfo_proc__p_stat,
    kinfo_proc__p_nice, kinfo_proc__p_comm, kinfo_proc__p_vm_rssize, kinfo_proc__p_uvalid,
    kinfo_proc__p_ustart_sec, kinfo_proc__p_ustart_usec, kinfo_proc__p_uutime_sec, kinfo_proc__p_uutime_usec,
    kinfo_proc__p_ustime_sec, kinfo_proc__p_ustime_usec, kinfo_proc__p_uctime_sec, kinfo_proc__p_uctime_usec,
    kinfo_proc__p_svuid, kinfo_proc__p_svgid, kinfo_proc__p_rlim_rss_cur, kinfo_proc__p_cpuid,
    kinfo_proc__p_vm_map_size, kinfo_proc__p_tid, kinfo_proc__p_pledge, kinfo_proc__p_eflag, kinfo_proc__p_psflags,
    kinfo_proc__p_emul
  // events
  case kevent__ident, kevent__filter, kevent__flags, kevent__fflags, kevent__data, kevent__udata, kevent__ext
}
