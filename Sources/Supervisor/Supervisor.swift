import Glibc

/// Starts a guest, serves it, and ends as it ended.
public enum Supervisor {
  /// Runs the program to its end and answers Persona's exit status.
  public static func run(_ configuration: RunConfiguration) throws(LaunchError) -> Int32 {
    let launch = try Launch(
      configuration, searchPath: getenv("PATH").map { String(cString: $0) }, installation: try Installation.current())
    _ = try launch.plan([], LoadOptions(path: launch.program.path, minimumAddress: HostLimits.minimumAddress()))
    throw LaunchError(.ours, file: launch.program.path, "running programs is not there yet")
  }
}
