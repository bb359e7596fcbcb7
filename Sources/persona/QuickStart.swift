import Supervisor

/// Reads the plain forms of `run` and `trace` by itself: starting a program must not wait a millisecond for
/// ArgumentParser to look at its own types. Whatever is not plain, mistakes included, is left to it.
enum QuickStart {
  /// What Linux asks for when it starts Persona for a registered program (binfmt_misc's flag P): the interpreter's own
  /// name, the program's path, its argv[0] and its arguments.
  static func interpreterConfiguration(_ arguments: [String]) throws(LaunchError) -> RunConfiguration? {
    guard let own = arguments.first?.split(separator: "/").last, own == Registration.interpreterName else { return nil }
    guard arguments.count >= 3 else {
      throw LaunchError(
        .ours, "\(own) is for Linux's binfmt_misc", remedy: "run programs by hand with 'persona run'")
    }
    var result = RunConfiguration(program: arguments[1], arguments: Array(arguments[3...]))
    result.name = arguments[2]
    return result
  }

  static func configuration(_ arguments: [String]) -> RunConfiguration? {
    guard let command = arguments.first, command == "run" || command == "trace" else { return nil }
    var result = RunConfiguration(program: "")
    if command == "trace" { result.trace = .standardError }
    var rest = arguments.dropFirst()
    while let word = rest.first, word.hasPrefix("-") {
      rest.removeFirst()
      if word == "--" { break }
      if command == "run", word == "--trace" {
        result.trace = .standardError
        continue
      }
      if word == "--no-patch" {
        result.patchesSites = false
        continue
      }
      let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      if command == "run", word.hasPrefix("--trace="), !parts[1].isEmpty {
        result.trace = .file(String(parts[1]))
        continue
      }
      guard let value = parts.count == 2 ? String(parts[1]) : rest.popFirst(), !value.isEmpty,
        !value.hasPrefix("-")
      else { return nil }
      switch parts[0] {
      case "--as":
        guard let choice = PersonalityChoice(value) else { return nil }
        result.personality = choice
      case "--root":
        guard let root = RunArguments.fileRoot(value) else { return nil }
        result.root = root
      case "--personalities":
        guard RunArguments.isDirectory(value) else { return nil }
        result.personalityDirectories.append(value)
      default: return nil
      }
    }
    guard let program = rest.popFirst(), !program.isEmpty else { return nil }
    result.program = program
    result.arguments = Array(rest)
    return result
  }
}
