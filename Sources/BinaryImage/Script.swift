import HostText

extension Script {
  /// Reads the first line, or answers nil when the file does not begin with `#!`.
  ///
  /// Systems look at 256 bytes (Linux, BINPRM_BUF_SIZE) to one page (sys/kern/imgact_shell.c); the longer line
  /// is accepted.
  init?(_ bytes: ImageBytes) throws(ImageError) {
    let line = try bytes.bytes(0, limit: 4096)
    guard line.starts(with: [0x23, 0x21]) else { return nil }
    let end = line.firstIndex(of: 10) ?? line.count
    guard end < 4096 else {
      throw ImageError(
        .corrupt, offset: 0, cause: "a script whose first line is longer than 4095 bytes",
        remedy: "shorten the interpreter's path")
    }
    // A carriage return is none: it belongs to the name, as everywhere (sys/kern/imgact_shell.c).
    let isBlank = { (byte: UInt8) in byte == 32 || byte == 9 }
    let words = line[2..<end].drop(while: isBlank)
    let path = words.prefix { !isBlank($0) && $0 != 0 }
    guard !path.isEmpty else {
      throw ImageError(
        .corrupt, offset: 2, cause: "a script that names no interpreter after \"#!\"",
        remedy: "write the interpreter's path there, such as #!/bin/sh")
    }
    var rest = words[path.endIndex...].drop(while: isBlank).prefix { $0 != 0 }
    while let last = rest.last, isBlank(last) { rest.removeLast() }
    self.init(
      interpreter: String(host: Array(path)),
      argument: rest.isEmpty ? nil : String(host: Array(rest)))
  }
}
