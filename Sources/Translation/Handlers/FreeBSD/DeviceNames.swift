import CEngine
import CWire

// kern.devname, which devname(3) asks: the name under /dev of a character device by its number, which comes as the new
// value. Source: sysctl_devname() of kern/kern_conf.c.

func deviceName(_ request: inout SysctlRequest) -> Int {
  let call = request.call
  var number: UInt64 = 0
  switch request.newLength {
  // dev_t of before 12
  case 4:
    var short: UInt32 = 0
    guard call.read(&short, at: request.new) else { return call.error(EFAULT) }
    number = short == UInt32.max ? UInt64.max : UInt64(short)
  case 8: guard call.read(&number, at: request.new) else { return call.error(EFAULT) }
  default: return call.error(EINVAL)
  }
  if number == UInt64.max { return call.error(EINVAL) }
  // makedev(3) of Linux.
  let major = Int(number >> 8 & 0xfff)
  let minor = Int(number & 0xff | number >> 12 & 0xfff00)
  guard var path = ByteWriter(call, limit: 64), let name = call.scratch(128) else { return call.error(ENOMEM) }
  // UNIX98_PTY_SLAVE_MAJOR of linux/major.h: terminals that /sys does not list.
  if major == 136 {
    path.append("pts/")
    path.append(decimal: minor)
    path.append(0)
    request.put(path)
    return 0
  }
  path.append("/sys/dev/char/")
  path.append(decimal: major)
  path.append(":")
  path.append(decimal: minor)
  path.append("/uevent")
  path.append(0)
  var file = HostFile(call, UnsafeRawPointer(path.start))
  guard file.find("DEVNAME=") else { return call.error(ENOENT) }
  var length = 0
  while length < 127, let next = file.byte(), next != 0x0a {
    name.put(next, at: length)
    length += 1
  }
  name.put(UInt8(0), at: length)
  request.put(name, length + 1)
  return 0
}
