import Glibc
import HostText
import PersonalityTables

/// Makes Linux run foreign programs through Persona by itself (binfmt_misc), and undoes it.
public struct Registration {
  /// Where binfmt_misc is mounted.
  let mount: String
  /// Where systemd-binfmt reads what to register at a start of the machine (binfmt.d(5)).
  let persistent: String
  /// What Linux starts with the program's path, its argv[0] and its arguments.
  let interpreter: String
  let systems: [SystemHeading]

  /// The name by which Persona knows that Linux has started it for a program.
  public static let interpreterName = "persona-binfmt"
  private static let fileName = "persona.conf"

  public init(
    _ installation: Installation, personalities: [String], mount: String = "/proc/sys/fs/binfmt_misc",
    persistent: String = "/etc/binfmt.d"
  ) {
    self.mount = mount
    self.persistent = persistent
    interpreter = installation.prefix + "/lib/persona/" + Registration.interpreterName
    let directories = installation.directories(personalities)
    systems = SystemHeading.all(SystemHeading.Folders(directories), in: directories).filter { system in
      system.name != "linux" && PersonalityLoader.heading(system.name, from: directories) != nil
    }
  }

  /// Registers the rules of the systems named, of all if none is; tells in words what was done.
  public func register(_ names: [String], persists: Bool) throws(LaunchError) -> String {
    try checkMount()
    try checkInterpreter()
    var text = ""
    var lines: [String] = []
    for system in try chosen(names) {
      let rules = BinaryFormat.rules(of: system)
      if rules.isEmpty {
        text += "\(system.title): not registered, for no magic number tells its programs from Linux's; "
          + "'persona run' runs them\n"
      }
      for rule in rules {
        try remove(rule.name)
        let line = rule.line(interpreter: interpreter)
        try write(line, to: mount + "/register", "'\(rule.name)' cannot be registered")
        lines.append("# \(rule.title): \(rule.mark)\n\(line)\n")
        text += "\(system.title): \(rule.mark) is run by \(interpreter) (\(mount)/\(rule.name))\n"
      }
    }
    guard persists else { return text }
    let file = persistent + "/" + Registration.fileName
    try write(lines.joined(), to: file, "cannot be written")
    return text + "After a restart too: \(file)\n"
  }

  /// Takes the rules of the systems named away, those of all if none is; tells in words what was done.
  public func unregister(_ names: [String]) throws(LaunchError) -> String {
    try checkMount()
    let prefixes = try chosen(names).map { BinaryFormat.prefix + $0.name }
    var text = ""
    for entry in entries(of: mount).sorted() where entry.hasPrefix(BinaryFormat.prefix) {
      guard names.isEmpty || prefixes.contains(where: { entry == $0 || entry.hasPrefix($0 + "-") }) else { continue }
      try remove(entry)
      text += "\(entry) is registered no more\n"
    }
    let file = persistent + "/" + Registration.fileName
    if names.isEmpty, Host.unlink(file) == 0 {
      text += "\(file) is removed\n"
    } else if names.isEmpty, errno != ENOENT {
      throw LaunchError(.ours, file: file, "cannot be removed: \(describe(errno))", remedy: "run it as root")
    }
    return text.isEmpty ? "nothing was registered\n" : text
  }

  private func chosen(_ names: [String]) throws(LaunchError) -> [SystemHeading] {
    for name in names where !systems.contains(where: { $0.name == name }) {
      throw LaunchError(
        .ours, "there is no personality '\(name)'",
        remedy: "name one of: " + systems.map(\.name).joined(separator: ", "))
    }
    return names.isEmpty ? systems : systems.filter { names.contains($0.name) }
  }

  private func checkMount() throws(LaunchError) {
    guard Host.access(mount + "/register", F_OK) == 0 else {
      throw LaunchError(
        .ours, file: mount, "binfmt_misc is not mounted there",
        remedy: "as root: mount -t binfmt_misc none \(mount)")
    }
  }

  private func checkInterpreter() throws(LaunchError) {
    guard Host.access(interpreter, X_OK) == 0 else {
      throw LaunchError(
        .ours, file: interpreter, "cannot be executed: \(describe(errno))", remedy: "build or install Persona again")
    }
  }

  private func remove(_ name: String) throws(LaunchError) {
    guard Host.access(mount + "/" + name, F_OK) == 0 else { return }
    try write("-1", to: mount + "/" + name, "'\(name)' cannot be taken away")
  }

  private func write(_ text: String, to path: String, _ failure: String) throws(LaunchError) {
    let isNew = path.hasPrefix(persistent + "/")
    let file = Host.open(path, O_WRONLY | O_CLOEXEC | (isNew ? O_CREAT | O_TRUNC : 0), 0o644)
    let bytes = Array(text.utf8)
    let written = file < 0 ? -1 : bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress!, $0.count) }
    let error = errno
    if file >= 0 { close(file) }
    guard written == bytes.count else {
      throw LaunchError(
        .ours, file: path, "\(failure): \(describe(error))",
        remedy: error == EACCES || error == EPERM ? "run it as root" : nil)
    }
  }
}
