import CHost
import CWire
import Glibc
import HostText

/// `persona run` where a supervisor is there already: in a shell that is a guest's child, through binfmt_misc.
///
/// A chain of seccomp filters can hold one listener only, so there is no second supervisor: this process becomes a guest
/// of the session that it is in.
enum Joining {
  static var hasSupervisor: Bool { persona_join(nil) == 0 }

  /// Replaces this process by the guest; answers what is in the way.
  static func join(
    _ configuration: RunConfiguration, _ launch: borrowing Launch
  ) -> LaunchError {
    if let option = foreignOption(configuration) {
      return LaunchError(
        .ours, "\(option) belongs to the session, and this program joins the one that it is started in",
        remedy: "give it to the first 'persona run', or leave it out")
    }
    var request = persona_exec()
    request.file = launch.program.descriptor
    request.pid = getpid()
    let texts = [launch.program.path, configuration.root?.path, configuration.personality?.description].map {
      $0.map { $0.withHost { strdup($0)! } }
    }
    request.path = UInt64(UInt(bitPattern: texts[0]))
    request.root = UInt64(UInt(bitPattern: texts[1]))
    request.is_confined = configuration.root?.isConfining == true ? 1 : 0
    request.choice = UInt64(UInt(bitPattern: texts[2]))
    let result = persona_join(&request)
    guard result == 0 else {
      return LaunchError(
        .ours, file: launch.program.path, "the session's supervisor does not answer: \(describe(-result))",
        remedy: "start the session again")
    }
    switch persona_exec_verdict(UInt32(bitPattern: request.verdict)) {
    case PERSONA_EXEC_FOREIGN:
      let argv = hostVector(launch.arguments)
      let failure = persona_become_engine(request.engine, argv, environ)
      return LaunchError(.cannotRun, file: launch.program.path, "cannot be started: \(describe(-failure))")
    case PERSONA_EXEC_REFUSED:
      return LaunchError(
        .cannotRun, file: launch.program.path, "the session's supervisor refuses it: \(describe(request.error))")
    default:
      return LaunchError(
        .cannotRun, file: launch.program.path, "is not known to the session's supervisor",
        remedy: "start the session with the same personalities")
    }
  }

  /// An option that means the whole session.
  private static func foreignOption(_ configuration: RunConfiguration) -> String? {
    if configuration.trace != nil { return "--trace" }
    if !configuration.personalityDirectories.isEmpty { return "--personalities" }
    if !configuration.patchesSites { return "--no-patch" }
    return configuration.promises != .enforce ? "--promises" : nil
  }
}
