import ArgumentParser
import BinaryImage
import Glibc
import HostText
import Supervisor

struct Identify: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Tell which system and processor files were built for.",
    discussion: """
      One line for each file: its name, the system with its release when the file states it, the format, \
      and how it is linked. Exit status: 0 when every file is a program of a known format, 1 when one is not \
      or cannot be read.
      """)

  @Flag(name: .shortAndLong, help: "Also tell the evidence, the segments and the libraries.")
  var verbose = false

  @Option(
    help: ArgumentHelp(
      "Look for personalities in this folder before the installed ones. May be repeated.", valueName: "dir"))
  var personalities: [String] = []

  @Argument(help: "The files to identify.")
  var file: [String]

  func run() throws {
    var allKnown = true
    let recognizer = Recognizer(directories: try Installation.current().directories(personalities))
    for path in file {
      do {
        let image = try read(path)
        let origin = recognizer.origin(of: image)
        Host.print("\(path): \(image.summary(origin))")
        if verbose { describe(image, origin, recognizer) }
        if image.format == .unknown { allKnown = false }
      } catch {
        fflush(nil)
        Host.printError("persona: \(path): \(error)")
        allKnown = false
      }
    }
    fflush(nil)
    if !allKnown { throw ExitCode(1) }
  }

  private func read(_ path: String) throws -> Image {
    let descriptor = Host.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
    guard descriptor >= 0 else { throw Unreadable(description: String(cString: strerror(errno))) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw Unreadable(
        description: status.st_mode & S_IFMT == S_IFDIR
          ? "is a directory; name a file in it" : "is not a regular file; name a program")
    }
    return try Image(descriptor: descriptor)
  }

  private struct Unreadable: Error, CustomStringConvertible {
    var description: String
  }

  private func describe(_ image: Image, _ origin: Origin, _ recognizer: Recognizer) {
    for evidence in origin.evidence {
      Host.print(
        "  \(evidence.isConclusive ? "states" : "hints at") \(evidence.system.displayName): \(evidence.text)")
    }
    guard let elf = image.elf else { return }
    Host.print("  entry \(hexadecimal(image.entry))")
    for header in elf.programHeaders {
      let flags =
        (header.flags & ProgramHeader.readable != 0 ? "r" : "-")
        + (header.flags & ProgramHeader.writable != 0 ? "w" : "-")
        + (header.flags & ProgramHeader.executable != 0 ? "x" : "-")
      Host.print(
        "  segment \(recognizer.segmentName(header.type) ?? header.typeName) \(flags) address \(hexadecimal(header.address)) memory \(header.memorySize) "
          + "file \(hexadecimal(header.offset))+\(header.fileSize) align \(hexadecimal(header.alignment))")
    }
    if !elf.neededLibraries.isEmpty { Host.print("  needs \(elf.neededLibraries.joined(separator: " "))") }
    if let path = elf.libraryPath { Host.print("  looks for libraries in \(path)") }
  }

  private func hexadecimal(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }
}
