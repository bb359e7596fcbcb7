import BinaryImage

/// Which kernel interface a program is to be run with.
public enum Recognition: Sendable, Equatable {
  /// A Linux program, which needs no translation; `isStated` is false when nothing in the file says so.
  case native(isStated: Bool)
  /// The personality of this name.
  case foreign(personality: String)
  /// The file's first line names who runs it.
  case script(Script)

  public var isForeign: Bool {
    if case .foreign = self { true } else { false }
  }

  /// Decides by what the user insists on, or else by what the image says of its system.
  ///
  /// - Parameters:
  ///   - name: how to call the file in an error.
  ///   - recognizer: judges what the image says, and knows the personalities that there are.
  static func of(
    _ file: borrowing ProgramFile, named name: String, choice: PersonalityChoice?, recognizer: Recognizer
  ) throws(LaunchError) -> Recognition {
    let image = file.image
    switch image.format {
    case .script(let script): return .script(script)
    case .unknown:
      throw LaunchError(
        .cannotRun, file: name,
        image.fileSize == 0 ? "is empty" : "is not a program in any format that Persona knows",
        remedy: "persona identify tells what a file is")
    default: break
    }
    let available = recognizer.available
    if let choice {
      guard available.contains(choice.name) else {
        try recognizer.checkFolders()
        throw LaunchError(
          .ours, "there is no personality '\(choice.name)'", remedy: "there are: " + list(available))
      }
      return .foreign(personality: choice.name)
    }
    let origin = file.origin(recognizer)
    guard let system = origin.system else {
      try recognizer.checkFolders()
      let mark = image.elf.map { " (OSABI \($0.osABI))" } ?? ""
      throw LaunchError(
        .cannotRun, file: name, "is \(image.format.displayName) of an unknown system\(mark)",
        remedy: "name the system with --as, one of: " + list(available))
    }
    if system.isNative { return .native(isStated: origin.certainty == .stated) }
    guard available.contains(system.name) else {
      try recognizer.checkFolders()
      throw LaunchError(
        .cannotRun, file: name,
        "is \(image.format.displayName) for \(system.displayName), which has no personality yet",
        remedy: "there are: " + list(available))
    }
    return .foreign(personality: system.name)
  }

  private static func list(_ names: [String]) -> String {
    names.isEmpty ? "none (give their folder with --personalities)" : names.joined(separator: ", ")
  }
}
