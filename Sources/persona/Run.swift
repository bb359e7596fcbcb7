import ArgumentParser
import Glibc
import HostText
import Supervisor

/// What `run` and `trace` have in common.
struct RunArguments: ParsableArguments {
  @Option(
    name: .customLong("as"),
    help: ArgumentHelp(
      "Treat the program as one of this system, whatever its headers say.", valueName: "name[:release]"))
  var personality: String?

  @Option(
    help: ArgumentHelp(
      "Look absolute paths up under this folder first, then on the host.", valueName: "dir"))
  var root: String?

  @Option(
    help: ArgumentHelp(
      "Let the program see no files but those under this folder, and the host's devices as its /dev.", valueName: "dir"))
  var chroot: String?

  @Option(
    help: ArgumentHelp(
      "Use the personalities in this folder before the installed ones. May be repeated.", valueName: "dir"))
  var personalities: [String] = []

  @Option(
    help: ArgumentHelp(
      "Write the call log as text, as json (one object a line), or as a summary at the end.", valueName: "format"))
  var traceFormat: String?

  @Flag(
    help: ArgumentHelp(
      "Leave the program's call instructions as they are: each call traps, which is slower."))
  var noPatch = false

  @Option(
    help: ArgumentHelp(
      "What becomes of calls that break what the program promised (pledge, unveil, pinned system calls): "
        + "enforce as its system does, or log each on standard error and carry it out.",
      valueName: "enforce|log"))
  var promises: String?

  @Argument(
    parsing: .captureForPassthrough,
    help: ArgumentHelp("The program and its arguments; options end here.", valueName: "program"))
  var command: [String] = []

  /// The options that take their value from the next argument.
  private static let valued: Set<String> = ["--as", "--root", "--chroot", "--personalities", "--trace-format", "--promises"]

  /// Rewrites `--trace=FILE` before the program's name as `--trace-output=FILE`, since an option whose value
  /// may be left out must not take the program for it.
  static func spelledOut(_ arguments: [String]) -> [String] {
    guard arguments.first == "run" else { return arguments }
    var result = arguments
    var index = 1
    while index < result.count, result[index].hasPrefix("-"), result[index] != "--" {
      if result[index].hasPrefix("--trace=") {
        result[index] = "--trace-output=" + result[index].dropFirst("--trace=".count)
      }
      index += valued.contains(result[index]) ? 2 : 1
    }
    return result
  }

  func validate() throws {
    if let first = command.first, first.hasPrefix("-"), first != "--", first.utf8.count > 1 {
      throw ValidationError("unknown option '\(first)'")
    }
    guard let program = words.first else { throw ValidationError("no program is named") }
    guard !program.isEmpty else { throw ValidationError("the program's name is empty") }
    if let personality, PersonalityChoice(personality) == nil {
      throw ValidationError(
        "'\(personality)' is no personality: write NAME or NAME:RELEASE, such as NAME:14.1")
    }
    if let traceFormat, TraceFormat(rawValue: traceFormat) == nil {
      throw ValidationError("'\(traceFormat)' is no format of the call log: text, json or summary")
    }
    if let promises, PromisePolicy(rawValue: promises) == nil {
      throw ValidationError("'\(promises)' is not what can become of broken promises: enforce or log")
    }
    guard root == nil || chroot == nil else {
      throw ValidationError("--root and --chroot contradict each other: name one of them")
    }
    for folder in [root, chroot].compactMap({ $0 }) where RunArguments.fileRoot(folder) == nil {
      throw ValidationError("'\(folder)' is neither a directory nor a root that 'persona root list' lists")
    }
    for folder in personalities where !RunArguments.isDirectory(folder) {
      throw ValidationError("'\(folder)' is not a directory")
    }
  }

  /// The root that a folder is, or that the user keeps under a name.
  static func fileRoot(_ text: String, isConfining: Bool = false) -> FileRoot? {
    if isDirectory(text) { return FileRoot(folder: text, isConfining: isConfining) }
    return InstalledRoots.ofUser()?.root(named: text, isConfining: isConfining)
  }

  static func isDirectory(_ path: String) -> Bool {
    var status = stat()
    return Host.stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  private var words: ArraySlice<String> { command.first == "--" ? command.dropFirst() : command[...] }

  func configuration(trace: RunConfiguration.TraceDestination?) -> RunConfiguration {
    let root = chroot.flatMap { RunArguments.fileRoot($0, isConfining: true) } ?? root.flatMap { RunArguments.fileRoot($0) }
    var result = RunConfiguration(
      program: words.first ?? "", arguments: Array(words.dropFirst()), trace: trace,
      personality: personality.flatMap { PersonalityChoice($0) }, root: root,
      personalityDirectories: personalities)
    result.patchesSites = !noPatch
    if let policy = promises.flatMap({ PromisePolicy(rawValue: $0) }) { result.promises = policy }
    if let format = traceFormat.flatMap({ TraceFormat(rawValue: $0) }) {
      result.traceFormat = format
      if trace == nil { result.trace = .standardError }
    }
    return result
  }
}

struct Run: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run a program.",
    usage: """
      persona run [--trace[=<file>]] [--trace-format <format>] [--as <name[:release]>] \
      [--root <dir> | --chroot <dir>] [--personalities <dir>] [--no-patch] [--promises enforce|log] [--] <program> [<argument> ...]
      """)

  @Flag(help: "Log every call to standard error; --trace=FILE logs to a file.")
  var trace = false

  @Option(help: .private)
  var traceOutput: String?

  @OptionGroup var options: RunArguments

  func run() throws {
    let destination: RunConfiguration.TraceDestination? =
      if let traceOutput { .file(traceOutput) } else { trace ? .standardError : nil }
    throw ExitCode(try Supervisor.run(options.configuration(trace: destination)))
  }
}

struct Trace: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run a program and log its calls: the same as run --trace.",
    usage: """
      persona trace [--output <file>] [--trace-format <format>] [--as <name[:release]>] \
      [--root <dir> | --chroot <dir>] [--personalities <dir>] [--no-patch] [--promises enforce|log] [--] <program> [<argument> ...]
      """)

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("Log to this file instead of standard error.", valueName: "file"))
  var output: String?

  @OptionGroup var options: RunArguments

  func run() throws {
    let destination = output.map { RunConfiguration.TraceDestination.file($0) }
    throw ExitCode(try Supervisor.run(options.configuration(trace: destination ?? .standardError)))
  }
}
