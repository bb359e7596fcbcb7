import BinaryImage
import Glibc
import HostText
import PersonalityTables

/// Everything that is known about a program before its personality is compiled.
public struct Launch: ~Copyable {
  public let program: ProgramFile
  /// The run-time linker that PT_INTERP names; nil for a static program.
  public let interpreter: ProgramFile?
  public let recognition: Recognition
  /// Which of the systems that its personality describes it is run with.
  let edition: Edition
  /// argv, with a script's interpreter before the script.
  public let arguments: [String]
  /// Where its paths are looked up: as was asked for, or the one that the user keeps for its system.
  public let root: FileRoot?
  /// The release that the root is of, where that decides about the edition.
  let rootRelease: UInt32?

  /// Whose program executes another.
  public enum Executor: Sendable {
    case linux, foreign

    /// How many scripts may stand one behind another: in Linux (fs/exec.c, exec_binprm), and in the systems whose programs run
    /// here (kern/imgact_shell.c, kern/exec_script.c, port/sysproc.c).
    var scripts: Int { self == .linux ? 5 : 1 }
  }

  /// Finds the program of `configuration`, follows `#!` lines, and finds the run-time linker.
  public init(_ configuration: borrowing RunConfiguration, searchPath: String?, recognizer: Recognizer)
    throws(LaunchError)
  {
    let file =
      if configuration.program.hasPrefix("/") {
        try Launch.open(configuration.program, root: configuration.root, configuration.personality, recognizer)
      } else {
        try ProgramFile.find(configuration.program, searchPath: searchPath, root: configuration.root, recognizer)
      }
    try self.init(
      file, arguments: [configuration.name ?? configuration.program] + configuration.arguments, choice: configuration.personality,
      root: configuration.root,
      recognizer: recognizer, acceptsUnmarked: false)
  }

  /// The same for a program that is already open, as an exec inside a guest has it.
  ///
  /// - Parameters:
  ///   - release: the release of a system whose programs run already.
  ///   - process: which process executes it, if not this one.
  ///   - acceptsUnmarked: whether a program that nothing marks is taken for a Linux one.
  public init(
    _ file: consuming ProgramFile, arguments: [String], choice: PersonalityChoice?, root: FileRoot?,
    recognizer: Recognizer, release: (String) -> UInt32? = { _ in nil }, process: pid_t? = nil, acceptsUnmarked: Bool = true,
    by executor: Executor = .linux
  ) throws(LaunchError) {
    var arguments = arguments
    var file = file
    for _ in 0...executor.scripts {
      let recognition = try Recognition.of(file, named: file.path, choice: choice, recognizer: recognizer)
      guard case .script(let script) = recognition else {
        guard acceptsUnmarked || recognition != .native(isStated: false) else {
          throw LaunchError(
            .cannotRun, file: file.path, "carries no mark of its system",
            remedy: "if it is not for Linux, name the system with --as, one of: "
              + recognizer.available.joined(separator: ", "))
        }
        if recognition.isForeign { try file.checkIdentity(of: process) }
        var root = root
        let heading: SystemHeading? = if case .foreign(let name) = recognition { recognizer.heading(name) } else { nil }
        try heading?.checkAbi(of: file)
        let linker = recognition.isForeign ? try Launch.linker(of: file, recognition, &root, recognizer) : nil
        let machine = heading.flatMap { release($0.name) }
        let there = machine == nil ? heading.flatMap { root?.release(of: $0, recognizer) } : nil
        let edition = try Edition(
          of: file.image, heading: heading, choice: choice, machine: machine ?? there, recognizer: recognizer)
        interpreter = linker
        self.root = root
        rootRelease = there
        self.edition = edition
        self.recognition = recognition
        self.arguments = arguments
        program = file
        return
      }
      let scriptPath = arguments.first.map { $0.utf8.contains(47) ? $0 : file.path } ?? file.path
      arguments =
        [script.interpreter] + (script.argument.map { [$0] } ?? []) + [scriptPath]
        + arguments.dropFirst()
      file = try Launch.interpreter(script.interpreter, of: file.path, root: root, process, choice, recognizer)
    }
    throw LaunchError(
      .cannotRun, file: file.path, "scripts that run scripts are nested too deeply",
      remedy: "let the first one name a program", guestError: ENOEXEC)
  }

  /// Opens an absolute path as ProgramFile does, or where a system finds it bound: there first for a system that the
  /// user insists on.
  private static func open(
    _ path: String, root: FileRoot?, _ choice: PersonalityChoice?, _ recognizer: Recognizer
  ) throws(LaunchError) -> ProgramFile {
    var status = stat()
    let hosts = ProgramFile.hostPaths(of: path, root: root)
    if choice == nil, hosts.contains(where: { Host.stat($0, &status) == 0 }) {
      return try ProgramFile.open(path, root: root, recognizer)
    }
    for bound in recognizer.boundPaths(of: path, choice: choice) {
      for host in ProgramFile.hostPaths(of: bound, root: root) where Host.stat(host, &status) == 0 {
        return try ProgramFile(hostPath: host, path: path, recognizer)
      }
    }
    return try ProgramFile.open(path, root: root, recognizer)
  }

  /// Opens a script's interpreter; a relative path is looked up from the current folder.
  private static func interpreter(
    _ path: String, of script: String, root: FileRoot?, _ process: pid_t?, _ choice: PersonalityChoice?, _ recognizer: Recognizer
  ) throws(LaunchError) -> ProgramFile {
    do {
      guard !path.hasPrefix("/"), let folder = process.flatMap({ Host.readlink("/proc/\($0)/cwd") }) else {
        return try open(path, root: root, choice, recognizer)
      }
      if let root, let place = root.place(of: folder) ?? (root.isConfining ? "/" : nil) {
        return try open(place + "/" + path, root: root, choice, recognizer)
      }
      return try ProgramFile(hostPath: folder + "/" + path, recognizer)
    } catch {
      guard error.status == .notFound else { throw error }
      if path.hasSuffix("\r") {
        throw LaunchError(
          .cannotRun, file: script, "the name of its interpreter ends with a carriage return, which is part of it",
          remedy: "end the script's lines with line feeds alone", guestError: ENOENT)
      }
      throw LaunchError(
        .cannotRun, file: script, "its interpreter \(path) does not exist",
        remedy: root == nil
          ? "give the folder that holds the foreign system's files with --root"
          : "put it under the --root folder",
        guestError: ENOENT)
    }
  }

  /// Opens the run-time linker, after checking that the program itself can be loaded at all.
  ///
  /// - Parameter root: becomes the one that the user keeps, where there is none and the linker is only there.
  private static func linker(
    of file: borrowing ProgramFile, _ recognition: Recognition, _ root: inout FileRoot?, _ recognizer: Recognizer
  ) throws(LaunchError) -> ProgramFile? {
    do {
      _ = try PlacedImage(file.image, index: 0)
    } catch {
      throw LaunchError(.cannotRun, file: file.path, error.cause, remedy: error.remedy)
    }
    guard let path = file.image.elf?.interpreter else {
      let libraries = file.image.elf?.neededLibraries ?? []
      guard libraries.isEmpty || file.image.elf?.kind == .sharedObject else {
        throw LaunchError(
          .cannotRun, file: file.path,
          "needs \(libraries.joined(separator: ", ")) but names no run-time linker",
          remedy: "link it again without -nostdlib, or statically")
      }
      return nil
    }
    if root == nil, Host.access(path, F_OK) != 0, case .foreign(let name) = recognition {
      root = InstalledRoots.ofUser()?.root(for: name)
    }
    return try Launch.open(linker: path, of: file, root, recognizer)
  }

  /// Lays the program and its run-time linker out for a personality with this auxiliary vector.
  public func plan(_ auxiliary: [AuxiliaryRule], _ options: LoadOptions) throws(LaunchError) -> LoadPlan {
    do {
      return try LoadPlan.make(
        program: program.image, interpreter: interpreterImage, auxiliary: auxiliary, options: options)
    } catch {
      throw LaunchError(.cannotRun, file: program.path, error.cause, remedy: error.remedy)
    }
  }

  var interpreterPath: String? {
    switch interpreter {
    case .some(let file): file.path
    case .none: nil
    }
  }

  private var interpreterImage: Image? {
    switch interpreter {
    case .some(let file): file.image
    case .none: nil
    }
  }
}

extension SystemHeading {
  /// Refuses a program whose abi the engine does not serve.
  fileprivate func checkAbi(of file: borrowing ProgramFile) throws(LaunchError) {
    guard let machine = file.image.format.machine, let abi = abis.first(where: { $0.machine == machine }), abi.word != 8
    else { return }
    throw LaunchError(
      .cannotRun, file: file.path,
      "is a \(8 * abi.word)-bit program (abi \(abi.name) of \(title)), and the engine serves 64-bit programs only",
      remedy: "get the 64-bit build of the program")
  }
}
