/// Numbers of the personality that handlers need by name, spelled as the table spells them in some `flags` or
/// `enum`. A personality that lacks one has no such filter, flag or unit.
public enum ConstantName: UInt16, CaseIterable {
  // Event filters, one behind the other.
  case EVFILT_READ, EVFILT_WRITE, EVFILT_AIO, EVFILT_VNODE, EVFILT_PROC, EVFILT_SIGNAL, EVFILT_TIMER,
    EVFILT_PROCDESC, EVFILT_FS, EVFILT_LIO, EVFILT_USER, EVFILT_SENDFILE, EVFILT_EMPTY, EVFILT_EXCEPT,
    EVFILT_DEVICE, EVFILT_JAIL, EVFILT_JAILDESC
  // Event flags.
  case EV_ADD, EV_DELETE, EV_ENABLE, EV_DISABLE, EV_ONESHOT, EV_CLEAR, EV_RECEIPT, EV_DISPATCH,
    EV_FORCEONESHOT, EV_KEEPUDATA, EV_EOF, EV_ERROR, EV_NODATA, EV_HUP, EV_FLAG1, EV_DROP
  // What fflags say, by filter.
  case NOTE_LOWAT, NOTE_FILE_POLL, NOTE_EOF, NOTE_OOB
  case NOTE_DELETE, NOTE_WRITE, NOTE_EXTEND, NOTE_ATTRIB, NOTE_LINK, NOTE_RENAME, NOTE_REVOKE, NOTE_OPEN,
    NOTE_CLOSE, NOTE_CLOSE_WRITE, NOTE_READ, NOTE_TRUNCATE
  case NOTE_EXIT, NOTE_FORK, NOTE_EXEC, NOTE_TRACK
  case NOTE_SECONDS, NOTE_MSECONDS, NOTE_USECONDS, NOTE_NSECONDS, NOTE_ABSTIME
  case NOTE_FFAND, NOTE_FFOR, NOTE_FFCOPY, NOTE_TRIGGER
  // What a mount is; that a pseudo-terminal's master reads an end where Linux says EIO.
  case MNT_LOCAL, MASTER_READS_END
  // The layout of struct xswdev.
  case XSWDEV_VERSION
  // Network interfaces and routes: what is asked, what messages are, whether a link is up.
  case NET_RT_DUMP, NET_RT_FLAGS, RTF_LOCAL, RTF_CONNECTED, RTM_GET
  case NET_RT_IFLIST, NET_RT_OIFLIST, NET_RT_IFMALIST, NET_RT_IFLISTL
  case RTM_VERSION, RTM_NEWADDR, RTM_ONEWADDR, RTM_IFINFO, RTM_NEWMADDR
  case LINK_STATE_DOWN, LINK_STATE_UP
  // How the end of something is told; the first number of a timer.
  case SIGEV_NONE, SIGEV_SIGNAL, SIGEV_THREAD, SIGEV_SA, SIGEV_THREAD_ID, SIGEV_KEVENT, TIMER_MIN
  // Asynchronous input and output.
  case LIO_NOP, LIO_READ, LIO_WRITE, LIO_READV, LIO_WRITEV, AIO_CANCELED, AIO_NOTCANCELED, AIO_ALLDONE,
    AIO_LISTIO_MAX, AIO_SAFE_FILES, JOB_DONE
  // Whose variables a kernel keeps.
  case VARSYM_PROC
  // A thread pointer that the C runtime tells the kernel.
  case AMD64_GET_TLSBASE, AMD64_SET_TLSBASE, AMD64_DISABLE_TLSBASE, THR_C_RUNTIME
}
