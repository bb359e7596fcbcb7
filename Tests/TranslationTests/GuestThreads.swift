import CEngine
import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// A further thread of the guest's process, which shares its kqueues and memory with its creator.
final class GuestThread {
  private var thread = pthread_t()

  private final class Start {
    let process: UnsafeMutablePointer<persona_process>
    let body: () -> Void
    init(_ body: @escaping () -> Void) {
      process = persona_current().pointee.process
      self.body = body
    }
  }

  init(_ body: @escaping () -> Void) {
    let start = Unmanaged.passRetained(Start(body)).toOpaque()
    pthread_create(
      &thread, nil,
      { argument in
        let start = Unmanaged<Start>.fromOpaque(argument!).takeRetainedValue()
        persona_current().pointee.process = start.process
        start.body()
        return nil
      }, start)
  }

  func join() { pthread_join(thread, nil) }
}

/// Milliseconds of CLOCK_MONOTONIC that `body` takes.
func milliseconds(_ body: () -> Void) -> Int {
  var start = timespec()
  var end = timespec()
  clock_gettime(CLOCK_MONOTONIC, &start)
  body()
  clock_gettime(CLOCK_MONOTONIC, &end)
  return (end.tv_sec - start.tv_sec) * 1000 + (end.tv_nsec - start.tv_nsec) / 1_000_000
}

/// Reports a `body` that takes less than `least` milliseconds, or far more.
func expectToLast(_ least: Int, _ body: () -> Void) {
  let took = milliseconds(body)
  #expect(took >= least && took < least + 2000)
}
