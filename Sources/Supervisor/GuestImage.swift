import BinaryImage
import CHost
import CWire
import Glibc

/// A program that is about to become a guest: what the engine asks for when it starts.
struct GuestImage: ~Copyable {
  let personality: CompiledPersonality
  let plan: LoadPlan
  /// The program and its run-time linker, open for reading; owned.
  let files: [Int32]

  /// - Parameters:
  ///   - programs: what guests execute without asking.
  ///   - state: what the program before handed on.
  init(
    _ launch: borrowing Launch, _ personality: CompiledPersonality, log: Bool, configuration: RunConfiguration,
    root: FileRoot?, programs: DecidedPrograms?, state: [UInt8] = []
  ) throws(LaunchError) {
    let options = LoadOptions(
      path: launch.program.path, release: personality.rules.release,
      minimumAddress: HostLimits.minimumAddress, isLogged: log, tableSize: personality.tableSize,
      logSize: log ? CallLogMemory.size : 0, rules: personality.rules.load)
    var plan = try launch.plan(personality.rules.auxiliary, options)
    plan.patchesSites = configuration.patchesSites
    plan.isLenient = configuration.promises == .log
    plan.supervisor = getpid()
    plan.programs = programs.map { LoadPlan.DecidedFile(descriptor: $0.file, token: $0.token) }
    plan.state = state
    plan.root = root?.path ?? ""
    plan.isConfined = root?.isConfining ?? false
    // Looked for once in programs that guests will execute without asking.
    if programs != nil, launch.program.identity != nil, configuration.patchesSites {
      switch launch.interpreter {
      case .some(let linker): plan.findSites(inLinker: linker.descriptor)
      case .none: break
      }
    }
    var files = [try GuestImage.keep(launch.program)]
    switch launch.interpreter {
    case .some(let linker):
      do {
        files.append(try GuestImage.keep(linker))
      } catch {
        close(files[0])
        throw error
      }
    case .none: break
    }
    self.plan = plan
    self.files = files
    self.personality = personality
  }

  private static func keep(_ file: borrowing ProgramFile) throws(LaunchError) -> Int32 {
    let kept = fcntl(file.descriptor, F_DUPFD_CLOEXEC, 3)
    guard kept >= 0 else {
      let code = errno
      throw LaunchError(
        .ours, file: file.path, "cannot be kept open: \(describe(code))", remedy: LaunchError.remedy(code, "free some memory"),
        guestError: code)
    }
    return kept
  }

  deinit {
    for file in files { close(file) }
  }
}
