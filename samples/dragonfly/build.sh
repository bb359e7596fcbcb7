#!/bin/sh
# Builds samples/dragonfly/*.c (or the named ones) into build/samples/dragonfly with the Swift toolchain's clang.
set -eu
cd "$(dirname "$0")/../.."

if [ -z "${CLANG:-}" ]; then
  # A `swift` in PATH may be a launcher (swiftly's): ask it where its toolchain is.
  resources=$(swiftc -print-target-info | sed -n 's/.*"runtimeResourcePath": *"\(.*\)".*/\1/p')
  CLANG="$resources/../../bin/clang"
  [ -x "$CLANG" ] || CLANG=clang
fi

mkdir -p build/samples/dragonfly
[ $# -gt 0 ] || set -- samples/dragonfly/*.c
for source in "$@"; do
  target=build/samples/dragonfly/$(basename "$source" .c)
  if [ ! -e "$target" ] || [ "$source" -nt "$target" ] || [ samples/dragonfly/dragonfly.h -nt "$target" ]; then
    "$CLANG" --target=x86_64-unknown-dragonfly -fuse-ld=lld -nostdlib -static -ffreestanding -mno-red-zone -std=c17 -O1 -g0 \
      -fno-stack-protector -Wall -Wextra -Werror -Wno-unused-function -Wno-unused-parameter \
      -Wno-gnu-zero-variadic-macro-arguments -Wno-sign-compare -o "$target" "$source"
  fi
done
