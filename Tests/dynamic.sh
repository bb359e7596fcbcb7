#!/bin/sh
# Runs dynamic programs with run-time linkers of their own under --root; output and status: samples/openbsd/dynamic, and
# samples/freebsd/dynamic, whose program zig links for FreeBSD, as of several releases, position-independent and not.
set -u
cd "$(dirname "$0")/.."
persona=${PERSONA:-$PWD/build/bin/persona}
failed=0

# run SYSTEM OPTIONS… PROGRAM ARGUMENTS…: WANTED is its status, EXPECTED its output.
run() {
  timeout -k 5 30 "$persona" run "$@" >"$folder/out" 2>&1 </dev/null
  status=$?
  if [ $status = $wanted ] && diff -u "$expected" "$folder/out"; then
    echo "ok   $title"
  else
    echo "FAIL $title: status $status"
    failed=1
  fi
}

sh samples/openbsd/build.sh || exit 1
folder=build/samples/openbsd/dynamic wanted=0 expected=samples/openbsd/dynamic/program.out title=openbsd/dynamic
run --root $folder/root -- $folder/program

# The tools' Zig, or what PERSONA_ZIG names, with the system's headers beside it.
zig=${PERSONA_ZIG:-$PWD/build/tools/site/ziglang/zig}
if [ ! -x "$zig" ]; then
  echo "FAIL freebsd/dynamic: no $zig; 'make tools' brings it"
  exit 1
fi
headers=$(dirname "$zig")/lib/libc/include
export ZIG_GLOBAL_CACHE_DIR="$PWD/build/zig-cache" ZIG_LOCAL_CACHE_DIR="$PWD/build/zig-cache"
source=samples/freebsd/dynamic folder=build/samples/freebsd/dynamic
tree=$folder/root
if [ ! -e $folder/built ] || [ -n "$(find $source Tests/dynamic.sh -newer $folder/built)" ]; then
  rm -rf $folder
  mkdir -p $tree/libexec $tree/lib $tree/usr/lib $tree/bin
  sh samples/freestanding.sh --compiler --target=x86_64-unknown-freebsd14 -isystem "$headers/x86_64-freebsd-none" \
    -isystem "$headers/generic-freebsd" -fuse-ld=lld -nostdlib -ffreestanding -std=c17 -O1 -fPIE -pie \
    -fvisibility=hidden -fno-stack-protector -Wall -Wextra -Werror -Wno-gnu-zero-variadic-macro-arguments \
    -Wl,--no-dynamic-linker -Wl,-z,norelro -o $tree/libexec/ld-elf.so.1 $source/linker.c || exit 1
  sh samples/freestanding.sh --compiler --target=x86_64-unknown-freebsd14 -fuse-ld=lld -nostdlib -static -ffreestanding -std=c17 \
    -O1 -fno-stack-protector -Wno-gnu-zero-variadic-macro-arguments -o $tree/bin/repeat $source/repeat.c || exit 1
  compile() { "$zig" cc -target x86_64-freebsd -O1 -fno-builtin -fno-stack-protector -fno-sanitize=all -Wl,--hash-style=both "$@" || exit 1; }
  compile -nostdlib -shared -fPIC -Wl,-soname,libc.so.7 -o $tree/lib/libc.so.7 $source/library.c
  compile -nostdlib -shared -fPIC -Wl,-soname,plugin.so -o $tree/usr/lib/plugin.so $source/plugin.c
  set -- -Wl,--export-dynamic '-Wl,-rpath,$ORIGIN/../usr/lib' $source/program.c $tree/lib/libc.so.7
  compile -fPIE -pie -o $tree/bin/program "$@"
  compile -fno-PIE -no-pie -o $tree/bin/fixed "$@"
  # Persona remembers files that are two seconds old.
  sleep 3
  touch $folder/built
fi
for release in 10.1 12.0 13.1 14.0; do
  for program in program fixed; do
    wanted=3 expected=$source/$release.out title="freebsd/dynamic as of $release, $program"
    run --as freebsd:$release --root $tree -- /bin/$program x
  done
done

# Executed again and again, a program gets its linker's calls as jumps, and all else is as ever.
{
  timeout -k 5 60 "$persona" run --root $tree -- /bin/repeat /bin/program x
} </dev/null >$folder/all 2>&1
grep -e "^the linker's calls" -e '^some of' -e '^ended' $folder/all >$folder/out
grep -v -e "^the linker's calls" -e '^ended' $folder/all | sort | uniq -c | awk '{ print $1 % 4 }' | sort | uniq -c >>$folder/out
if diff -u $source/repeat.out $folder/out; then
  echo "ok   freebsd/dynamic again and again"
else
  echo "FAIL freebsd/dynamic again and again"
  failed=1
fi

# Roots that are broken: one error each. Whoever may look into everything is nobody for the last.
broken=$folder/broken
break_root() {
  rm -rf $broken
  cp -R $tree $broken
  "$@"
  echo "$*" | sed "s,$folder/,,g"
  timeout -k 5 30 $as "$persona" run --root $broken -- /bin/program x 2>&1 </dev/null | grep '^persona: '
}
cut() { head -c "$2" "$1" >"$1.cut" && mv "$1.cut" "$1" && chmod 755 "$1"; }
as=""
{
  break_root rm $broken/libexec/ld-elf.so.1
  break_root cut $broken/libexec/ld-elf.so.1 0
  break_root cut $broken/libexec/ld-elf.so.1 900
  break_root chmod 644 $broken/libexec/ld-elf.so.1
  break_root cp /bin/true $broken/libexec/ld-elf.so.1
  [ "$(id -u)" != 0 ] || as="setpriv --reuid 65534 --regid 65534 --clear-groups"
  break_root chmod 600 $broken
} 2>&1 | sed "s,$PWD/,,g; s/needs [0-9]* bytes/needs N bytes/; s/at byte [0-9]*/at byte N/" >$folder/out
chmod 700 $broken
if diff -u $source/broken.out $folder/out; then
  echo "ok   broken roots"
else
  echo "FAIL broken roots"
  failed=1
fi

# Roots that the user keeps.
export XDG_DATA_HOME="$PWD/$folder/data"
rm -rf "$XDG_DATA_HOME" $folder/half $folder/typed
mkdir -p $folder/half/lib $tree/usr/include
printf '#undef __FreeBSD_version\n#define __FreeBSD_version 1400097\n' >$tree/usr/include/osreldate.h
tar cJf $folder/base.txz -C $tree . && tar cf $folder/half.tar -C $folder/half . && printf 'no archive' >$folder/bad.txz
cp $tree/bin/program $folder/elsewhere
mkdir -p "$XDG_DATA_HOME/persona/roots/.partial-freebsd-999999999/lib"
mkfifo $folder/typed
{
  "$persona" root add freebsd $folder/base.txz
  "$persona" root add freebsd $folder/base.txz
  "$persona" root add freebsd-13.2 $tree
  "$persona" root add freebsd-half $folder/half.tar
  "$persona" root add freebsd-bad $folder/bad.txz 2>&1 | grep -v -e '^tar: ' -e '^xz: '
  timeout -s INT 0.3 "$persona" root add freebsd-typed $folder/typed
  "$persona" root add nosuch $tree
  "$persona" root add freebsd- $tree
  "$persona" root list
  "$persona" run --root freebsd-13.2 -- /bin/program x | tail -1
  "$persona" run -- $folder/elsewhere x | grep 'data of a library'
  "$persona" root remove freebsd
  "$persona" root remove freebsd
  "$persona" run -- $folder/elsewhere x | grep 'data of a library'
  "$persona" root remove freebsd-13.2
  cp -R $tree $folder/gone
  "$persona" root add freebsd-gone $folder/gone
  rm -rf $folder/gone
  "$persona" root list
  "$persona" root remove freebsd-gone
  "$persona" run -- $folder/elsewhere x
  rm $tree/usr/include/osreldate.h
  "$persona" root add freebsd-bare $tree
  "$persona" root list
  "$persona" root remove freebsd-bare
  ls -A "$XDG_DATA_HOME/persona/roots"
} 2>&1 | sed "s,$PWD/,,g; s/one of: .*/one of: …/" >$folder/out
if diff -u samples/freebsd/dynamic/roots.out $folder/out; then
  echo "ok   kept roots"
else
  echo "FAIL kept roots"
  failed=1
fi
[ $failed = 0 ]
