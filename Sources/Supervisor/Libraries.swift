import BinaryImage
import Glibc
import HostText

/// Finds a program's libraries as the run-time linker of its system would.
struct Libraries {
  struct Found {
    /// The path as the guest would name it.
    var path: String
    var linked: LinkedImage
  }

  /// In the order in which symbols are looked up in them.
  private(set) var found: [Found] = []
  private(set) var missing: [String] = []

  private let root: FileRoot?
  private let standard: [String]
  private let environment: [String]

  /// - Parameters:
  ///   - path: the program.
  ///   - standard: where the system's run-time linker looks after all else.
  ///   - environment: LD_LIBRARY_PATH.
  init(of image: Image, path: String, root: FileRoot?, standard: [String], environment: String?) throws(LaunchError) {
    self.root = root
    self.standard = standard
    self.environment = environment?.split(separator: ":").map(String.init) ?? []
    var names: Set<String> = []
    // Breadth first: a library's own libraries come behind all that the ones before it need.
    var waiting = [(image, path)]
    while !waiting.isEmpty {
      let (image, path) = waiting.removeFirst()
      for name in image.elf?.neededLibraries ?? [] where names.insert(name).inserted {
        guard let (library, place) = try find(name, neededBy: image, at: path) else {
          missing.append(name)
          continue
        }
        waiting.append((library, place))
      }
    }
  }

  private mutating func find(
    _ name: String, neededBy image: Image, at path: String
  ) throws(LaunchError) -> (Image, String)? {
    let candidates = name.utf8.contains(47) ? [name] : folders(image, path).map { $0 + "/" + name }
    for candidate in candidates {
      for host in ProgramFile.hostPaths(of: candidate, root: root) {
        guard let library = try Libraries.read(host, candidate, for: image.format) else { continue }
        found.append(Found(path: candidate, linked: library.1))
        return (library.0, candidate)
      }
    }
    return nil
  }

  /// DT_RPATH where there is no DT_RUNPATH, LD_LIBRARY_PATH, DT_RUNPATH, and the system's own folders.
  private func folders(_ image: Image, _ path: String) -> [String] {
    let own = (image.elf?.libraryPath ?? "").split(separator: ":").map { Libraries.expanded(String($0), path) }
    let isRunPath = image.elf?.isRunPath ?? false
    return (isRunPath ? environment + own : own + environment) + standard
  }

  /// `$ORIGIN` is the folder of the file that needs the library.
  private static func expanded(_ folder: String, _ path: String) -> String {
    let origin = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    for word in ["$ORIGIN", "${ORIGIN}"] where folder.hasPrefix(word) { return origin + folder.dropFirst(word.count) }
    return folder
  }

  /// A library for a program of this format; nil for anything else of that name.
  static func read(_ host: String, _ shown: String, for format: ImageFormat) throws(LaunchError) -> (Image, LinkedImage)? {
    let descriptor = Host.open(host, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    do {
      let image = try Image(descriptor: descriptor)
      guard image.format == format else { return nil }
      return (image, try LinkedImage(elf: descriptor, image))
    } catch {
      throw LaunchError(.cannotRun, file: shown, error.description)
    }
  }
}
