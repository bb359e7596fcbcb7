import PersonalityTables

/// Why a call failed, where the tables tell.
extension CallWriter {
  /// The reason that stands in its row; or in what refuses the variable, request, option, flag or value that it asks for.
  func writeReason(_ call: LoggedCall, behind opening: StaticString = "") -> Bool {
    guard let index = foreign.call(Int(call.number)) else { return false }
    let form = foreign.calls[index]
    if let reason = form.reason {
      text.append(opening)
      foreign.append(reason, to: text)
      return true
    }
    let told: String?
    switch form.special {
    case .sysctl: told = refusedVariable(call, form)?.reason
    case .ioctl: told = reason(of: foreign.personality.ioctl(call.arguments[1] & 0xffff_ffff)?.action, call)
    case .socketOption: told = reason(of: option(call)?.action, call)
    default: told = nil
    }
    if let told {
      text.append(opening)
      text.append(string: told)
      return true
    }
    guard case .error(let errno) = call.end else { return false }
    for position in form.arguments.indices where form.arguments[position].form == .value {
      let value = form.arguments[position].value
      guard value.kind == .map, let reason = foreign.maps[value.index].reason(call.arguments[position], errno) else {
        continue
      }
      text.append(opening)
      foreign.append(reason, to: text)
      return true
    }
    return false
  }

  private func reason(of action: RequestAction?, _ call: LoggedCall) -> String? {
    guard case .unsupported(let errno, let reason)? = action, case .error(let number) = call.end,
      foreign.bytes(foreign.errno(number)).elementsEqual(errno.utf8)
    else { return nil }
    return reason
  }

  private func option(_ call: LoggedCall) -> SocketOption? {
    foreign.personality.socketOption(
      level: UInt32(truncatingIfNeeded: call.arguments[1]), name: UInt32(truncatingIfNeeded: call.arguments[2]))
  }

  /// The variable of this name that the host has no value for: the name is the call's own, or what it asks the numbers of
  /// (sysctlnametomib(3), by the variable {0, 3}).
  func refusedVariable(_ call: LoggedCall, _ form: Vocabulary.Call) -> RefusedControl? {
    guard !foreign.personality.refusedSysctls.isEmpty, let first = call.entry[0], !first.isFault else { return nil }
    var name = first.bytes
    if form.arguments[0].form == .pointer {
      guard name.count == 8, name.loadUnaligned(as: UInt64.self) == 3 << 32, let asked = call.entry[4], !asked.isFault else {
        return nil
      }
      name = asked.bytes
    }
    return foreign.personality.refusedSysctl(named: String(decoding: name.prefix { $0 != 0 }, as: UTF8.self))
  }
}
