/// Maps and structures that handlers look up by name rather than through an argument's type. A case is
/// spelled as the table spells the name.
public enum WellKnown: UInt16, CaseIterable {
  // maps
  case address_family, message_flags, poll_events, wait_status_signal, clock_id, fcntl_command, open_flags,
    lock_type, signal_code, mmap_flags, socket_type, resource, control_socket, control_ip, control_ipv6,
    wait_status, promises, promised_calls, promised_paths, path_uses, interface_flags
  // structures
  case stat, statfs, rusage, timespec, timeval, itimerval, termios, winsize, siginfo, sigaction, stack_t,
    semid_ds, shmid_ds, msqid_ds, kinfo_proc, sigframe, ucontext, mcontext, sigevent, reaper_status,
    procctl_reaper_status, procctl_reaper_pidinfo, procctl_reaper_pids, procctl_reaper_kill,
    rt_msghdr, if_msghdr, if_msghdrl, ifa_msghdr, ifa_msghdr70, ifa_msghdrl, ifma_msghdr, if_data, ifmib_head, sockaddr_dl,
    aiocb, mq_attr, semid_ds50, posix_spawnattr, spawn_action, kinfo_proc2, kinfo_lwp, uvmexp_sysctl,
    vmtotal, xswdev, devstat, xinpgen, xinpcb, xtcpcb, xsocket, xunpcb, xfile, ipstat, icmpstat, udpstat, tcpstat,
    ip6stat, icmp6stat
}
