#!/bin/sh
# stepping.sh inject: a signal at every instruction of a patched call's way. stepping.sh count: how many those are.
# stepping.sh inject-logged: the same with the log on.
set -eu
cd "$(dirname "$0")/.."
work=build/stepping
mkdir -p "$work"
sh samples/freestanding.sh --compiler --target=x86_64-unknown-freebsd14 -fuse-ld=lld -nostdlib -static -ffreestanding \
  -std=c17 -O1 -g0 -fno-stack-protector -Wall -Wextra -Werror -Wno-unused-function -Wno-unused-parameter \
  -Wno-gnu-zero-variadic-macro-arguments -Wno-sign-compare -o "$work/guest" Tests/stepping/guest.c
gcc -O1 -Wall -Wextra -Werror -Wno-sign-compare -o "$work/tracer" Tests/stepping/tracer.c
case "$1" in
count)
    over=0
    timeout 120 "$work/tracer" count build/bin/persona run "$work/guest" || over=1
    timeout 120 "$work/tracer" count-logged build/bin/persona run --trace="$work/log" "$work/guest" || over=1
    exit $over ;;
inject-logged) exec timeout 600 "$work/tracer" inject build/bin/persona run --trace="$work/log" "$work/guest" ;;
*) exec timeout 120 "$work/tracer" "$1" build/bin/persona run "$work/guest" ;;
esac
