import Foundation

/// The macros that a header defines, as the preprocessor tells them.
struct HeaderText {
  private let lines: [Substring]

  init(_ header: String, compiler: [String]) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = compiler + ["-E", "-dM", "-x", "c", "-include", header, "/dev/null"]
    let output = Pipe()
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    lines = text.split(separator: "\n")
  }

  /// `#define PREFIXname number`, in decimal, without the prefix.
  func numbers(prefix: String) -> [(name: String, number: Int)] {
    lines.compactMap { line in
      let words = line.split(separator: " ")
      guard words.count == 3, words[0] == "#define", words[1].hasPrefix(prefix), let number = Int(words[2]) else {
        return nil
      }
      return (String(words[1].dropFirst(prefix.count)), number)
    }
  }
}
