#!/bin/sh
# Linux programs among guests: what they execute is a guest again, of the same session; and programs that Linux
# starts through Persona by itself (persona register).
set -u
cd "$(dirname "$0")/.."

persona=${PERSONA:-$PWD/build/bin/persona}
sh samples/freebsd/build.sh || exit 1
program=$PWD/build/samples/freebsd/execute
netbsd=$PWD/build/samples/netbsd/hello
sh samples/netbsd/build.sh || exit 1
work=$PWD/build/joining
rm -rf "$work"
mkdir -p "$work"
passed=0 failed=0

# expect TITLE STATUS OUTPUT COMMAND…: standard output and error together, and the status.
expect() {
  title=$1 status=$2 wanted=$3
  shift 3
  [ "$1" = shell ] || set -- timeout 30 "$@"
  got=$("$@" 2>&1 </dev/null)
  code=$?
  if [ "$got" = "$wanted" ] && [ $code = "$status" ]; then
    passed=$((passed + 1))
    echo "ok   $title"
  else
    failed=$((failed + 1))
    echo "FAIL $title: status $code (expected $status)"
    printf '%s\n' "$got" | sed 's/^/     got      /'
    printf '%s\n' "$wanted" | sed 's/^/     expected /'
  fi
}

# A guest that is a Linux shell now; $0 is the foreign program.
shell() {
  timeout 30 "$persona" run -- "$program" /bin/sh -c "$1" "$program"
}

# MARK: What a Linux program executes

expect "a shell's child" 0 "guest execute: plain" shell '"$0" plain'
expect "in the shell's place" 23 "guest execute: end" shell 'exec "$0" end'
expect "a child's status" 0 "guest execute: end
status 23" shell '"$0" end; echo "status $?"'
expect "a child's signal" 0 "guest execute: killed
status 143" shell 'trap "" CHLD; "$0" killed 2>/dev/null; echo "status $?"'
expect "through env, which clears the environment" 0 "guest execute: x (G=1)" \
  shell 'F=2 env -i G=1 "$0" x'
expect "through nohup and timeout" 0 "guest execute: y" shell 'nohup timeout 10 "$0" y'
expect "through xargs, many times" 0 "guest execute: 1 2
guest execute: 3 4
guest execute: 5" shell 'echo 1 2 3 4 5 | xargs -n 2 "$0"'
expect "pipes both ways" 0 "guest execute: copy
from Linux" shell 'echo from Linux | "$0" copy | cat'
expect "by a relative path" 0 "guest execute: r" shell 'cd "${0%/*}" && ./execute r'
# A debugger is the one tracer that a process may have; what it executes joins by itself.
command -v strace >/dev/null &&
  expect "strace of a program among guests" 0 "guest execute: traced" \
    shell "strace -f -o '$work/strace' '$persona' run \"\$0\" traced; grep -q SIGSYS '$work/strace'"
command -v gdb >/dev/null &&
  expect "gdb of a program among guests" 0 "guest execute: debugged" \
    shell "gdb -q -batch -iex 'set exec-wrapper $persona run --' -ex 'handle SIGSYS nostop noprint pass' -ex run --args \"\$0\" debugged 2>/dev/null | grep '^guest'"
# The file is older than what the supervisor takes for changeless, so that it remembers it.
expect "a file that becomes another program" 0 "guest tool: 1
guest tool: 2
hello from NetBSD" shell "cp '$program' '$work/tool'; sleep 3.1; '$work/tool' 1; '$work/tool' 2
  cat '$netbsd' >'$work/tool'; '$work/tool'"
printf '#!%s x y\n' "$program" >"$work/script"
chmod +x "$work/script"
expect "a script whose interpreter is foreign" 0 "guest execute: x y $work/script a b" shell "'$work/script' a b"
expect "the same by a relative path, in the shell's place" 0 "guest execute: x y ./script" \
  shell "cd '$work' && exec ./script"
expect "the same by posix_spawn, without arguments" 0 "guest execute: x y $work/script" \
  "$persona" run -- "$program" "$(command -v python3)" -c "
import os
os.waitpid(os.posix_spawn('$work/script', ['s'], {}), 0)"
printf '#!/bin/echo %05000d\n' 1 >"$work/long"
chmod +x "$work/long"
expect "a script whose first line is longer than a page" 99 "" "$persona" run -- "$program" "$work/long"
expect "by PATH" 0 "guest execute: p" shell 'PATH=${0%/*}:$PATH; execute p'
expect "another system's program" 0 "hello from NetBSD" shell "$netbsd"
expect "a guest's guest's guest" 0 "guest execute: deep" shell '"$0" /bin/sh -c "\"\$0\" /bin/sh -c \"\\\"\\\$0\\\" deep\" \"\$0\"" "$0"'
expect "from a thread, in a process of threads" 0 "guest execute: thread" \
  "$persona" run -- "$program" "$(command -v python3)" -c "
import os, sys, threading
def run(): os.execv('$program', ['execute', 'thread'])
threading.Thread(target=run).start()
threading.Event().wait(20)"
expect "by posix_spawn" 0 "guest execute: spawned
0" "$persona" run -- "$program" "$(command -v python3)" -c "
import os
pid = os.posix_spawn('$program', ['execute', 'spawned'], {})
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))"
expect "by a descriptor" 0 "guest execute: descriptor" \
  "$persona" run -- "$program" "$(command -v python3)" -c "
import os
os.execve(os.open('$program', os.O_RDONLY), ['execute', 'descriptor'], {})"
expect "what is not there" 0 "127" shell '/nowhere 2>/dev/null; echo $?'
cp "$program" "$work/plain"
chmod -x "$work/plain"
expect "what is not executable" 0 "126" shell "$work/plain 2>/dev/null; echo \$?"

# In the log, each guest's calls stand with its process.
"$persona" run --trace="$work/log" -- "$program" /bin/sh -c '"$0" a; "$0" b; :' "$program" >"$work/out" 2>&1
expect "all guests are in one log" 0 "2 lines, 2 processes" sh -c "
grep -c 'write(1, \"guest execute:' '$work/log' | sed 's/\$/ lines, /' | tr -d '\n'
grep 'write(1, \"guest execute:' '$work/log' | sed 's/].*//' | sort -u | wc -l | tr -d ' \n'; echo ' processes'"

# MARK: persona run among guests

export PERSONA_UNDER_TEST="$persona"
expect "persona run joins the session" 0 "guest execute: joined" shell '"$PERSONA_UNDER_TEST" run "$0" joined'
expect "with --as" 0 "guest execute: as" shell '"$PERSONA_UNDER_TEST" run --as freebsd:13.2 "$0" as'
expect "its status" 23 "guest execute: end" shell 'exec "$PERSONA_UNDER_TEST" run "$0" end'
expect "its log is the session's" 125 \
  "persona: --trace belongs to the session, and this program joins the one that it is started in; give it to the first 'persona run', or leave it out" \
  shell '"$PERSONA_UNDER_TEST" run --trace "$0" x'
expect "a program that is not there" 127 "persona: /nowhere: no such file; check the path" \
  shell '"$PERSONA_UNDER_TEST" run /nowhere'
expect "a Linux program" 0 "linux" shell '"$PERSONA_UNDER_TEST" run /bin/echo linux'

# MARK: persona register

none=$work/none
mkdir -p "$none"
expect "binfmt_misc that is not mounted" 125 \
  "persona: $none: binfmt_misc is not mounted there; as root: mount -t binfmt_misc none $none" \
  "$persona" register --binfmt "$none"
expect "a system that there is not" 125 \
  "persona: there is no personality 'atari'; name one of: dragonfly, freebsd, netbsd, openbsd, plan9" \
  sh -c ": >$none/register; $persona register --binfmt $none atari"
expect "started by hand" 125 "persona: persona-binfmt is for Linux's binfmt_misc; run programs by hand with 'persona run'" \
  "$PWD/build/lib/persona/persona-binfmt"
expect "as Linux starts it" 23 "guest name: end" "$PWD/build/lib/persona/persona-binfmt" "$program" /some/name end
binfmt=$(dirname "$persona")/../lib/persona/persona-binfmt
binfmt=$(cd "$(dirname "$binfmt")" && pwd)/persona-binfmt
expect "what is registered, and the file for the next start" 0 "FreeBSD: 64-bit ELF with EI_OSABI 9 is run by $binfmt ($none/persona-freebsd)
After a restart too: $none/d/persona.conf
# FreeBSD: 64-bit ELF with EI_OSABI 9
:persona-freebsd:M::\\x7f\\x45\\x4c\\x46\\x02\\x01\\x01\\x09\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02\\x00\\x3e\\x00:\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\xfe\\xff\\xff\\xff:$binfmt:P" \
  sh -c "mkdir $none/d && $persona register --binfmt $none --binfmt-d $none/d --persist freebsd && cat $none/d/persona.conf"
expect "and undone" 0 "$none/d/persona.conf is removed" \
  "$persona" unregister --binfmt "$none" --binfmt-d "$none/d"

# Really, where this machine lets us: in a mount of our own, if nobody has registered anything.
mkdir -p "$work/binfmt"
if [ "$(id -u)" = 0 ] && mount -t binfmt_misc none "$work/binfmt" 2>"$work/errors"; then
  if ls "$work/binfmt" | grep -q '^persona-'; then
    echo "     programs are registered on this machine already: left as they are"
  else
    "$persona" register --binfmt "$work/binfmt" >/dev/null
    expect "Linux runs a registered program" 23 "guest execute: end" "$program" end
    expect "with its own argv[0]" 0 "guest own: name" \
      "$(command -v python3)" -c "import os; os.execv('$program', ['own', 'name'])"
    expect "among guests too" 0 "guest execute: both" shell '"$0" both'
    "$persona" unregister --binfmt "$work/binfmt" >/dev/null
    expect "and no more" 0 "" sh -c "ls $work/binfmt | grep persona; :"
  fi
  umount "$work/binfmt"
else
  echo "     binfmt_misc cannot be mounted here, so no program was really registered: $(cat "$work/errors" 2>/dev/null)"
fi

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
