import ArgumentParser
import Glibc
import HostText
import PersonalityTables
import Supervisor

struct RootCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "root",
    abstract: "Keep trees of foreign systems' files, in which dynamic programs find theirs.",
    discussion: """
      They are kept under $XDG_DATA_HOME/persona/roots (or ~/.local/share/persona/roots). A dynamic program that is run \
      without --root uses the one of its system; --root and --chroot take a root's name, too.
      """,
    subcommands: [Add.self, List.self, Remove.self])

  private static func roots() throws -> InstalledRoots {
    guard let roots = InstalledRoots.ofUser() else {
      throw LaunchError(
        .ours, "there is no home folder to keep roots in", remedy: "set HOME or XDG_DATA_HOME")
    }
    return roots
  }

  struct Add: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract:
        "Keep a tree: an archive of the base system (base.txz), or a folder, which is linked to.")

    @Argument(help: "The personality's name, or that with a word behind it: NAME, NAME-13.2.")
    var name: String

    @Argument(help: ArgumentHelp("The archive or the folder.", valueName: "source"))
    var source: String

    @OptionGroup var search: PersonalitySearch

    func run() throws {
      let recognizer = Recognizer(directories: try search.directories())
      try RootCommand.roots().add(name, from: source, recognizer)
    }
  }

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List the trees: name, system and release, folder, and what is wrong with one.")

    @OptionGroup var search: PersonalitySearch

    func run() throws {
      let recognizer = Recognizer(directories: try search.directories())
      let roots = try RootCommand.roots()
      for name in roots.names {
        guard let root = roots.root(named: name),
          let heading = recognizer.heading(InstalledRoots.personality(of: name))
        else { continue }
        let release =
          root.release(of: heading, recognizer).map { " " + heading.releases.text(of: $0) } ?? ""
        let defect = root.defect(heading, recognizer).map { ": \($0)" } ?? ""
        Host.print("\(name)  \(heading.title)\(release)  \(root.path)\(defect)")
      }
      for (name, folder) in roots.lost {
        Host.print("\(name)  \(folder): is not there any more; 'persona root remove \(name)' forgets it")
      }
      fflush(nil)
    }
  }

  struct Remove: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Remove a tree; of a folder that is only linked to, the link.")

    @Argument(help: "The root's name, as 'persona root list' lists it.")
    var name: String

    func run() throws { try RootCommand.roots().remove(name) }
  }
}
