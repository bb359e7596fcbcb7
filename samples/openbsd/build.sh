#!/bin/sh
# Builds samples/openbsd/*.c (or the named ones) into build/samples/openbsd with the Swift toolchain's clang.
set -eu
cd "$(dirname "$0")/../.."

if [ -z "${CLANG:-}" ]; then
  # A `swift` in PATH may be a launcher (swiftly's): ask it where its toolchain is.
  resources=$(swiftc -print-target-info | sed -n 's/.*"runtimeResourcePath": *"\(.*\)".*/\1/p')
  CLANG="$resources/../../bin/clang"
  [ -x "$CLANG" ] || CLANG=clang
fi

mkdir -p build/samples/openbsd
[ $# -gt 0 ] || set -- samples/openbsd/*.c
for source in "$@"; do
  target=build/samples/openbsd/$(basename "$source" .c)
  if [ ! -e "$target" ] || [ "$source" -nt "$target" ] || [ samples/openbsd/openbsd.h -nt "$target" ]; then
    "$CLANG" --target=x86_64-unknown-openbsd -fuse-ld=lld -nostdlib -static -ffreestanding -std=c17 -O1 -g0 \
      -fno-stack-protector -Wall -Wextra -Werror -Wno-unused-function -Wno-unused-parameter \
      -Wno-gnu-zero-variadic-macro-arguments -Wno-sign-compare -o "$target" "$source"
  fi
done
