#!/usr/bin/env python3
"""pack.py PROGRAM.elf PROGRAM: writes a linked ELF program as a Plan 9 a.out for amd64 (sys/include/a.out.h)."""
import os
import struct
import sys

HEADER = 40
TEXT = 0x200000 + HEADER


def sections(image):
    """(address, size, bytes or None) of each section that is loaded."""
    table, = struct.unpack_from("<Q", image, 40)
    size, count = struct.unpack_from("<HH", image, 58)
    for index in range(count):
        kind, flags, address, offset, length = struct.unpack_from("<4xIQQQQ", image, table + index * size)
        if flags & 2 and length:
            yield address, length, None if kind == 8 else image[offset:offset + length]


def pack(image):
    loaded = sorted(sections(image))
    text, data, bss = bytearray(), bytearray(), 0
    end = max(address + length for address, length, _ in loaded if address < 0x400000)
    start = (end + 0x1fffff) & ~0x1fffff
    for address, length, content in loaded:
        part, base = (text, TEXT) if address < start else (data, start)
        if content is None:
            bss = max(bss, address + length - start)
        else:
            part.extend(bytes(address - base - len(part)) + content)
    entry, = struct.unpack_from("<Q", image, 24)
    bss = max(bss - len(data), 0)
    header = struct.pack(">8IQ", 0x8A97, len(text), len(data), bss, 0, entry, 0, 0, entry)
    return header + text + data


def main():
    with open(sys.argv[1], "rb") as file:
        program = pack(file.read())
    with open(sys.argv[2], "wb") as file:
        file.write(program)
    os.chmod(sys.argv[2], 0o755)


if __name__ == "__main__":
    main()
