import ArgumentParser
import Glibc
import HostText
import PersonalityTables
import Supervisor

struct New: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Begin a personality: make a folder of tables that checks.",
    discussion: "Exit status: 0, or 125 when the folder is there already or cannot be made.")

  @Argument(help: "The new personality's name: small letters and digits.")
  var name: String

  @Option(help: ArgumentHelp("Take everything from this personality; own declarations replace it.", valueName: "name"))
  var from: String?

  @Option(
    name: .customLong("in"),
    help: ArgumentHelp(
      "The folder of personalities to put it into; without it the user's, ~/.config/persona/personalities.",
      valueName: "dir"))
  var parent: String?

  @OptionGroup var search: PersonalitySearch

  func run() throws {
    guard let parent = parent ?? New.userFolder else {
      throw ValidationError("HOME is not set: name a folder with --in")
    }
    let command = NewCommand(name: name, origin: from, parent: parent, directories: try search.directories())
    try command.run().finish()
  }

  /// The user's own personalities (XDG Base Directory Specification).
  private static var userFolder: String? {
    if let value = getenv("XDG_CONFIG_HOME"), value.pointee == 47 {
      return String(host: value) + "/persona/personalities"
    }
    guard let home = getenv("HOME"), home.pointee != 0 else { return nil }
    return String(host: home) + "/.config/persona/personalities"
  }
}
