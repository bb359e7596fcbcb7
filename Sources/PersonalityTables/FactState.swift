import Glibc
import HostText

/// `persona check --state FOLDER…`: writes down what the tables say and the facts do not, so that the change can be read
/// and kept.
///
/// decisions.facts is written anew; what else is missing is added to kernel.facts.
struct FactState {
  let folder: String
  let check: FactCheck

  /// How many lines were added or have gone, or why they could not be written.
  func write() -> Result<Int, Failure> {
    var changes = 0
    do throws(Failure) {
      let path = folder + "/decisions.facts"
      let old = lines(path)
      let own = check.statements
      if own != old.filter({ $0.hasPrefix("becomes ") }) {
        let comments = old.filter { $0.hasPrefix("#") }
        let head = comments.isEmpty ? ["# What becomes of things where names alone do not tell; docs/personalities.md, \"Facts\"."] : comments
        try save(path, head + [""] + own)
        changes += Set(own).symmetricDifference(old.filter { $0.hasPrefix("becomes ") }).count
      }
      var missing: [String] = []
      for diagnostic in check.diagnostics {
        guard let line = diagnostic.statement, !line.hasPrefix("becomes "), !line.hasSuffix("…"), !missing.contains(line)
        else { continue }
        missing.append(line)
      }
      if !missing.isEmpty {
        try save(folder + "/kernel.facts", lines(folder + "/kernel.facts") + missing)
        changes += missing.count
      }
      return .success(changes)
    } catch { return .failure(error) }
  }

  struct Failure: Error { var path: String; var errno: Int32 }

  private func lines(_ path: String) -> [String] {
    guard let bytes = try? PersonalityLoader.contents(of: path) else { return [] }
    var lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    if lines.last == "" { lines.removeLast() }
    return lines
  }

  private func save(_ path: String, _ lines: [String]) throws(Failure) {
    guard let file = Host.fopen(path, "w") else { throw Failure(path: path, errno: errno) }
    let isWritten = fputs(lines.joined(separator: "\n") + "\n", file) >= 0
    guard fclose(file) == 0, isWritten else { throw Failure(path: path, errno: errno) }
  }
}
