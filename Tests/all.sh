#!/bin/sh
# Everything that verifies Persona in ten minutes on two processors. Each step's time is shown; all steps run,
# and the first failure decides the status.
set -u
cd "$(dirname "$0")/.."

failures=""
begin=$(date +%s)

# begun TITLE COMMAND…: begins a step that goes on beside those that follow; `joined` waits for it and shows it.
begun() {
  title=$1
  shift
  mkdir -p build
  begun=$title
  (
    started=$(date +%s)
    "$@" >build/begun.said 2>&1
    status=$?
    echo "     $(($(date +%s) - started)) s beside the others" >>build/begun.said
    exit $status
  ) &
  beside=$!
  trap 'kill $beside 2>/dev/null; exit 130' INT TERM
}

said() {
  wait "$beside"
  status=$?
  cat build/begun.said
  return $status
}

joined() { step "$begun" said; }

step() {
  title=$1
  shift
  started=$(date +%s)
  printf '\n==== %s\n' "$title"
  if "$@"; then
    result=ok
  else
    result=FAILED
    failures="$failures $title;"
  fi
  printf '==== %s: %s, %d s\n' "$title" "$result" $(($(date +%s) - started))
}

step "packages" sh Tests/deps.sh
begun "tools" sh Tests/tools.sh
step "build" make -j2 all
joined
# HeaderTests checks the tables against the FreeBSD headers that Zig brings.
export PERSONA_ZIG="${PERSONA_ZIG:-$PWD/build/tools/site/ziglang/zig}"
# Nobody debugs these Go programs, and without what a debugger reads the compiler needs a sixth less.
export GOFLAGS="-gcflags=all=-dwarf=false"
step "unit tests" swift test --no-parallel ${SWIFT_TEST_FLAGS:-}
step "tables" build/bin/persona check
step "tutorial" python3 Tests/tutorial.py
step "new folders" python3 Tests/new.py
step "DragonFly against Go's facts" python3 Tests/dragonfly-facts.py
step "DragonFly's size" sh Tests/limits.sh
step "samples" sh Tests/samples.sh
begun "signals at every instruction" sh Tests/stepping.sh inject
step "call sites of Go programs" python3 Tests/sites.py
step "dynamic" sh Tests/dynamic.sh
joined
step "roots" sh Tests/roots.sh
step "plan9" python3 Tests/plan9.py
step "terminals" python3 Tests/terminal.py
step "coverage" python3 Tests/coverage.py
step "programs" python3 Tests/programs.py
step "joining" sh Tests/joining.sh
step "runners" python3 Tests/runners.py
step "faults" sh Tests/faults.sh
step "failing calls" python3 Tests/injecting.py --times 12
step "Go's own tests" python3 Tests/gostd.py --subset --jobs 2
step "Go's own tests on Plan 9" python3 Tests/gostd.py --os plan9 --subset --jobs 2 --skip '^TestRoot|^TestProcessWithHandleUnsupported' strings sort os

printf '\n%d s in all\n' $(($(date +%s) - begin))
if [ -n "$failures" ]; then
  echo "failed:$failures"
  exit 1
fi
echo "all passed"
