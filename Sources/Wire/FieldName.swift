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
  // events
  case kevent__ident, kevent__filter, kevent__flags, kevent__fflags, kevent__data, kevent__udata, kevent__ext
}
