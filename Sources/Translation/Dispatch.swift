import CEngine
import Wire

/// Runs the handler that a row names. A name without a case here has no handler yet and answers ENOSYS;
/// `HandlerName.isImplemented` tells the table checker.
func dispatch(_ name: HandlerName, _ call: inout Call) -> Int {
  switch name {
  default: return call.foreignError(Int(call.table.header.pointee.errno_unsupported))
  }
}
