import CEngine

// Requests that pledge(2) allows for a kind of device: tapes, sound, disks, cameras and terminals' masters, as far as
// Linux has devices of the kind. bpf(4), pf(4), vmm(4), drm(4) and /dev/diskmap have none that speak OpenBSD's requests, so that
// nothing is one. Source: pledge_ioctl() of sys/kern/kern_pledge.c; numbers of sys/{mtio,audioio,dkio,disklabel,videoio,
// ttycom}.h and dev/biovar.h; Linux's majors of Documentation/admin-guide/devices.txt.

/// A device as Linux's fstat tells of it.
private struct Device {
  let isCharacter: Bool
  let isBlock: Bool
  let major: Int
  let minor: Int
}

/// Majors of Linux's character devices.
private enum Major {
  static let masters = 5
  static let openSound = 14
  static let video = 81
  static let sound = 116
}

extension Call {
  /// Whether a promise about a kind of device allows the request; nil where the request is for none. `answer` receives
  /// an error that is no breach.
  func allowsDevice(_ request: UInt32, _ answer: inout Int?) -> Bool? {
    func made(_ promise: UInt64) -> Bool { promises & promise == promise }
    switch request {
    case 0x4020_6d02, 0x8008_6d01:  // MTIOCGET, MTIOCTOP: of anything but a terminal
      guard made(Promise.tapes), let device = device(), device.isCharacter else { return false }
      if isTerminal(words[0]) { answer = error(ENOTTY) }
      return true
    case 0x4030_411b, 0x4010_4123, 0x4040_4124, 0xc040_4125, 0x2000_4126, 0x2000_4127, 0xc32c_4d02, 0xc014_4d00,
      // AUDIO_: GETDEV GETPOS GETPAR SETPAR START STOP MIXER_DEVINFO MIXER_READ MIXER_WRITE
      0xc014_4d01:
      guard made(Promise.sound), let device = device(), device.isCharacter else { return false }
      return device.major == Major.sound || device.major == Major.openSound
    case 0x4494_6465, 0x4494_6472, 0x2000_6473, 0x8494_6467:  // DIOCGDINFO DIOCGPDINFO DIOCRLDINFO DIOCWDINFO
      return made(Promise.disks) && device()?.isBlock == true
    case 0x4028_7401, 0x8004_7466:  // PTMGET, TIOCUCNTL
      guard made(Promise.terminal | Promise.readPath | Promise.writePath), let device = device() else { return false }
      return device.isCharacter && device.major == Major.masters && device.minor == 2
    default: break
    }
    let number = request & 0xff
    switch UInt8(truncatingIfNeeded: request >> 8) {
    case UInt8(ascii: "B") where request >> 30 == 3:  // BIOCINQ BIOCDISK BIOCVOL BIOCINSTALLBOOT
      guard 32...34 ~= number || number == 41 else { return nil }
      return made(Promise.disks) && device()?.isBlock == true
    case UInt8(ascii: "V"):
      guard isVideo(number) else { return nil }
      return made(Promise.video) && device().map { $0.isCharacter && $0.major == Major.video } == true
    default: return nil
    }
  }

  /// VIDIOC_*: QUERYCAP ENUM_FMT G_FMT S_FMT REQBUFS QUERYBUF QBUF EXPBUF DQBUF STREAMON STREAMOFF G_PARM S_PARM G_CTRL
  /// S_CTRL QUERYCTRL QUERYMENU G_CROP TRY_FMT G_EXT_CTRLS S_EXT_CTRLS ENUM_FRAMESIZES ENUM_FRAMEINTERVALS ENCODER_CMD
  /// TRY_ENCODER_CMD DQEVENT SUBSCRIBE_EVENT G_SELECTION S_SELECTION TRY_DECODER_CMD.
  private func isVideo(_ number: UInt32) -> Bool {
    switch number {
    case 0, 2, 4, 5, 8, 9, 15...19, 21, 22, 27, 28, 36, 37, 59, 64, 71, 72, 74, 75, 77, 78, 89, 90, 94, 95, 97: true
    default: false
    }
  }

  private func device() -> Device? {
    guard let status = scratch(144) else { return nil }
    let descriptor = Int(Int32(truncatingIfNeeded: words[0]))
    guard hostNow(__NR_fstat, descriptor, status.word) == 0 else { return nil }
    let type = status.load(fromByteOffset: 24, as: UInt32.self) & 0o170000
    let number = status.load(fromByteOffset: 40, as: UInt64.self)
    return Device(
      isCharacter: type == 0o020000, isBlock: type == 0o060000,
      major: Int(number >> 8 & 0xfff | number >> 32 & 0xffff_f000), minor: Int(number & 0xff | number >> 12 & 0xffff_ff00))
  }
}
