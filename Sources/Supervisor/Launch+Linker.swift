import BinaryImage
import PersonalityTables

extension Launch {
  /// Opens the run-time linker that a program names; its errors tell what is wrong with the root.
  static func open(
    linker path: String, of program: borrowing ProgramFile, _ root: FileRoot?,
    _ recognizer: Recognizer
  ) throws(LaunchError) -> ProgramFile {
    let place = root.map { "the root \($0.path)" } ?? "this host"
    let linker: ProgramFile
    do {
      linker = try ProgramFile.open(path, root: root, recognizer)
    } catch {
      guard error.status == .notFound else {
        throw LaunchError(
          .cannotRun, file: root.map { $0.path + path } ?? path, error.cause,
          remedy: root == nil ? error.remedy : "unpack the root anew")
      }
      let system = program.origin(recognizer).system
      throw LaunchError(
        .cannotRun, file: program.path,
        "needs its run-time linker \(path), which \(place) does not have",
        remedy: root == nil
          ? "give the folder that holds the foreign system's files with --root, or keep its base archive with "
            + "'persona root add \(system?.name ?? "NAME") base.txz'"
          : "unpack the system's whole base archive there")
    }
    let needed = program.image
    let found = linker.image
    guard let elf = found.elf, found.format == needed.format,
      [.sharedObject, .positionIndependent, .executable].contains(elf.kind)
    else {
      throw LaunchError(
        .cannotRun, file: program.path,
        "its run-time linker \(path) of \(place) is \(found.format.displayName), not \(needed.format.displayName)",
        remedy: root == nil ? "give the system's own files with --root" : "unpack the root anew")
    }
    let wanted = program.origin(recognizer).system
    let given = linker.origin(recognizer).system
    if let wanted, let given, wanted.name != given.name {
      throw LaunchError(
        .cannotRun, file: program.path,
        "is \(wanted.displayName)'s, and its run-time linker \(path) of \(place) is \(given.displayName)'s",
        remedy: "give a root of \(wanted.displayName) with --root")
    }
    return linker
  }

  /// Refuses a program that was built for a later major release than its root is of: its libraries lack what it needs.
  func checkRelease(_ recognizer: Recognizer) throws(LaunchError) {
    guard interpreterPath != nil, let root, case .foreign(let name) = recognition,
      let heading = recognizer.heading(name), let encoding = heading.releases.encoding,
      let built = recognizer.release(of: program.image, heading.marks),
      let there = rootRelease,
      built / encoding.major > there / encoding.major
    else { return }
    throw LaunchError(
      .cannotRun, file: program.path,
      "is built for \(heading.title) \(heading.releases.text(of: built)), and the root \(root.path) is "
        + "\(heading.title) \(heading.releases.text(of: there))",
      remedy: "give a root of that release or a later one with --root")
  }
}
