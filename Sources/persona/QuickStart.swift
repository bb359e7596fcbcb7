import Supervisor

/// Reads the plain forms of `run` and `trace` by itself: starting a program must not wait a millisecond for
/// ArgumentParser to look at its own types. Whatever is not plain, mistakes included, is left to it.
enum QuickStart {
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
        guard RunArguments.isDirectory(value) else { return nil }
        result.root = FileRoot(folder: value)
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
