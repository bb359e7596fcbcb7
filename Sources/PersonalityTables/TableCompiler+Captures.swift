import CWire
import Wire

/// What the log keeps of the memory behind a call's arguments, so that the engine need not find it out at each call.
extension TableCompiler {
  private static let limit = Int(PERSONA_LOG_CAPTURE_LIMIT)
  private static let head = MemoryLayout<persona_log_capture>.stride

  /// Sets `shown` of the row's arguments, and the room that their captures may take.
  mutating func planCaptures(_ wire: inout persona_call) {
    let handler = wire.kind == UInt8(PERSONA_CALL_HANDLER.rawValue) ? HandlerName(rawValue: wire.target) : nil
    let special = TableCompiler.logSpecial(wire, handler)
    wire.log_special = UInt8(special.rawValue)
    var (before, after) = (0, 0)
    for index in 0..<min(Int(wire.argument_count), maximumArguments) {
      let place = Int(wire.arguments) + index
      let shown = shown(arguments[place], index, handler)
      arguments[place].shown = UInt16(shown)
      let room = TableCompiler.head + (shown + 7) & ~7
      switch UInt32(arguments[place].class_) {
      case PERSONA_ARG_VALUE.rawValue where special == PERSONA_LOG_HIDDEN, PERSONA_ARG_UNION.rawValue:
        before += room
        after += room
      case PERSONA_ARG_VALUE.rawValue: break
      default:
        if arguments[place].direction & UInt8(PERSONA_IN.rawValue) != 0 { before += room }
        if arguments[place].direction & UInt8(PERSONA_OUT.rawValue) != 0 { after += room }
      }
    }
    if special == PERSONA_LOG_NESTED {
      let pieces = Int(PERSONA_NESTED_VECTOR.rawValue - PERSONA_NESTED_DATA.rawValue)
      let room = pieces * (TableCompiler.head + Int(PERSONA_LOG_BUFFER_LIMIT) + 16) + 2 * TableCompiler.head + 128
      before += room
      after += room
    }
    wire.in_room = UInt16(clamping: before)
    wire.out_room = UInt16(clamping: after)
  }

  private static func logSpecial(_ wire: persona_call, _ handler: HandlerName?) -> persona_log_special {
    if wire.kind == UInt8(PERSONA_CALL_TRANSLATE.rawValue), wire.argument_count > 1 {
      // readv, writev, preadv and pwritev of asm/unistd_64.h.
      return [19, 20, 295, 296].contains(wire.target) ? PERSONA_LOG_NESTED : PERSONA_LOG_PLAIN
    }
    switch handler {
    case .sendmsg, .recvmsg: return wire.argument_count > 1 ? PERSONA_LOG_NESTED : PERSONA_LOG_PLAIN
    case .ioctl, .userMutex, .select, .pselect: return PERSONA_LOG_HIDDEN
    default: return PERSONA_LOG_PLAIN
    }
  }

  /// Plain bytes are data, of which the log shows the beginning; a socket address and directory entries,
  /// which are bytes too, and anything else is worth its whole length.
  private func shown(_ argument: persona_argument, _ index: Int, _ handler: HandlerName?) -> Int {
    switch UInt32(argument.class_) {
    case PERSONA_ARG_MEMORY.rawValue: break
    default: return TableCompiler.limit
    }
    let isConstant = argument.count_kind == UInt8(PERSONA_COUNT_CONSTANT.rawValue)
    if isConstant { return min(Int(argument.count) * Int(argument.element_size), TableCompiler.limit) }
    if argument.element_size != 1 || argument.is_set != 0 { return TableCompiler.limit }
    switch handler {
    case .bind, .bindat, .connect, .connectat, .accept, .accept4, .getsockname, .getpeername: return 128
    case .sendto, .recvfrom: if index == 4 { return 128 }
    case .getdirentries, .getdirentriesWithBase, .cpusetGetAffinity, .cpusetSetAffinity: return TableCompiler.limit
    default: break
    }
    return Int(PERSONA_LOG_BUFFER_LIMIT)
  }
}
