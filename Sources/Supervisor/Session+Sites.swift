import CHost
import CWire
import CallAnalysis
import Glibc

extension Session {
  /// Tells the engine what it may do at a call site.
  func answerSite(_ request: seccomp_notif, _ address: UInt64) {
    var site = persona_site()
    let pid = pid_t(request.pid)
    let size = MemoryLayout<persona_site>.size
    var result = withUnsafeMutableBytes(of: &site) { persona_read_memory(pid, address, $0.baseAddress!, size) }
    guard result == 0 else { return respond(request, Int64(result)) }
    let code = examine(&site, pid)
    if site.place > 0, site.length > 0 {
      decided?.addSite(site.address, code.suffix(Int(site.length) + 2), place: Int(site.place) - 1)
    }
    result = withUnsafeBytes(of: &site) { persona_write_memory(pid, address, $0.baseAddress!, size) }
    respond(request, Int64(result))
  }

  /// Answers the code up to the end of the call.
  private func examine(_ site: inout persona_site, _ pid: pid_t) -> [UInt8] {
    let map = AddressSpace(pid)
    guard let text = map.mapping(at: site.address), text.isPrivateText, text.isFile || site.is_known != 0 else { return [] }
    // The page before may be a copy with a jump; it is text all the same.
    let start = max(site.address - min(site.address, UInt64(PatchSite.reach)), map.textStart(before: text))
    var code = [UInt8](repeating: 0, count: Int(site.address - start) + 2)
    let result = code.withUnsafeMutableBytes { persona_read_memory(pid, start, $0.baseAddress!, $0.count) }
    guard result == 0, code.suffix(2) == [0x0f, 0x05], let length = callSites.length(before: code.dropLast(2)) else { return [] }
    site.length = UInt32(length)
    site.stub_page = map.freePage(near: text) ?? 0
    return code
  }
}
