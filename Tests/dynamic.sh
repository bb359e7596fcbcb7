#!/bin/sh
# Runs samples/openbsd/dynamic: a program with a run-time linker of its own under --root; output and status.
set -u
cd "$(dirname "$0")/.."
persona=${PERSONA:-$PWD/build/bin/persona}
sh samples/openbsd/build.sh || exit 1
folder=build/samples/openbsd/dynamic
timeout -k 5 30 "$persona" run --root $folder/root -- $folder/program >$folder/out 2>&1
status=$?
if [ $status != 0 ] || ! diff -u samples/openbsd/dynamic/program.out $folder/out; then
  echo "FAIL openbsd/dynamic: status $status"
  exit 1
fi
echo "ok   openbsd/dynamic"
