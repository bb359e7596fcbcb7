#!/bin/sh
# Persona's main job in two minutes: a FreeBSD program built on the spot, then the real FreeBSD lefthook running
# the hooks of a git repository, each with its log.
set -eu
cd "$(dirname "$0")/.."

persona=$PWD/build/bin/persona
demo=$PWD/build/demo
rm -rf "$demo"
mkdir -p "$demo/repository"

say() { printf '\n== %s\n' "$*"; }

say "A FreeBSD program, built on the spot"
sh samples/freebsd/build.sh samples/freebsd/hello.c
"$persona" identify build/samples/freebsd/hello

say "… under Persona, with its log"
"$persona" run --trace="$demo/hello.log" -- build/samples/freebsd/hello with arguments
cat "$demo/hello.log"

say "lefthook 1.7.18 for FreeBSD, as PyPI ships it"
cp build/tools/lefthook/freebsd-x86_64/lefthook "$demo/lefthook.freebsd"
"$persona" identify "$demo/lefthook.freebsd"
printf '#!/bin/sh\nexec "%s" run --trace="%s/lefthook-$$.log" -- "%s/lefthook.freebsd" "$@"\n' \
  "$persona" "$demo" "$demo" >"$demo/lefthook"
chmod 755 "$demo/lefthook"
export LEFTHOOK_BIN="$demo/lefthook" NO_COLOR=1 HOME="$demo" GIT_CONFIG_NOSYSTEM=1

cd "$demo/repository"
git init -q -b main .
git config user.name Demo
git config user.email demo@example.org
cat >lefthook.yml <<'END'
pre-commit:
  parallel: true
  commands:
    blanks:
      glob: "*.txt"
      run: sh -c '! grep -n " $" {staged_files}'
    words:
      glob: "*.txt"
      run: wc -w {staged_files}
END
printf 'A line without blanks at its end\n' >good.txt
git add .

say "lefthook install"
"$demo/lefthook" install
say "lefthook run pre-commit"
"$demo/lefthook" run pre-commit
say "git commit: the hook runs lefthook for FreeBSD"
git commit -q -m "First"
git log --oneline
printf 'A line with a blank at its end \n' >bad.txt
git add .
say "git commit of a file that a hook refuses"
if git commit -q -m "Second"; then
  echo "demo: the hook should have refused" >&2
  exit 1
fi

say "What lefthook asked of FreeBSD, all runs together"
cd "$demo"
cat lefthook-*.log | sed -n 's/^\[[0-9/]*\] \([a-z_0-9]*\)(.*/\1/p' | sort | uniq -c | sort -rn | head -n 25
echo
echo "demo: $(cat lefthook-*.log | wc -l) calls; the logs are $demo/*.log"
