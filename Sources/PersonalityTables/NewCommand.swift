import Glibc
import HostText

/// `persona new NAME`: a folder of tables to begin a personality with.
public struct NewCommand: Sendable {
  public var name: String
  /// The personality that the new one takes everything from; nil for a skeleton.
  public var origin: String?
  /// The folder of personalities that the new one goes into.
  public var parent: String
  /// Where `origin` is looked for.
  public var directories: [String]

  public init(name: String, origin: String? = nil, parent: String, directories: [String]) {
    self.name = name
    self.origin = origin
    self.parent = parent
    self.directories = directories
  }

  public func run() -> CommandOutcome {
    var outcome = CommandOutcome()
    do {
      let folder = try create()
      outcome.text = "\(folder): made; 'persona check \(folder)' checks it\n"
    } catch {
      outcome.errors = "\(error.message)\n"
      outcome.status = 125
    }
    return outcome
  }

  private struct Failure: Error {
    var message: String
  }

  private func create() throws(Failure) -> String {
    let letters = name.utf8.allSatisfy { ($0 >= 97 && $0 <= 122) || ($0 >= 48 && $0 <= 57) }
    guard letters, let first = name.utf8.first, first >= 97 else {
      throw Failure(
        message: "'\(name)' is no personality's name: use small letters and digits, a letter first")
    }
    guard name != "linux", origin != "linux" else { throw Failure(message: "'linux' is the side that all are translated to") }
    let files = try origin.map { (origin) throws(Failure) in try derived(from: origin) } ?? skeleton
    let folder = parent + "/" + name
    guard Host.access(folder, F_OK) != 0 else { throw Failure(message: "\(folder): is already there") }
    try makeFolder(folder)
    for (file, text) in files {
      let formatted = TableLayout.format(Array(text.utf8)).map { String(decoding: $0, as: UTF8.self) }
      try write(formatted ?? text, to: folder + "/" + file)
    }
    return folder
  }

  // MARK: Files

  private func makeFolder(_ path: String) throws(Failure) {
    var made = path.hasPrefix("/") ? "" : "."
    for part in path.split(separator: "/") {
      made += "/" + part
      if Host.mkdir(made, 0o755) != 0, errno != EEXIST {
        throw Failure(message: "\(made): cannot be made: \(String(cString: strerror(errno)))")
      }
    }
  }

  private func write(_ text: String, to path: String) throws(Failure) {
    guard let file = Host.fopen(path, "wxe") else {
      throw Failure(message: "\(path): cannot be made: \(String(cString: strerror(errno)))")
    }
    let isWritten = fputs(text, file) >= 0
    guard fclose(file) == 0, isWritten else {
      throw Failure(message: "\(path): cannot be written: \(String(cString: strerror(errno)))")
    }
  }

  // MARK: From another personality

  /// The other's abi.table under the new name, and an include of all else.
  private func derived(from other: String) throws(Failure) -> [(String, String)] {
    let heading: String
    do {
      let folder = try PersonalityLoader.folder(other, in: directories)
      heading = String(decoding: try PersonalityLoader.contents(of: folder + "/abi.table"), as: UTF8.self)
    } catch {
      throw Failure(message: "\(error)")
    }
    var renamed = false
    let lines = heading.split(separator: "\n", omittingEmptySubsequences: false).map { line -> String in
      guard !renamed, line.hasPrefix("personality \(other) ") else { return String(line) }
      renamed = true
      return "personality \(name) " + line.dropFirst("personality \(other) ".count)
    }
    guard renamed else { throw Failure(message: "\(other)'s abi.table has no line 'personality \(other) …'") }
    return [
      ("abi.table", lines.joined(separator: "\n")),
      (
        "\(name).table",
        """
        # Everything as \(other) has it. What is declared here replaces it: a call's row by its number, all else by name.
        include "../\(other)"

        """
      ),
    ]
  }

  // MARK: From nothing

  private var skeleton: [(String, String)] {
    [
      (
        "abi.table",
        """
        # How calls are made, and how a program of this system is recognised. Source: (the header you read)
        personality \(name) "\(name)" version 1.0

        abi amd64 {
          trap syscall
          number rax                  # the register of the call's number
          args rdi rsi rdx r10 r8 r9  # arguments; with 'stack N' more lie on the stack
          result rax
          error negative              # or: carry
        }
        elf { note "\(name)" 1 }      # osabi N, interpreter "/path"

        """
      ),
      (
        "errno.table",
        """
        # Error numbers; a name that Linux has too maps by itself. Source: (the header you read)
        errno {
          1 EPERM  2 ENOENT  3 ESRCH  4 EINTR  5 EIO  9 EBADF  12 ENOMEM  13 EACCES  14 EFAULT  17 EEXIST  22 EINVAL
          25 ENOTTY  38 ENOSYS
          else EIO
        }

        """
      ),
      (
        "signals.table",
        """
        # Signals, with what each does when nobody handles it. Source: (the header you read)
        signal {
          1 SIGHUP terminate  2 SIGINT terminate  3 SIGQUIT core  4 SIGILL core  6 SIGABRT core  8 SIGFPE core
          9 SIGKILL terminate  11 SIGSEGV core  13 SIGPIPE terminate  14 SIGALRM terminate  15 SIGTERM terminate
        }

        """
      ),
      (
        "calls.table",
        """
        # Calls by number. Source: (the list you read)
        flags open_flags {
          mask 0x3 { 0 O_RDONLY  1 O_WRONLY  2 O_RDWR }
          0x40 O_CREAT  0x80 O_EXCL  0x200 O_TRUNC  0x400 O_APPEND
        }

        1 exit(status: int) -> never                                = exit_group
        3 read(fd: fd, buf: out bytes[result], count: size) -> size = read
        4 write(fd: fd, buf: in bytes[count], count: size) -> size  = write
        5 open(name: path, flags: open_flags, mode: mode) -> fd     = openat(AT_FDCWD, name, flags, mode)
        6 close(fd: fd) -> status                                   = handler close
        20 getpid() -> pid                                          = getpid

        """
      ),
    ]
  }
}
