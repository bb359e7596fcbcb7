import BinaryImage
import Glibc
import PersonalityTables

/// A dynamic program whose libraries may be broken. A library that was cut off makes it die by SIGBUS without a word, at
/// home too; this finds the library then.
struct BrokenLibraries {
  private let image: Image
  private let path: String
  private let root: FileRoot?
  private let standard: [String]

  /// nil for a static program.
  init?(_ launch: borrowing Launch, _ recognizer: Recognizer) {
    guard launch.interpreter != nil, case .foreign(let name) = launch.recognition,
      let heading = PersonalityLoader.heading(name, from: recognizer.directories)
    else { return nil }
    (image, path, root) = (launch.program.image, launch.program.path, launch.root)
    standard = heading.marks.libraries
  }

  /// What is wrong with them, if anything is.
  func report() -> LaunchError? {
    do {
      let libraries = try Libraries(
        of: image, path: path, root: root, standard: standard,
        environment: getenv("LD_LIBRARY_PATH").map { String(cString: $0) })
      guard let name = libraries.missing.first else { return nil }
      return LaunchError(
        .cannotRun, file: path, "its library \(name) is missing, or is not a library", remedy: "unpack the root anew")
    } catch {
      return LaunchError(.cannotRun, file: error.file, error.cause, remedy: "unpack the root anew")
    }
  }
}
