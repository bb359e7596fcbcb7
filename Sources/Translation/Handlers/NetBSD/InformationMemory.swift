import CEngine
import CWire
import Wire

/// vm.uvmexp2: struct uvmexp_sysctl (uvm/uvm_extern.h), as far as Linux counts what it tells; in pages.
func memoryStatistics(_ request: inout SysctlRequest) -> Int {
  let call = request.call
  let size = call.table.size(.uvmexp_sysctl)
  guard let memory = call.scratch(size) else { return call.error(ENOMEM) }
  clear(memory, size)
  let record = Record(memory, call.table)
  record[.uvmexp_sysctl__pagesize] = 4096
  record[.uvmexp_sysctl__pagemask] = 4095
  record[.uvmexp_sysctl__pageshift] = 12
  // In the order of Linux's /proc/meminfo.
  var file = HostFile(call, "/proc/meminfo")
  func pages(_ title: StaticString) -> UInt64 { UInt64(file.number(after: title)) / 4 }
  record[.uvmexp_sysctl__npages] = pages("MemTotal:")
  record[.uvmexp_sysctl__free] = pages("MemFree:")
  record[.uvmexp_sysctl__filepages] = pages("Cached:")
  record[.uvmexp_sysctl__active] = pages("Active:")
  record[.uvmexp_sysctl__inactive] = pages("Inactive:")
  record[.uvmexp_sysctl__wired] = pages("Unevictable:")
  let swap = pages("SwapTotal:")
  record[.uvmexp_sysctl__swpages] = swap
  record[.uvmexp_sysctl__swpginuse] = swap &- pages("SwapFree:")
  record[.uvmexp_sysctl__nswapdev] = swap > 0 ? 1 : 0
  record[.uvmexp_sysctl__anonpages] = pages("AnonPages:")
  var counts = HostFile(call, "/proc/stat")
  func count(_ title: StaticString) -> UInt64 { UInt64(counts.number(after: title)) }
  record[.uvmexp_sysctl__intrs] = count("intr ")
  record[.uvmexp_sysctl__swtch] = count("ctxt ")
  record[.uvmexp_sysctl__forks] = count("processes ")
  request.put(memory, size)
  return 0
}
