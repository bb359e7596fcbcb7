#!/bin/sh
# Builds samples/openbsd/*.c, or the named ones, into build/samples/openbsd; without names also the dynamic program
# and its run-time linker, into build/samples/openbsd/dynamic.
set -eu
cd "$(dirname "$0")/../.."
sh samples/freestanding.sh openbsd x86_64-unknown-openbsd "" "$@"
[ $# -eq 0 ] || exit 0

folder=build/samples/openbsd/dynamic
mkdir -p $folder/root/usr/libexec
build() {
  target=$1 source=samples/openbsd/dynamic/$2
  shift 2
  [ ! -e "$target" ] || [ "$source" -nt "$target" ] || [ samples/openbsd/dynamic/calls.h -nt "$target" ] || return 0
  sh samples/freestanding.sh --compiler --target=x86_64-unknown-openbsd -fuse-ld=lld -nostdlib -ffreestanding -std=c17 \
    -O1 -fPIE -pie -fvisibility=hidden -fno-stack-protector -Wall -Wextra -Werror -Wno-deprecated-non-prototype \
    -Wno-unused-function "$@" -o "$target" "$source"
}
build $folder/root/usr/libexec/ld.so ld.so.c -Wl,--no-dynamic-linker -Wl,-z,norelro
build $folder/program program.c -Wl,--dynamic-linker,/usr/libexec/ld.so -Wl,--export-dynamic -Wl,--hash-style=sysv
