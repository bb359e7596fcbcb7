import BinaryImage
import Glibc
import HostText
import PersonalityTables

/// A dynamic program whose libraries may be broken. A library that was cut off makes it die by SIGBUS without a word, at
/// home too; this finds the library then.
struct BrokenLibraries {
  private let image: Image
  private let path: String
  private let root: FileRoot?
  private let system: String

  /// nil for a static program.
  init?(_ launch: borrowing Launch) {
    guard launch.interpreter != nil, case .foreign(let name) = launch.recognition else { return nil }
    (image, path, root) = (launch.program.image, launch.program.path, launch.root)
    system = name
  }

  /// What is wrong with them, if anything is.
  ///
  func report(_ recognizer: Recognizer) -> LaunchError? {
    guard let heading = recognizer.heading(system) else { return nil }
    do {
      let libraries = try Libraries(
        of: image, path: path, root: root, standard: heading.marks.libraries,
        environment: Host.getenv("LD_LIBRARY_PATH"))
      guard let name = libraries.missing.first else { return nil }
      return LaunchError(
        .cannotRun, file: path, "its library \(name) is missing, or is not a library", remedy: "unpack the root anew")
    } catch {
      return LaunchError(.cannotRun, file: error.file, error.cause, remedy: "unpack the root anew")
    }
  }
}
