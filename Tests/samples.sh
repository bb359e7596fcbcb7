#!/bin/sh
# Builds the samples of each system, runs each under Persona and compares output, status and call log with what is
# expected beside its source: NAME.out, NAME.status (0 if there is none), NAME.log (not compared if there is none).
# `Tests/samples.sh --record SYSTEM/NAME…` writes the expected log of samples whose output is right.
set -u
cd "$(dirname "$0")/.."
# Logs show descriptors: a sample has the standard three, whatever else this script was started with.
if [ "${1:-}" != --closed ]; then
  exec python3 -c 'import os, sys; os.closerange(3, os.sysconf("SC_OPEN_MAX")); os.execvp("sh", sys.argv[1:])' \
    sh Tests/samples.sh --closed "$@"
fi
shift

persona=${PERSONA:-$PWD/build/bin/persona}
work=$PWD/build/samples/run
filter=$PWD/Tests/steady-log.py
record=no
if [ "${1:-}" = --record ]; then
  record=yes
  shift
fi
for builder in samples/*/build.sh; do
  sh "$builder" || exit 1
done
[ $# -gt 0 ] || set -- $(find samples -mindepth 2 -maxdepth 2 -name '*.c' | sed 's,^samples/,,; s,\.c$,,' | grep -v '^go/' | sort)

passed=0 failed=0
for sample in "$@"; do
  name=${sample##*/}
  expected=$PWD/samples/${sample%/*}
  programs=$PWD/build/samples/${sample%/*}
  rm -rf "$work"
  mkdir -p "$work/folder"
  problem=""
  wanted=0
  [ -e "$expected/$name.status" ] && wanted=$(cat "$expected/$name.status")
  options=""
  [ -d "$expected/personality" ] && options="--personalities $programs/personalities --as ${sample%/*}"
  (cd "$work/folder" && COLOUR=none timeout -k 5 60 "$persona" run $options -- "$programs/$name" \
    >"$work/out" 2>"$work/errors" </dev/null)
  status=$?
  [ "$status" = "$wanted" ] || problem="status $status, expected $wanted;"
  if [ ! -e "$expected/$name.out" ]; then
    problem="$problem no $name.out;"
    grep -e ', not ' -e ': NO$' "$work/out"
  elif ! diff -u "$expected/$name.out" "$work/out" >"$work/difference"; then
    problem="$problem output differs (- expected, + got);"
    sed -n '3,$p' "$work/difference" | grep '^[-+]' | head -n 20
  fi
  if [ -s "$work/errors" ]; then
    problem="$problem error output;"
    head -n 5 "$work/errors"
  fi
  if [ -z "$problem" ] && { [ -e "$expected/$name.log" ] || [ "$record" = yes ]; }; then
    rm -rf "$work/folder"
    mkdir -p "$work/folder"
    (cd "$work/folder" && timeout -k 5 60 "$persona" run $options --trace="$work/trace" -- "$programs/$name" \
      >"$work/out" 2>"$work/errors" </dev/null)
    python3 "$filter" "$work" <"$work/trace" >"$work/log"
    [ "$record" = yes ] && cp "$work/log" "$expected/$name.log"
    if ! diff -u "$expected/$name.log" "$work/log" >"$work/difference"; then
      problem="$problem log differs (- expected, + got);"
      sed -n '3,$p' "$work/difference" | grep '^[-+]' | head -n 20
    fi
  fi
  # As of other releases: NAME.RELEASE.out.
  for other in "$expected/$name".*.out; do
    [ -z "$problem" ] && [ -e "$other" ] || continue
    release=${other%.out}
    release=${release#"$expected/$name."}
    rm -rf "$work/folder"
    mkdir -p "$work/folder"
    (cd "$work/folder" && timeout -k 5 60 "$persona" run --as "${sample%/*}:$release" -- "$programs/$name" \
      >"$work/out" 2>&1 </dev/null)
    status=$?
    if ! diff -u "$other" "$work/out" >"$work/difference" || [ "$status" != "$wanted" ]; then
      problem="as of $release: status $status, or output differs (- expected, + got);"
      sed -n '3,$p' "$work/difference" | grep '^[-+]' | head -n 20
    fi
  done
  if [ -z "$problem" ]; then
    passed=$((passed + 1))
    echo "ok   $sample"
  else
    failed=$((failed + 1))
    echo "FAIL $sample: $problem"
  fi
done
rm -rf "$work"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
