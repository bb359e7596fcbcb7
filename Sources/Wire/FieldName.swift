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
  case ucontext__uc_sigmask, ucontext__uc_mcontext, ucontext__uc_link, ucontext__uc_stack
  case mcontext__mc_onstack, mcontext__mc_rdi, mcontext__mc_trapno, mcontext__mc_addr, mcontext__mc_flags,
    mcontext__mc_err, mcontext__mc_rip, mcontext__mc_cs, mcontext__mc_rflags, mcontext__mc_rsp, mcontext__mc_ss,
    mcontext__mc_len, mcontext__mc_fpformat, mcontext__mc_ownedfp, mcontext__mc_fpstate, mcontext__mc_fpregs,
    mcontext__mc_fsbase, mcontext__mc_gsbase, mcontext__mc_xfpustate, mcontext__mc_xfpustate_len,
    mcontext__mc_tlsbase, mcontext__mc_fs, mcontext__mc_gs, mcontext__mc_es, mcontext__mc_ds
  // processes that adopt orphans
  case reaper_status__flags, reaper_status__pid_head
  case procctl_reaper_status__rs_flags, procctl_reaper_status__rs_children, procctl_reaper_status__rs_descendants,
    procctl_reaper_status__rs_reaper, procctl_reaper_status__rs_pid
  case procctl_reaper_pidinfo__pi_pid, procctl_reaper_pidinfo__pi_subtree, procctl_reaper_pidinfo__pi_flags
  case procctl_reaper_pids__rp_count, procctl_reaper_pids__rp_pids
  case procctl_reaper_kill__rk_sig, procctl_reaper_kill__rk_flags, procctl_reaper_kill__rk_subtree,
    procctl_reaper_kill__rk_killed, procctl_reaper_kill__rk_fpid
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
    kinfo_proc__p_emul, kinfo_proc__p_wmesg
  // notices of an end, asynchronous input and output
  case sigevent__sigev_notify_thread_id
  case aiocb__aio_fildes, aiocb__aio_offset, aiocb__aio_buf, aiocb__aio_nbytes, aiocb__aio_lio_opcode,
    aiocb__aio_sigevent, aiocb__status, aiocb__error, aiocb__mark
  // programs begun by one call
  case posix_spawnattr__sa_flags, posix_spawnattr__sa_pgroup, posix_spawnattr__sa_schedparam,
    posix_spawnattr__sa_schedpolicy, posix_spawnattr__sa_sigdefault, posix_spawnattr__sa_sigmask
  case spawn_action__fae_action, spawn_action__fae_fildes, spawn_action__path, spawn_action__oflag,
    spawn_action__mode, spawn_action__newfildes
  // processes and threads as information variables tell them
  case kinfo_proc2__p_comm, kinfo_proc2__p_groups, kinfo_proc2__p_ename, kinfo_proc2__p_siglist,
    kinfo_proc2__p_sigmask, kinfo_proc2__p_sigignore, kinfo_proc2__p_sigcatch, kinfo_proc2__p_ngroups,
    kinfo_proc2__p_pid, kinfo_proc2__p_ppid, kinfo_proc2__p_sid, kinfo_proc2__p__pgid, kinfo_proc2__p_tpgid,
    kinfo_proc2__p_tdev, kinfo_proc2__p_eflag, kinfo_proc2__p_exitsig, kinfo_proc2__p_uid, kinfo_proc2__p_ruid,
    kinfo_proc2__p_svuid, kinfo_proc2__p_gid, kinfo_proc2__p_rgid, kinfo_proc2__p_svgid, kinfo_proc2__p_rtime_sec,
    kinfo_proc2__p_rtime_usec, kinfo_proc2__p_uticks, kinfo_proc2__p_sticks, kinfo_proc2__p_stat,
    kinfo_proc2__p_realstat, kinfo_proc2__p_nice, kinfo_proc2__p_vm_rssize, kinfo_proc2__p_vm_tsize,
    kinfo_proc2__p_vm_dsize, kinfo_proc2__p_vm_ssize, kinfo_proc2__p_vm_vsize, kinfo_proc2__p_vm_msize,
    kinfo_proc2__p_uvalid, kinfo_proc2__p_ustart_sec, kinfo_proc2__p_ustart_usec, kinfo_proc2__p_uutime_sec,
    kinfo_proc2__p_uutime_usec, kinfo_proc2__p_ustime_sec, kinfo_proc2__p_ustime_usec, kinfo_proc2__p_uctime_sec,
    kinfo_proc2__p_uctime_usec, kinfo_proc2__p_uru_minflt, kinfo_proc2__p_uru_majflt, kinfo_proc2__p_uru_nvcsw,
    kinfo_proc2__p_uru_nivcsw, kinfo_proc2__p_cpuid, kinfo_proc2__p_nlwps, kinfo_proc2__p_nrlwps, kinfo_lwp__l_lid,
    kinfo_lwp__l_pid, kinfo_lwp__l_stat, kinfo_lwp__l_cpuid, kinfo_lwp__l_rtime_sec, kinfo_lwp__l_rtime_usec,
    kinfo_lwp__l_name, kinfo_proc2__p_wmesg, kinfo_lwp__l_wmesg
  // memory
  case uvmexp_sysctl__pagesize, uvmexp_sysctl__pagemask, uvmexp_sysctl__pageshift, uvmexp_sysctl__npages,
    uvmexp_sysctl__free, uvmexp_sysctl__active, uvmexp_sysctl__inactive, uvmexp_sysctl__wired, uvmexp_sysctl__swpages,
    uvmexp_sysctl__swpginuse, uvmexp_sysctl__nswapdev, uvmexp_sysctl__filepages, uvmexp_sysctl__anonpages,
    uvmexp_sysctl__swtch, uvmexp_sysctl__forks, uvmexp_sysctl__faults, uvmexp_sysctl__intrs
  // statistics, sockets and open files
  case vmtotal__t_rq, vmtotal__t_dw, vmtotal__t_sl, vmtotal__t_vm, vmtotal__t_avm, vmtotal__t_rm, vmtotal__t_arm,
    vmtotal__t_vmshr, vmtotal__t_rmshr, vmtotal__t_free
  case xswdev__xsw_version, xswdev__xsw_dev, xswdev__xsw_nblks, xswdev__xsw_used
  case devstat__allocated, devstat__start_count, devstat__end_count, devstat__device_number, devstat__device_name,
    devstat__unit_number, devstat__bytes, devstat__operations, devstat__duration, devstat__busy_time, devstat__block_size,
    devstat__priority
  case xinpcb__xi_socket, xinpcb__inp_socket, xinpcb__inp_fport, xinpcb__inp_lport, xinpcb__inp_faddr, xinpcb__inp_laddr,
    xinpcb__inp_vflag, xinpcb__inp_ip_ttl, xinpcb__inp_ip_p, xtcpcb__xt_inp, xtcpcb__xt_socket, xtcpcb__t_state
  case xsocket__xso_len, xsocket__xso_so, xsocket__so_pcb, xsocket__so_type, xsocket__so_options, xsocket__xso_protocol, xsocket__xso_family,
    xsocket__so_uid, xsocket__so_qlen, xsocket__so_qlimit, xsocket__so_rcv_cc, xsocket__so_snd_cc
  case xunpcb__xu_unpp, xunpcb__unp_conn, xunpcb__unp_addr, xunpcb__xu_addr, xunpcb__xu_socket
  case xfile__xf_size, xfile__xf_pid, xfile__xf_uid, xfile__xf_fd, xfile__xf_file, xfile__xf_type, xfile__xf_count,
    xfile__xf_offset, xfile__xf_data, xfile__xf_vnode, xfile__xf_flag
  case ip6stat__ip6s_total, ip6stat__ip6s_tooshort, ip6stat__ip6s_fragments, ip6stat__ip6s_fragdropped,
    ip6stat__ip6s_fragtimeout, ip6stat__ip6s_forward, ip6stat__ip6s_cantforward, ip6stat__ip6s_delivered,
    ip6stat__ip6s_localout, ip6stat__ip6s_odropped, ip6stat__ip6s_reassembled, ip6stat__ip6s_fragmented,
    ip6stat__ip6s_ofragments, ip6stat__ip6s_cantfrag, ip6stat__ip6s_noroute
  case icmp6stat__icp6s_error, icmp6stat__icp6s_toofreq, icmp6stat__icp6s_outhist, icmp6stat__icp6s_checksum,
    icmp6stat__icp6s_reflect, icmp6stat__icp6s_inhist
  case ipstat__ips_total, ipstat__ips_badsum, ipstat__ips_tooshort, ipstat__ips_badaddr, ipstat__ips_fragments,
    ipstat__ips_fragdropped, ipstat__ips_fragtimeout, ipstat__ips_reassembled, ipstat__ips_forward,
    ipstat__ips_noproto, ipstat__ips_delivered, ipstat__ips_localout, ipstat__ips_odropped, ipstat__ips_noroute,
    ipstat__ips_fragmented, ipstat__ips_ofragments, ipstat__ips_cantfrag
  case icmpstat__icps_error, icmpstat__icps_outhist, icmpstat__icps_checksum, icmpstat__icps_reflect,
    icmpstat__icps_inhist
  case udpstat__udps_ipackets, udpstat__udps_badsum, udpstat__udps_noport, udpstat__udps_fullsock,
    udpstat__udps_opackets
  case tcpstat__tcps_connattempt, tcpstat__tcps_accepts, tcpstat__tcps_connects, tcpstat__tcps_closed,
    tcpstat__tcps_drops, tcpstat__tcps_conndrops, tcpstat__tcps_delack, tcpstat__tcps_timeoutdrop,
    tcpstat__tcps_rexmttimeo, tcpstat__tcps_keepprobe, tcpstat__tcps_sndprobe, tcpstat__tcps_sndtotal,
    tcpstat__tcps_sndrexmitpack, tcpstat__tcps_rcvtotal, tcpstat__tcps_rcvbadsum, tcpstat__tcps_rcvoopack,
    tcpstat__tcps_pawsdrop, tcpstat__tcps_predack, tcpstat__tcps_preddat, tcpstat__tcps_listendrop,
    tcpstat__tcps_sc_sendcookie, tcpstat__tcps_sc_recvcookie, tcpstat__tcps_sack_recovery_episode,
    tcpstat__tcps_sig_rcvbadsig, tcpstat__tcps_sig_err_sigopt, tcpstat__tcps_sig_err_nosigopt
  case ipc_perm__mode, ipc_perm__seq
  // events
  case kevent__ident, kevent__filter, kevent__flags, kevent__fflags, kevent__data, kevent__udata, kevent__ext
  // network interfaces
  case if_msghdr__ifm_addrs, if_msghdr__ifm_flags, if_msghdr__ifm_index, if_msghdr__ifm_hdrlen, if_msghdr__ifm_data
  case rt_msghdr__rtm_hdrlen, rt_msghdr__rtm_index, rt_msghdr__rtm_flags, rt_msghdr__rtm_addrs, rt_msghdr__rtm_priority
  case rt_msghdr__rtm_rmx, rt_metrics__rmx_mtu, rt_metrics__rmx_expire
  case if_msghdrl__ifm_len, if_msghdrl__ifm_data_off, if_msghdrl__ifm_data, if_msghdrl__ifi_oqdrops
  case ifmib_head__ifmd_pcount, ifmib_head__ifmd_flags, ifmib_head__ifmd_snd_maxlen, ifmib_head__ifmd_snd_drops
  case ifa_msghdr__ifam_addrs, ifa_msghdr__ifam_index, ifa_msghdr__ifam_hdrlen
  case ifa_msghdr70__ifam_addrs, ifa_msghdr70__ifam_index
  case ifa_msghdrl__ifam_len, ifa_msghdrl__ifam_data_off, ifa_msghdrl__ifam_data
  case ifma_msghdr__ifmam_addrs, ifma_msghdr__ifmam_index
  case if_data__ifi_type, if_data__ifi_addrlen, if_data__ifi_link_state, if_data__ifi_datalen, if_data__ifi_mtu,
    if_data__ifi_ipackets, if_data__ifi_ierrors, if_data__ifi_opackets, if_data__ifi_oerrors,
    if_data__ifi_collisions, if_data__ifi_ibytes, if_data__ifi_obytes, if_data__ifi_imcasts, if_data__ifi_iqdrops,
    if_data__ifi_oqdrops
  // processes, in flags
  case kinfo_proc__ki_flag, kinfo_proc__ki_kiflag, kinfo_proc__ki_tdflags, kinfo_proc__ki_pri,
    kinfo_proc__ki_tsid, kinfo_proc__ki_siglist, kinfo_proc__ki_sigmask, kinfo_proc__ki_sigignore,
    kinfo_proc__ki_sigcatch, kinfo_proc__ki_tsize, kinfo_proc__ki_dsize, kinfo_proc__ki_ssize,
    kinfo_proc__ki_pctcpu, kinfo_proc__ki_swtime, kinfo_proc__ki_oncpu_old, kinfo_proc__ki_lastcpu_old,
    kinfo_proc__ki_oncpu, kinfo_proc__ki_lastcpu, kinfo_proc__ki_wmesg, kinfo_proc__ki_login, kinfo_proc__ki_emul,
    kinfo_proc__ki_fd
}
