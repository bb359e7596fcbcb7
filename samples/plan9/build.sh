#!/bin/sh
# Builds samples/plan9/*.c, or the named ones, into build/samples/plan9.
set -eu
cd "$(dirname "$0")/../.."
sh samples/freestanding.sh plan9 x86_64-unknown-none-elf "-fno-pic -mcmodel=small -Wl,-T,samples/plan9/plan9.ld" "$@"
for program in build/samples/plan9/*; do
  # An ELF program has not been packed yet.
  if [ "$(head -c 4 "$program" | od -An -tx1 | tr -d ' ')" = 7f454c46 ]; then
    mv "$program" "$program.elf"
    python3 samples/plan9/pack.py "$program.elf" "$program"
    rm "$program.elf"
  fi
done
