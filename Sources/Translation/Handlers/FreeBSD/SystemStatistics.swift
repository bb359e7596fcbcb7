import CEngine
import CWire
import Wire

// What vmstat(8), iostat(8) and swapinfo(8) ask of FreeBSD's kernel: sys/sys/{vmmeter,devicestat}.h, sys/vm/vm_param.h.

/// vm.vmtotal: struct vmtotal, in pages and threads.
func memoryTotals(_ request: inout SysctlRequest) -> Int {
  let call = request.call
  let size = call.table.size(.vmtotal)
  guard let memory = call.scratch(size) else { return call.error(ENOMEM) }
  clear(memory, size)
  let totals = Record(memory, call.table)
  // In the order of Linux's files.
  var file = HostFile(call, "/proc/meminfo")
  func pages(_ title: StaticString) -> UInt64 { UInt64(file.number(after: title)) / 4 }
  let all = pages("MemTotal:")
  let free = pages("MemFree:")
  totals[.vmtotal__t_rm] = all - free
  totals[.vmtotal__t_free] = free
  totals[.vmtotal__t_arm] = pages("Active:")
  let shared = pages("Shmem:")
  totals[.vmtotal__t_vmshr] = shared
  totals[.vmtotal__t_rmshr] = shared
  let committed = pages("Committed_AS:")
  totals[.vmtotal__t_vm] = committed
  totals[.vmtotal__t_avm] = committed
  var counts = HostFile(call, "/proc/stat")
  let running = counts.number(after: "procs_running ")
  let waiting = counts.number(after: "procs_blocked ")
  // "0.00 0.01 0.05 1/123 4567": behind the stroke, all threads.
  var load = HostFile(call, "/proc/loadavg")
  while let next = load.byte(), next != UInt8(ascii: "/") {}
  let threads = load.decimal() ?? 0
  totals[.vmtotal__t_rq] = UInt64(running)
  totals[.vmtotal__t_dw] = UInt64(waiting)
  totals[.vmtotal__t_sl] = UInt64(max(threads - running - waiting, 0))
  request.put(memory, size)
  return 0
}

/// vm.swap_info.N: struct xswdev of the Nth place to swap to; ENOENT behind the last.
func swapDevice(_ argument: MIB, _ request: inout SysctlRequest) -> Int {
  let call = request.call
  guard argument.count == 1 else { return call.error(EINVAL) }
  let size = call.table.size(.xswdev)
  guard let memory = call.scratch(size), let path = call.scratch(256), let status = call.scratch(144) else {
    return call.error(ENOMEM)
  }
  var file = HostFile(call, "/proc/swaps")
  file.skipLine()
  for _ in 0..<argument[0] { file.skipLine() }
  var length = 0
  while length < 255, let next = file.peek(), next > 0x20 {
    path.put(next, at: length)
    length += 1
    file.byte()
  }
  guard length > 0 else { return call.error(ENOENT) }
  path.put(UInt8(0), at: length)
  // The name, its kind, then kibibytes.
  file.skipWord()
  let (all, used) = (file.decimal() ?? 0, file.decimal() ?? 0)
  clear(memory, size)
  let device = Record(memory, call.table)
  device[.xswdev__xsw_version] = UInt64(call.table[.XSWDEV_VERSION])
  // NODEV, but of a device st_rdev.
  device[.xswdev__xsw_dev] = UInt64.max
  if quietly(__NR_stat, path.word, status.word) == 0, status.get(at: 24, as: UInt32.self) & 0o170000 == 0o060000 {
    device[.xswdev__xsw_dev] = status.get(at: 40, as: UInt64.self)
  }
  device[.xswdev__xsw_nblks] = UInt64(all / 4)
  device[.xswdev__xsw_used] = UInt64(used / 4)
  request.put(memory, size)
  return 0
}

/// kern.devstat.numdevs, and kern.devstat.all: a generation, then struct devstat of each disk that has been used.
func deviceCount(_ call: Call) -> Int64 {
  var count: Int64 = 0
  eachDisk(call) { _ in count += 1 }
  return count
}

func deviceStatistics(_ request: inout SysctlRequest) -> Int {
  let call = request.call
  let size = call.table.size(.devstat)
  guard let memory = call.scratch(size), let operations = call.table.layout(.devstat__operations),
    let bytes = call.table.layout(.devstat__bytes), let duration = call.table.layout(.devstat__duration),
    let busy = call.table.layout(.devstat__busy_time), let name = call.table.layout(.devstat__device_name)
  else { return call.error(ENOMEM) }
  var found = request
  found.put(Int64(1))
  var number: UInt64 = 0
  eachDisk(call) { disk in
    clear(memory, size)
    let device = Record(memory, call.table)
    device[.devstat__allocated] = 1
    device[.devstat__device_number] = number
    device[.devstat__unit_number] = UInt64(disk.unit)
    device[.devstat__block_size] = 512
    // DEVSTAT_PRIORITY_DISK; DEVSTAT_TYPE_DIRECT is 0.
    device[.devstat__priority] = 0x110
    for index in 0..<min(disk.length, name.width - 1) {
      memory.put(disk.name.get(at: index, as: UInt8.self), at: name.offset + index)
    }
    // DEVSTAT_READ 1, DEVSTAT_WRITE 2
    for kind in 1...2 {
      let counts = kind == 1 ? disk.reads : disk.writes
      memory.put(UInt64(counts.operations), at: operations.offset + 8 * kind)
      memory.put(UInt64(counts.sectors * 512), at: bytes.offset + 8 * kind)
      putBinaryTime(memory + duration.offset + 16 * kind, counts.milliseconds)
    }
    putBinaryTime(memory + busy.offset, disk.busy)
    device[.devstat__end_count] = UInt64(disk.reads.operations + disk.writes.operations)
    device[.devstat__start_count] = UInt64(disk.reads.operations + disk.writes.operations + disk.underWay)
    found.put(memory, size)
    number += 1
  }
  request = found
  return 0
}

/// struct bintime: seconds and fractions of 1/2^64 s.
private func putBinaryTime(_ place: UnsafeMutableRawPointer, _ milliseconds: Int) {
  place.put(Int64(milliseconds / 1000), at: 0)
  place.put(UInt64(milliseconds % 1000) * (UInt64.max / 1000), at: 8)
}

/// A line of Linux's /proc/diskstats (Documentation/admin-guide/iostats.rst).
private struct Disk {
  typealias Counts = (operations: Int, sectors: Int, milliseconds: Int)
  /// The name's beginning, as FreeBSD's drivers have one: of vda, vd; of nvme0n1, nvme0n.
  var name: UnsafeMutableRawPointer
  var length = 0
  var unit = 0
  var reads: Counts = (0, 0, 0)
  var writes: Counts = (0, 0, 0)
  var underWay = 0
  var busy = 0
}

private func eachDisk(_ call: Call, _ body: (Disk) -> Void) {
  guard let path = call.scratch(64) else { return }
  var file = HostFile(call, "/proc/diskstats")
  while let _ = file.decimal(), let _ = file.decimal() {
    var end = append(path, 0, "/sys/block/")
    var disk = Disk(name: path + end)
    file.byte()
    while end < 60, let next = file.peek(), next > 0x20 {
      path.put(next, at: end)
      disk.length += 1
      end += 1
      file.byte()
    }
    path.put(UInt8(0), at: end)
    func counts() -> Disk.Counts {
      let operations = file.decimal() ?? 0
      _ = file.decimal()
      let sectors = file.decimal() ?? 0
      return (operations, sectors, file.decimal() ?? 0)
    }
    disk.reads = counts()
    disk.writes = counts()
    disk.underWay = file.decimal() ?? 0
    disk.busy = file.decimal() ?? 0
    file.skipLine()
    // A partition has no folder of its own there.
    guard disk.reads.operations + disk.writes.operations > 0, quietly(__NR_access, path.word, 0) == 0 else { continue }
    split(&disk)
    body(disk)
  }
}

/// Takes the unit off a disk's name: the number at its end, or its last letter.
private func split(_ disk: inout Disk) {
  let last = disk.name.get(at: disk.length - 1, as: UInt8.self)
  if last >= 0x61 {
    disk.unit = Int(last - 0x61)
    disk.length -= 1
    return
  }
  var scale = 1
  while disk.length > 1, case let digit = disk.name.get(at: disk.length - 1, as: UInt8.self), 0x30...0x39 ~= digit {
    disk.unit += scale * Int(digit - 0x30)
    scale *= 10
    disk.length -= 1
  }
}
