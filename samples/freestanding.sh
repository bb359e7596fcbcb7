#!/bin/sh
# freestanding.sh SYSTEM TARGET FLAGS [SOURCE…]: builds samples/SYSTEM/*.c (or the named ones) into
# build/samples/SYSTEM with the Swift toolchain's clang. freestanding.sh --compiler ARGUMENT… runs that clang.
set -eu
cd "$(dirname "$0")/.."

if [ -z "${CLANG:-}" ]; then
  # A `swift` in PATH may be a launcher (swiftly's): ask it where its toolchain is.
  resources=$(swiftc -print-target-info | sed -n 's/.*"runtimeResourcePath": *"\(.*\)".*/\1/p')
  CLANG="$resources/../../bin/clang"
  [ -x "$CLANG" ] || CLANG=clang
fi

if [ "$1" = --compiler ]; then
  shift
  exec "$CLANG" "$@"
fi

system=$1 triple=$2 flags=$3
shift 3
mkdir -p "build/samples/$system"
[ $# -gt 0 ] || set -- "samples/$system"/*.c
for source in "$@"; do
  target=build/samples/$system/$(basename "$source" .c)
  if [ ! -e "$target" ] || [ "$source" -nt "$target" ] || [ "samples/$system/$system.h" -nt "$target" ] ||
    [ samples/sample.h -nt "$target" ]; then
    "$CLANG" --target="$triple" -fuse-ld=lld -nostdlib -static -ffreestanding -std=c17 -O1 -g0 $flags \
      -fno-stack-protector -Wall -Wextra -Werror -Wno-unused-function -Wno-unused-parameter \
      -Wno-gnu-zero-variadic-macro-arguments -Wno-sign-compare -o "$target" "$source"
  fi
done
