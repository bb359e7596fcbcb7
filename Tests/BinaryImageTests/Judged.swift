import BinaryImage
import Supervisor

/// The repository's own tables, as recognition reads them.
private let tables = #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 } + "/personalities"

extension Image {
  /// What the tables make of the image's marks.
  var origin: Origin { Recognizer(directories: [tables]).origin(of: self) }

  /// The line of `persona identify`.
  var summary: String { summary(origin) }
}

extension Origin {
  /// The name of the system's personality.
  var name: String? { system?.name }
}
