#!/bin/sh
# Runs samples/freebsd/roots under --root and --chroot in a tree with links of every kind: output, status, and what was
# made where.
set -u
cd "$(dirname "$0")/.."
persona=${PERSONA:-$PWD/build/bin/persona}
source=samples/freebsd/roots
folder=$PWD/build/samples/freebsd/roots
tree=$folder/tree host=$folder/host
failed=0

lay_out() {
  rm -rf "$tree" "$host"
  mkdir -p "$tree/etc" "$tree/bin" "$tree/dev" "$tree/inner" "$tree/usr/bin" "$host"
  cp "$folder/program" "$tree/bin/program"
  cp "$folder/program" "$tree/bin/again"
  printf '#!/bin/again\n' >"$tree/bin/script"
  chmod 755 "$tree/bin/script"
  echo "of the tree" >"$tree/etc/name"
  : >"$tree/usr/bin/sh"
  echo "of the host" >"$host/name"
  echo "within" >"$tree/inner/name"
  ln -s /etc/name "$tree/etc/absolute"
  ln -s name "$tree/etc/relative"
  ln -s ../../../../../../etc/name "$tree/etc/upwards"
  ln -s /nothing "$tree/etc/dangling"
  ln -s loop "$tree/etc/loop"
  ln -s "$host/name" "$tree/etc/outward"
  ln -s "../../../../../../..$host/name" "$tree/etc/upoutward"
  ln -s "$host" "$tree/etc/hostfolder"
  ln -s /inner "$tree/folder"
}

run() {
  option=$1 mode=$2
  lay_out
  (cd "$host" && timeout -k 5 60 "$persona" run "$option" "$tree" -- /bin/program $mode "$host" >"$folder/out" 2>&1 </dev/null)
  status=$?
  (cd "$folder" && find tree host | LC_ALL=C sort) >>"$folder/out"
  if [ "$status" = 0 ] && diff -u "$source/$mode.out" "$folder/out"; then
    echo "ok   freebsd/roots $mode"
  else
    echo "FAIL freebsd/roots $mode: status $status"
    failed=1
  fi
}

mkdir -p "$folder"
if [ ! -e "$folder/program" ] || [ -n "$(find $source samples/freebsd/freebsd.h samples/sample.h -newer "$folder/program")" ]; then
  sh samples/freestanding.sh --compiler --target=x86_64-unknown-freebsd14 -fuse-ld=lld -nostdlib -static -ffreestanding \
    -std=c17 -O1 -fno-stack-protector -Wall -Wextra -Werror -Wno-unused-function -Wno-unused-parameter \
    -Wno-gnu-zero-variadic-macro-arguments -Wno-sign-compare -o "$folder/program" "$source/program.c" || exit 1
fi
run --root overlay
run --chroot confined

# A log's place is the user's, whatever becomes of the current folder.
lay_out
(cd "$host" && "$persona" run --trace=log --chroot "$tree" -- /bin/again >/dev/null 2>&1)
if [ -s "$host/log" ] && [ ! -e "$tree/log" ]; then
  echo "ok   the log of a confined program"
else
  echo "FAIL the log of a confined program"
  failed=1
fi
[ "$failed" = 0 ]
