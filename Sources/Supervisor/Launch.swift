import BinaryImage

/// Everything that is known about a program before its personality is compiled.
public struct Launch: ~Copyable {
  public let program: ProgramFile
  /// The run-time linker that PT_INTERP names; nil for a static program.
  public let interpreter: ProgramFile?
  public let recognition: Recognition
  /// argv, with a script's interpreter before the script.
  public let arguments: [String]

  /// Scripts may name scripts so often, as in Linux (fs/exec.c).
  private static let scriptDepth = 5

  /// Finds the program of `configuration`, follows `#!` lines, and finds the run-time linker.
  public init(_ configuration: borrowing RunConfiguration, searchPath: String?, installation: Installation)
    throws(LaunchError)
  {
    let file = try ProgramFile.find(
      configuration.program, searchPath: searchPath, root: configuration.root)
    try self.init(
      file, arguments: [configuration.program] + configuration.arguments, choice: configuration.personality,
      root: configuration.root,
      available: installation.personalityNames(directories: configuration.personalityDirectories))
  }

  /// The same for a program that is already open, as an exec inside a guest has it.
  public init(
    _ file: consuming ProgramFile, arguments: [String], choice: PersonalityChoice?, root: String?,
    available: [String]
  ) throws(LaunchError) {
    var arguments = arguments
    var file = file
    for _ in 0..<Launch.scriptDepth {
      let recognition = try Recognition.of(file.image, file: file.path, choice: choice, available: available)
      guard case .script(let script) = recognition else {
        let linker: ProgramFile? =
          if case .foreign = recognition { try Launch.linker(of: file, root: root) } else { nil }
        self.recognition = recognition
        self.arguments = arguments
        interpreter = linker
        program = file
        return
      }
      let scriptPath = arguments.first.map { $0.utf8.contains(47) ? $0 : file.path } ?? file.path
      arguments = [script.interpreter] + (script.argument.map { [$0] } ?? []) + [scriptPath]
        + arguments.dropFirst()
      file = try Launch.interpreter(script.interpreter, of: file.path, root: root)
    }
    throw LaunchError(
      .cannotRun, file: file.path, "scripts that run scripts are nested too deeply",
      remedy: "let the first one name a program")
  }

  private static func interpreter(_ path: String, of script: String, root: String?) throws(LaunchError)
    -> ProgramFile
  {
    do {
      return try ProgramFile.open(path, root: root)
    } catch {
      guard error.status == .notFound else { throw error }
      throw LaunchError(
        .cannotRun, file: script, "its interpreter \(path) does not exist",
        remedy: root == nil
          ? "give the folder that holds the foreign system's files with --root" : "put it under the --root folder")
    }
  }

  private static func linker(of file: borrowing ProgramFile, root: String?) throws(LaunchError) -> ProgramFile? {
    guard let path = file.image.elf?.interpreter else {
      let libraries = file.image.elf?.neededLibraries ?? []
      guard libraries.isEmpty || file.image.elf?.kind == .sharedObject else {
        throw LaunchError(
          .cannotRun, file: file.path, "needs \(libraries.joined(separator: ", ")) but names no run-time linker",
          remedy: "link it again without -nostdlib, or statically")
      }
      return nil
    }
    do {
      return try ProgramFile.open(path, root: root)
    } catch {
      guard error.status == .notFound else { throw error }
      throw LaunchError(
        .cannotRun, file: file.path, "needs its run-time linker \(path)",
        remedy: root == nil
          ? "give the folder that holds the foreign system's files with --root"
          : "put it and the libraries under the --root folder")
    }
  }
}
