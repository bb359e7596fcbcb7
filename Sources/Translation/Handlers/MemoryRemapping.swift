import CEngine
import CWire

/// mremap(old_address, old_size, new_address, new_size, flags): MAP_REMAPDUP (4) leaves the old mapping, MAP_FIXED
/// (0x10) replaces what is at the new address; without it the new address is a wish.
func remapMemory(_ call: inout Call) -> Int {
  let (duplicates, fixed): (UInt32, UInt32) = (0x4, 0x10)
  let flags = call.uint32(4)
  // The high byte asks for an alignment.
  guard flags & ~(duplicates | fixed) == 0 else { return call.error(EINVAL) }
  let (old, new) = (PageRange(call.address(0), call.unsigned(1)), PageRange(call.address(2), call.unsigned(3)))
  guard call.unsigned(3) > 0, call.unsigned(1) > 0, let old, old.isGuest else { return call.error(EINVAL) }
  guard call.address(0) & 4095 == 0 else { return call.error(EINVAL) }
  var native = 1  // MREMAP_MAYMOVE
  var place = 0
  if flags & fixed != 0 {
    guard let new, new.isGuest, call.address(2) & 4095 == 0 else { return call.error(EINVAL) }
    native |= 2  // MREMAP_FIXED
    place = call[2]
  }
  // Linux duplicates what is shared, when the old size is 0.
  let size = flags & duplicates != 0 ? 0 : call[1]
  return call.hostNow(__NR_mremap, call[0], size, call[3], native, place)
}
