import Glibc
import HostText
import PersonalityTables

extension InstalledRoots {
  /// Keeps the tree in an archive (base.txz) or, by a link to it, a folder. It is there under its name only when it
  /// is whole.
  public func add(_ name: String, from source: String, _ recognizer: Recognizer) throws(LaunchError)
  {
    let heading = try heading(of: name, recognizer)
    var status = stat()
    guard Host.stat(source, &status) == 0 else {
      throw LaunchError(.ours, file: source, describe(errno), remedy: "name an archive or a folder")
    }
    guard Host.lstat(path(name), &status) != 0 else {
      throw taken(name)
    }
    try makeDirectory()
    removeLeftovers()
    if isDirectory(source) {
      try link(name, to: FileRoot(folder: source), heading, recognizer)
    } else {
      try extract(source, as: name, heading, recognizer)
    }
  }

  /// Removes a root; of a folder that is only linked, the link.
  public func remove(_ name: String) throws(LaunchError) {
    var status = stat()
    guard InstalledRoots.isName(name), Host.lstat(path(name), &status) == 0 else {
      throw LaunchError(
        .ours, "there is no root '\(name)'", remedy: "'persona root list' lists them")
    }
    if status.st_mode & S_IFMT == S_IFLNK {
      guard Host.unlink(path(name)) == 0 else { throw failure(path(name)) }
      return
    }
    // What is half removed is no root any more.
    removeLeftovers()
    let doomed = path(".removed-\(name)-\(getpid())")
    guard Host.rename(path(name), doomed) == 0 else { throw failure(path(name)) }
    try removeTree(doomed)
  }

  private func heading(of name: String, _ recognizer: Recognizer) throws(LaunchError) -> SystemHeading
  {
    let personality = InstalledRoots.personality(of: name)
    guard InstalledRoots.isName(name), name != personality + "-", recognizer.available.contains(personality),
      let heading = recognizer.heading(personality)
    else {
      throw LaunchError(
        .ours, "'\(name)' is no name of a root",
        remedy: "name it like its system, or like that with a word behind it (NAME-13.2), one of: "
          + recognizer.available.joined(separator: ", "))
    }
    return heading
  }

  private func makeDirectory() throws(LaunchError) {
    var made = ""
    for part in directory.split(separator: "/") {
      made += "/" + part
      guard Host.mkdir(made, 0o755) == 0 || errno == EEXIST else { throw failure(made) }
    }
  }

  private func link(
    _ name: String, to root: FileRoot, _ heading: SystemHeading, _ recognizer: Recognizer
  ) throws(LaunchError) {
    if let defect = root.defect(heading, recognizer) {
      throw LaunchError(
        .ours, file: root.path, "is no tree of \(heading.title): \(defect)",
        remedy: "name the folder into which the system's base archive was unpacked")
    }
    guard Host.symlink(root.path, path(name)) == 0 else { throw errno == EEXIST ? taken(name) : failure(path(name)) }
  }

  private func extract(
    _ archive: String, as name: String, _ heading: SystemHeading, _ recognizer: Recognizer
  ) throws(LaunchError) {
    let partial = path(".partial-\(name)-\(getpid())")
    guard Host.mkdir(partial, 0o755) == 0 else { throw failure(partial) }
    do throws(LaunchError) {
      let status = runTool([
        "tar", "-x", "-f", archive, "-C", partial, "--no-same-owner", "--delay-directory-restore",
        "--warning=no-unknown-keyword",
      ])
      guard status == 0 else {
        throw LaunchError(
          .ours, file: archive, "cannot be unpacked: tar ended with status \(status)",
          remedy: "check the archive, and the room that is left in \(directory)")
      }
      if let defect = FileRoot(folder: partial).defect(heading, recognizer) {
        throw LaunchError(
          .ours, file: archive, "is no base archive of \(heading.title): \(defect)",
          remedy: "name the archive that holds the whole base system, such as base.txz")
      }
      // Empty folders would hide the host's from names that are to be made.
      for folder in ["dev", "proc", "tmp", "mnt", "media", "home"] { Host.rmdir(partial + "/" + folder) }
      guard Host.rename(partial, path(name)) == 0 else {
        // Another command has been faster.
        throw [EEXIST, ENOTEMPTY, ENOTDIR].contains(errno) ? taken(name) : failure(path(name))
      }
    } catch {
      try? removeTree(partial)
      throw error
    }
  }

  /// Removes what commands that were killed had not finished: their process ids end the folders' names.
  private func removeLeftovers() {
    for name in entries(of: directory, hidden: true) where name.hasPrefix(".partial-") || name.hasPrefix(".removed-") {
      guard let pid = name.split(separator: "-").last.flatMap({ pid_t($0) }), kill(pid, 0) != 0,
        errno == ESRCH
      else { continue }
      try? removeTree(path(name))
    }
  }

  private func removeTree(_ path: String) throws(LaunchError) {
    let status = runTool(["rm", "-rf", "--", path])
    guard status == 0 else {
      throw LaunchError(
        .ours, file: path, "cannot be removed: rm ended with status \(status)",
        remedy: "remove the folder by hand")
    }
  }

  private func taken(_ name: String) -> LaunchError {
    LaunchError(
      .ours, file: path(name), "there is a root of that name already",
      remedy: "'persona root remove \(name)' removes it; or choose another name, such as \(name)-2")
  }

  private func failure(_ path: String) -> LaunchError {
    LaunchError(.ours, file: path, describe(errno), remedy: "check the folder's permissions")
  }

  /// Runs one of the host's own programs: its exit status, 127 when it cannot be run. As with system(3), what is typed at the
  /// terminal ends it alone, so that its caller can clear up.
  private func runTool(_ words: [String]) -> Int32 {
    let argv = hostVector(words)
    defer { for text in argv { free(text) } }
    var attributes = posix_spawnattr_t()
    var heeded = sigset_t()
    posix_spawnattr_init(&attributes)
    sigemptyset(&heeded)
    var ignored: [(Int32, sigaction)] = []
    for signal in [SIGINT, SIGQUIT, SIGHUP] {
      var ignore = sigaction()
      var before = sigaction()
      ignore.__sigaction_handler.sa_handler = SIG_IGN
      sigaction(signal, &ignore, &before)
      ignored.append((signal, before))
      if unsafeBitCast(before.__sigaction_handler.sa_handler, to: Int.self) == 0 { sigaddset(&heeded, signal) }
    }
    posix_spawnattr_setsigdefault(&attributes, &heeded)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF))
    defer {
      for (signal, action) in ignored {
        var before = action
        sigaction(signal, &before, nil)
      }
      posix_spawnattr_destroy(&attributes)
    }
    var pid: pid_t = 0
    guard posix_spawnp(&pid, words[0], nil, &attributes, argv, environ) == 0 else { return 127 }
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0 { if errno != EINTR { return 127 } }
    return status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f
  }
}
