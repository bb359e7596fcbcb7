#!/bin/sh
# Builds the tutorial's program, and a folder of personalities that holds the tutorial's.
set -eu
cd "$(dirname "$0")/../.."

clang=${CLANG:-$(dirname "$(readlink -f "$(command -v swiftc)")")/clang}
out=build/samples/tinix
rm -rf "$out"
mkdir -p "$out/personalities"
cp -R samples/tinix/personality "$out/personalities/tinix"
cp -R personalities/linux "$out/personalities/linux"
"$clang" --target=x86_64-unknown-none-elf -O1 -Wall -Wextra -Werror -ffreestanding -fno-stack-protector \
  -nostdlib -static -fuse-ld=lld -o "$out/hello" samples/tinix/hello.c
