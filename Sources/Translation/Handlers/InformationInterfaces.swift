import CEngine
import CWire
import Wire

func interfaceList(_ argument: MIB, _ request: inout SysctlRequest) -> Int {
  request.call.error(EINVAL)
}
