import Glibc
import HostText

/// `persona fmt [--check] [FOLDER|FILE…]`: writes tables in their canonical layout, or tells which are not.
public struct FormatCommand: Sendable {
  /// Folders of tables, folders of such folders, and files.
  public var paths: [String]
  /// Only tell.
  public var checksOnly: Bool
  /// Where an included folder is looked for when it is not beside the one that includes it.
  public var directories: [String]

  public struct Outcome: Sendable, Equatable {
    /// The files that were, or would be, changed, a line each; for standard input the text laid out.
    public var text = ""
    /// Reports of mistakes, and what could not be read or written.
    public var errors = ""
    /// 0: all is well; 1: a file is not in canonical layout (when checking) or has mistakes; 125: a file could
    /// not be read or written.
    public var status: Int32 = 0
  }

  public init(paths: [String], checksOnly: Bool = false, directories: [String] = []) {
    self.paths = paths
    self.checksOnly = checksOnly
    self.directories = directories
  }

  public func run() -> Outcome {
    var outcome = Outcome()
    for path in paths {
      do {
        for (folder, files) in try tables(path) { format(folder, files, &outcome) }
      } catch {
        outcome.fail(error.description, 125)
      }
    }
    return outcome
  }

  /// Lays out a text that belongs to no folder: only its brackets and quotes are looked at.
  public func run(standardInput text: [UInt8]) -> Outcome {
    var outcome = Outcome()
    let mistakes = LoadedPersonality.brackets(text, path: "standard input")
    guard mistakes.isEmpty, let formatted = laidOut(text, "standard input", &outcome) else {
      outcome.errors += mistakes
      outcome.status = max(outcome.status, 1)
      return outcome
    }
    guard checksOnly else {
      outcome.text = String(decoding: formatted, as: UTF8.self)
      return outcome
    }
    if formatted != text { outcome.fail("standard input is not in canonical layout", 1) }
    return outcome
  }

  // MARK: Files

  /// The folders that a path names, with the files to lay out in each.
  private func tables(_ path: String) throws(LoadError) -> [(folder: String, files: [String])] {
    var status = stat()
    guard Host.stat(path, &status) == 0 else { throw .unreadable(path: path, errno: errno) }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      let parts = path.split(separator: "/", omittingEmptySubsequences: false)
      let folder = parts.count == 1 ? "." : parts.dropLast().joined(separator: "/")
      return [(folder.isEmpty ? "/" : folder, [path])]
    }
    var folder = path
    while folder.count > 1, folder.hasSuffix("/") { folder.removeLast() }
    if let names = try? PersonalityLoader.tables(in: folder) { return [(folder, names.map { folder + "/" + $0 })] }
    var found: [(folder: String, files: [String])] = []
    for inner in PersonalityLoader.folders(in: folder, accepting: PersonalityLoader.hasTables) {
      found.append((inner, try PersonalityLoader.tables(in: inner).map { inner + "/" + $0 }))
    }
    if found.isEmpty { throw .empty(folder: folder) }
    return found
  }

  private func format(_ folder: String, _ files: [String], _ outcome: inout Outcome) {
    let loaded = try? PersonalityLoader.load(folder: folder, directories: directories)
    for file in files {
      do {
        let text = try PersonalityLoader.contents(of: file)
        let mistakes = loaded?.report(in: file) ?? LoadedPersonality.brackets(text, path: file)
        guard mistakes.isEmpty else {
          outcome.errors += mistakes
          outcome.status = max(outcome.status, 1)
          continue
        }
        guard let formatted = laidOut(text, file, &outcome), formatted != text else { continue }
        if checksOnly {
          outcome.status = max(outcome.status, 1)
        } else if let failure = FormatCommand.replace(file, formatted) {
          outcome.fail("\(file): \(String(cString: strerror(failure)))", 125)
          continue
        }
        outcome.text += file + "\n"
      } catch {
        outcome.fail(error.description, 125)
      }
    }
  }

  /// The text laid out; nil, and a report, where that would change what it says.
  private func laidOut(_ text: [UInt8], _ name: String, _ outcome: inout Outcome) -> [UInt8]? {
    guard let formatted = TableLayout.format(text), TableLayout.sameMeaning(text, formatted) else {
      outcome.fail("\(name): cannot be laid out without changing what it says; it is left as it is", 125)
      return nil
    }
    return formatted
  }

  /// Puts a file's new contents in its place; nil, or the errno that prevented it.
  static func replace(_ file: String, _ contents: [UInt8]) -> Int32? {
    var status = stat()
    guard Host.stat(file, &status) == 0 else { return errno }
    let draft = file + ".\(getpid())"
    let descriptor = Host.open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, status.st_mode & 0o7777)
    guard descriptor >= 0 else { return errno }
    var failure = write(contents, descriptor)
    if close(descriptor) != 0, failure == nil { failure = errno }
    if failure == nil, Host.rename(draft, file) != 0 { failure = errno }
    if failure != nil { Host.unlink(draft) }
    return failure
  }

  static func write(_ contents: [UInt8], _ descriptor: Int32) -> Int32? {
    var written = 0
    while written < contents.count {
      let count = contents.withUnsafeBytes {
        Glibc.write(descriptor, $0.baseAddress! + written, contents.count - written)
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return errno }
      written += count
    }
    return nil
  }
}

extension FormatCommand.Outcome {
  fileprivate mutating func fail(_ message: String, _ status: Int32) {
    errors += "persona: \(message)\n"
    self.status = max(self.status, status)
  }
}

extension LoadedPersonality {
  /// The reports about one file.
  func report(in file: String) -> String {
    diagnostics.filter { source.locate(Int($0.position.offset)).path == file }
      .sorted { $0.position.offset < $1.position.offset }
      .map { $0.text(in: source) + "\n" }.joined()
  }

  /// Reports about brackets that do not match and texts that never end, which need no other file to be seen.
  static func brackets(_ text: [UInt8], path: String) -> String {
    var source = SourceText()
    source.append(text, path: path)
    var open: [Token] = []
    var reports: [Diagnostic] = []
    func report(_ message: String, _ token: Token) {
      reports.append(Diagnostic(position: token.position, message: message))
    }
    let closes: [Token.Kind: Token.Kind] = [
      .braceClose: .braceOpen, .parenClose: .parenOpen, .bracketClose: .bracketOpen,
    ]
    for token in Lexer(source, symbols: Symbols.language).tokens {
      switch token.kind {
      case .braceOpen, .parenOpen, .bracketOpen: open.append(token)
      case .braceClose, .parenClose, .bracketClose:
        if open.last?.kind == closes[token.kind] {
          open.removeLast()
        } else {
          report("nothing is open that this closes", token)
        }
      case .bad:
        let isText = source.bytes[Int(token.start)] == UInt8(ascii: "\"")
        report(isText ? "this text is never closed" : "this means nothing here", token)
      default: break
      }
    }
    for token in open { report("this is never closed", token) }
    return reports.sorted { $0.position.offset < $1.position.offset }
      .map { $0.text(in: source) + "\n" }.joined()
  }
}
