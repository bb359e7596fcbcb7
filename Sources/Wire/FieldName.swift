/// Fields whose place handlers look up by name, so that systems which lay a structure out differently share a
/// handler. A case is the structure's and the field's name as the table spells them, joined by two underscores.
public enum FieldName: UInt16, CaseIterable {
  // signals
  case sigaction__sa_handler, sigaction__sa_flags, sigaction__sa_mask
  case stack_t__ss_sp, stack_t__ss_size, stack_t__ss_flags
  case siginfo__si_signo, siginfo__si_errno, siginfo__si_code, siginfo__si_pid, siginfo__si_uid, siginfo__si_status,
    siginfo__si_addr, siginfo__si_value, siginfo__reason
  case sigevent__sigev_notify, sigevent__sigev_signo, sigevent__sigev_value
  // what lies on the stack of a signal handler
  case sigframe__sf_uc, sigframe__sf_si
  case ucontext__uc_sigmask, ucontext__uc_mcontext, ucontext__uc_stack
  case mcontext__mc_onstack, mcontext__mc_rdi, mcontext__mc_trapno, mcontext__mc_addr, mcontext__mc_flags,
    mcontext__mc_err, mcontext__mc_rip, mcontext__mc_cs, mcontext__mc_rflags, mcontext__mc_rsp, mcontext__mc_ss,
    mcontext__mc_len, mcontext__mc_fpformat, mcontext__mc_ownedfp, mcontext__mc_fpstate, mcontext__mc_fpregs,
    mcontext__mc_fsbase, mcontext__mc_gsbase, mcontext__mc_xfpustate, mcontext__mc_xfpustate_len
  // processes that adopt orphans
  case reaper_status__flags, reaper_status__pid_head
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
  // network interfaces
  case if_msghdr__ifm_addrs, if_msghdr__ifm_flags, if_msghdr__ifm_index, if_msghdr__ifm_hdrlen, if_msghdr__ifm_data
  case if_msghdrl__ifm_len, if_msghdrl__ifm_data_off, if_msghdrl__ifm_data
  case ifa_msghdr__ifam_addrs, ifa_msghdr__ifam_index, ifa_msghdr__ifam_hdrlen
  case ifa_msghdrl__ifam_len, ifa_msghdrl__ifam_data_off, ifa_msghdrl__ifam_data
  case ifma_msghdr__ifmam_addrs, ifma_msghdr__ifmam_index
  case if_data__ifi_type, if_data__ifi_addrlen, if_data__ifi_link_state, if_data__ifi_datalen, if_data__ifi_mtu,
    if_data__ifi_ipackets, if_data__ifi_ierrors, if_data__ifi_opackets, if_data__ifi_oerrors,
    if_data__ifi_collisions, if_data__ifi_ibytes, if_data__ifi_obytes, if_data__ifi_imcasts, if_data__ifi_iqdrops,
    if_data__ifi_oqdrops
}
