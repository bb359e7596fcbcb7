import CEngine
import CWire

// kenv(2): the kernel's environment. No loader has begun it, so it holds what was set since. Source:
// sys/kern/kern_environment.c, sys/sys/kenv.h.

/// KENV_MNAMELEN and KENV_MVALLEN, and a NUL.
private let longestText = 129

private enum Action {
  static let get: Int32 = 0
  static let set: Int32 = 1
  static let unset: Int32 = 2
  static let dump: Int32 = 3
  /// KENV_DUMP_LOADER and KENV_DUMP_STATIC: what came from there.
  static let dumpLoader: Int32 = 4
  static let dumpStatic: Int32 = 5
}

/// kenv(what, name, value, len)
func kernelEnvironment(_ call: inout Call) -> Int {
  let action = call.int32(0)
  guard Action.get...Action.dumpStatic ~= action else { return call.error(EINVAL) }
  if action > Action.dump { return call.error(ENOENT) }
  if action == Action.dump { return dump(call) }
  if action != Action.get, quietly(__NR_geteuid) != 0 { return call.error(EPERM) }
  var failure = 0
  guard let name = call.variableText(call.address(1), longestText, &failure) else { return failure }
  var value = name
  if action == Action.set {
    guard call.int32(3) >= 1 else { return call.error(EINVAL) }
    guard let text = call.variableText(call.address(2), min(longestText, Int(call.int32(3))), &failure) else {
      return failure
    }
    value = text
  }
  guard let variables = NamedVariables() else { return call.error(ENOMEM) }
  defer { variables.unlock() }
  switch action {
  case Action.get:
    guard let found = variables.find(.kernel, name), let data = persona_variable_data(found) else {
      return call.error(ENOENT)
    }
    let length = min(textLength(data) + 1, max(Int(call.int32(3)), 0))
    return call.copyOut(call.address(2), data, length) ? length : call.error(EFAULT)
  case Action.set:
    _ = variables.remove(.kernel, name)
    return variables.append(.kernel, name, value) ? 0 : call.error(ENOSPC)
  default: return variables.remove(.kernel, name) ? 0 : call.error(ENOENT)
  }
}

/// NAME=VALUE, each with its NUL, as many as fit; how many bytes all would take.
private func dump(_ call: Call) -> Int {
  guard let variables = NamedVariables() else { return call.error(ENOMEM) }
  defer { variables.unlock() }
  let room = call.address(2) == 0 ? 0 : max(Int(call.int32(3)), 0)
  let listing = variables.write(.kernel, from: 0, to: call.address(2), room, mark: UInt8(ascii: "="), call)
  return listing?.needed ?? call.error(EFAULT)
}
