#!/bin/sh
# What must hold when things go wrong: dead supervisors, dead guests, broken programs and tables.
set -u
cd "$(dirname "$0")/.."

persona=${PERSONA:-$PWD/build/bin/persona}
sh samples/freebsd/build.sh || exit 1
programs=$PWD/build/samples/freebsd
go=$PWD/build/go-programs/freebsd
work=$PWD/build/faults
rm -rf "$work"
mkdir -p "$work"
passed=0 failed=0

# check TITLE COMMAND…: counts a success when the command succeeds.
check() {
  title=$1
  shift
  if "$@"; then
    passed=$((passed + 1))
    echo "ok   $title"
  else
    failed=$((failed + 1))
    echo "FAIL $title"
  fi
}

# Processes whose command line has the mark; the engine keeps the program's own arguments.
marked() {
  found=""
  for process in $(ls -d /proc/[0-9]* | sort -t/ -k3n); do
    if cat "$process/cmdline" 2>/dev/null | tr '\0' ' ' | grep -q -- "$1"; then
      read -r _ _ state _ <"$process/stat" 2>/dev/null || continue
      [ "$state" = Z ] || found="$found ${process#/proc/}"
    fi
  done
  echo $found
}

# Waits up to ten seconds until no process has the mark.
gone() {
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    [ -z "$(marked "$1")" ] && return 0
    sleep 0.5
  done
  echo "     left over: $(marked "$1")"
  kill -9 $(marked "$1") 2>/dev/null
  return 1
}

ready() {
  for _ in $(seq 200); do
    # The next one's file is another: its shell may not yet have made it when it is waited for.
    grep -qs ready "$1" && rm "$1" && return 0
    sleep 0.1
  done
  return 1
}

# message STATUS PATTERN COMMAND…: this status, nothing on stdout, and one line on stderr that matches.
message() { # STATUS may be a pattern of the shell
  wanted=$1 pattern=$2
  shift 2
  timeout 20 "$@" >"$work/out" 2>"$work/errors" </dev/null
  got=$?
  case $got in
    $wanted) [ ! -s "$work/out" ] && grep -q -i -e "$pattern" "$work/errors" && return 0 ;;
  esac
  echo "     status $got (expected $wanted): $(head -n 3 "$work/errors")"
  return 1
}

# status WANTED COMMAND…: this exit status as the shell sees it.
status() {
  wanted=$1
  shift
  timeout 20 "$@" >"$work/out" 2>"$work/errors" </dev/null
  got=$?
  [ "$got" = "$wanted" ] && return 0
  echo "     status $got (expected $wanted): $(head -n 3 "$work/errors")"
  return 1
}

ulimit -c 0

# The supervisor dies: so do all guests, with their threads, in sessions of their own, and those it exec'd.
mark=family-$$-supervisor
"$persona" run -- "$programs/family" $mark >"$work/ready" 2>&1 &
supervisor=$!
check "a family starts" ready "$work/ready"
check "it has several processes" [ "$(marked $mark | wc -w)" -ge 5 ]
kill -9 $supervisor
wait $supervisor 2>/dev/null
check "no guest survives its supervisor" gone $mark

# Persona is two processes: the one that was started, and the supervisor that it waits for.
mark=family-$$-inner
"$persona" run -- "$programs/family" $mark >"$work/ready" 2>"$work/errors" &
front=$!
ready "$work/ready"
for process in $(pgrep -P $front); do kill -9 "$process"; done
wait $front
check "a dead supervisor is Persona's own failure" [ $? = 125 ]
check "and tells so" grep -q "supervisor died" "$work/errors"
check "no guest survives it either" gone $mark

mark=family-$$-log
"$persona" run --trace="$work/log" -- "$programs/family" $mark >"$work/ready" 2>&1 &
supervisor=$!
check "a logged family starts" ready "$work/ready"
kill -9 $supervisor
wait $supervisor 2>/dev/null
check "no logged guest survives its supervisor" gone $mark

# The first guest dies by a signal: Persona ends as it did. What the guest left behind is its own affair, as at home.
for each in "usr1 USR1 10" "segv SEGV 11"; do
  set -- $each
  mark=family-$$-$1
  sh -c "ulimit -c 0; '$persona' run -- '$programs/family' $mark $1 >/dev/null 2>'$work/errors'; echo \$? >'$work/status'" 2>/dev/null
  check "death by SIG$2 is the shell's status" [ "$(cat "$work/status")" = $((128 + $3)) ]
  left=$(marked $mark)
  [ -n "$left" ] && kill -9 $left 2>/dev/null
  check "nothing is left of it" gone $mark
done

# A guest is killed from outside.
mark=family-$$-killed
"$persona" run -- "$programs/family" $mark >"$work/ready" 2>&1 &
supervisor=$!
ready "$work/ready"
for process in $(marked "^$programs/family $mark"); do
  guest=$process # the oldest is the first
  break
done
kill -9 "$guest"
wait $supervisor
check "a guest killed from outside" [ $? = 137 ]
left=$(marked $mark)
[ -n "$left" ] && kill -9 $left 2>/dev/null
gone $mark >/dev/null

# Signals to Persona reach the guest. Where this script runs under nohup, SIGHUP is ignored, and would be in the guest.
for each in "TERM 15" "HUP 1"; do
  set -- $each
  name=$1 number=$2
  mark=family-$$-$name
  env --default-signal=HUP "$persona" run -- "$programs/family" $mark >"$work/ready" 2>&1 &
  supervisor=$!
  ready "$work/ready"
  kill -$name $supervisor
  wait $supervisor
  got=$?
  check "SIG$name to the supervisor ends the guest" [ $got = $((128 + number)) ]
  left=$(marked $mark)
  [ -n "$left" ] && kill -9 $left 2>/dev/null
  gone $mark >/dev/null
done

# In a session whose groups nobody watches, as a continuous integration's may be, a guest's end must not make Linux hang up its
# group, in which something is stopped.
lines=$(setsid -w env --default-signal=HUP sh -c 'sleep 60 & kill -STOP $!; "$0" run -- "$1"; echo "then: $?"; kill -KILL $!' \
  "$persona" "$programs/hello" 2>"$work/error" | tail -1)
check "the neighbours of a guest that ends" [ "$lines" = "then: 0" ]

# Descriptors: a guest sees what it was given, and nothing of Persona's.
cat >"$work/descriptors.c" <<'END'
#include "freebsd.h"
static void sample(long argc, char **argv, char **environment) {
    for (long fd = 0; fd < 1024; fd++)
        if (SYS(fcntl, fd, F_GETFD, 0) >= 0) say("%d\n", fd);
}
END
clang=${CLANG:-$(dirname "$(readlink -f "$(command -v swiftc)")")/clang}
"$clang" --target=x86_64-unknown-freebsd14 -fuse-ld=lld -nostdlib -static -ffreestanding -O1 -fno-stack-protector \
  -Wno-everything -Isamples/freebsd -o "$work/descriptors" "$work/descriptors.c"
# descriptors ARGUMENT: what a guest sees that is given 0, 1, 2 and 7, whatever this shell has inherited.
descriptors() {
  exec 7</dev/null
  python3 -c 'import subprocess, sys
print(*subprocess.run(sys.argv[1:], pass_fds=[7], stdout=subprocess.PIPE, timeout=20).stdout.decode().split())' "$@"
  exec 7<&-
}
check "descriptors of the guest" [ "$(descriptors "$persona" run -- "$work/descriptors")" = "0 1 2 7" ]
check "descriptors of a logged guest" \
  [ "$(descriptors "$persona" run --trace="$work/log" -- "$work/descriptors")" = "0 1 2 7" ]

# The first guest's parent is who started Persona.
cat >"$work/parent.c" <<'END'
#include "freebsd.h"
static void sample(long argc, char **argv, char **environment) {
    long wanted = 0;
    for (const char *digit = argv[1]; *digit; digit++) wanted = wanted * 10 + *digit - '0';
    leave(SYS0(getppid) != wanted);
}
END
"$clang" --target=x86_64-unknown-freebsd14 -fuse-ld=lld -nostdlib -static -ffreestanding -O1 -fno-stack-protector \
  -Wno-everything -Isamples/freebsd -o "$work/parent" "$work/parent.c"
for each in "" --trace="$work/log"; do
  check "the first guest's parent ${each%%=*}" status 0 sh -c '"$0" run $2 -- "$1" $$; exit $?' "$persona" "$work/parent" "$each"
done

# Few descriptors: the program runs, or one line says what to raise. Below 4 not even timeout starts.
few() {
  for limit in 4 5 6 7 8 9 10 11 12; do
    sh -c 'ulimit -n $1; shift; exec timeout 20 "$@"' few $limit "$persona" run -- "$programs/hello" >"$work/out" 2>"$work/errors"
    case $? in
      0) grep -q "Hello" "$work/out" || return 1 ;;
      125) [ "$(wc -l <"$work/errors")" = 1 ] && grep -q "ulimit -n" "$work/errors" || return 1 ;;
      *) return 1 ;;
    esac
  done
}
check "few descriptors" few

# Programs that cannot run.
check "missing file" message 127 "no-such-program" "$persona" run -- "$work/no-such-program"
check "folder" message 126 "." "$persona" run -- "$work"
cp "$programs/hello" "$work/plain"
chmod 644 "$work/plain"
check "not executable" message 126 "." "$persona" run -- "$work/plain"
printf '#!/nonexistent/interpreter\n' >"$work/script"
printf 'neither one nor the other\n' >"$work/text"
head -c 100 "$programs/hello" >"$work/short"
head -c 700 "$programs/hello" >"$work/cut"
: >"$work/empty"
chmod 755 "$work/script" "$work/text" "$work/short" "$work/cut" "$work/empty"
check "script without its interpreter" message 12[67] "interpreter" "$persona" run -- "$work/script"
for each in text short cut empty; do
  check "broken program: $each" message 126 "$each" "$persona" run -- "$work/$each"
done
if [ -d build/tools/lefthook ]; then
  check "another architecture" message 126 "." "$persona" run -- build/tools/lefthook/freebsd-arm64/lefthook
  check "another system" message 126 "." "$persona" run -- build/tools/lefthook/openbsd-x86_64/lefthook
fi
printf 'int puts(const char *text) { return 0; }\n' >"$work/library.c"
cat >"$work/dynamic.c" <<'END'
#include "freebsd.h"
int puts(const char *text);
static void sample(long argc, char **argv, char **environment) { puts("dynamic"); }
END
dynamic() {
  "$clang" --target=x86_64-unknown-freebsd14 -fuse-ld=lld -nostdlib -ffreestanding -O1 -fno-stack-protector -Wno-everything -Isamples/freebsd "$@"
}
dynamic -shared -fPIC -Wl,-soname,libc.so.7 -o "$work/libc.so.7" "$work/library.c"
dynamic -Wl,--dynamic-linker=/libexec/ld-elf.so.1 -o "$work/dynamic" "$work/dynamic.c" "$work/libc.so.7"
check "dynamic program without its run-time linker" message 12[67] "ld-elf.so.1" "$persona" run -- "$work/dynamic"
mkdir -p "$work/tables/freebsd"
cp -R "$(dirname "$persona")/../share/persona/personalities/." "$work/tables/" 2>/dev/null
printf '\n9999 broken(fd: nonsense) -> fd = no_such_call\n' >>"$work/tables/freebsd/files.table"
timeout 20 "$persona" run --personalities "$work/tables" -- "$programs/hello" >"$work/out" 2>"$work/errors"
got=$?
check "broken table" [ "$got" = 125 ]
check "broken table: place and line" grep -q 'files.table:[0-9]*:[0-9]*: error' "$work/errors"
check "the sound table again" status 0 "$persona" run -- "$programs/hello"

# Personalities that cannot be read: what the program is might be known there.
mkdir -p "$work/home/persona"
ln -s personalities "$work/home/persona/personalities"
check "personalities that cannot be read, and why" message 125 "persona/personalities'*: the personalities cannot be read: .*symbolic" \
  env XDG_CONFIG_HOME="$work/home" "$persona" run --as unheard-of -- "$programs/hello"

# A Linux whose statx(2) takes no null path: fstat(2), also at a place that has become a jump.
gcc -O1 -Wall -Wextra -Werror -o "$work/older" Tests/injecting/older.c
cat >"$work/status.c" <<'END'
#include "freebsd.h"
static void sample(long argc, char **argv, char **environment) {
    stat by_path, found;
    long file = SYS(open, argv[0], O_RDONLY), right = 0;
    expect("by its path", SYS(fstatat, AT_FDCWD, argv[0], &by_path, 0), 0);
    for (int turn = 0; turn < 100; turn++) {
        found.ino = 0;
        right += SYS(fstat, file, &found) == 0 && same(&found, &by_path, sizeof found);
    }
    expect("by its descriptor", right, 100);
    expect("born", found.birthtim.sec > 0, 1);
    expect("no descriptor", SYS(fstat, 99, &found), -EBADF);
}
END
"$clang" --target=x86_64-unknown-freebsd14 -fuse-ld=lld -nostdlib -static -ffreestanding -O1 -fno-stack-protector \
  -Wno-everything -Isamples/freebsd -o "$work/status" "$work/status.c"
for each in "" --trace="$work/log"; do
  check "fstat where Linux is older ${each%%=*}" \
    [ "$("$work/older" "$persona" run $each -- "$work/status")" = "$("$persona" run -- "$work/status")" ]
done
check "and what it asks Linux for" grep -q 'statx(3, \[engine\], AT_NO_AUTOMOUNT|AT_EMPTY_PATH' "$work/log"

# Bits that would make the program act for somebody else: only root can make such a file for the test.
if [ "$(id -u)" = 0 ]; then
  cp "$programs/hello" "$work/bits"
  chown 65534:65534 "$work/bits" && chmod 4755 "$work/bits"
  check "set-user-ID" message 126 "set-user-ID to user 65534" "$persona" run -- "$work/bits"
  chmod 2755 "$work/bits"
  check "set-group-ID" message 126 "set-group-ID to group 65534" "$persona" run -- "$work/bits"
  chmod 4755 "$work/bits"
  cat >"$work/execute.c" <<'END'
#include "freebsd.h"
static void sample(long argc, char **argv, char **environment) {
    expect("execve", SYS(execve, argv[1], argv + 1, environment), -EPERM);
}
END
  "$clang" --target=x86_64-unknown-freebsd14 -fuse-ld=lld -nostdlib -static -ffreestanding -O1 -fno-stack-protector \
    -Wno-everything -Isamples/freebsd -o "$work/execute" "$work/execute.c"
  "$persona" run -- "$work/execute" "$work/bits" >"$work/out" 2>"$work/errors"
  check "set-user-ID at execve" [ "$(cat "$work/out")" = "execve: error 1" ]
  check "and tells so" grep -q "set-user-ID to user 65534" "$work/errors"
  chown 0:0 "$work/bits" && chmod 4755 "$work/bits"
  check "set-user-ID to whom it is anyway" status 0 "$persona" run -- "$work/bits"
fi

# A guest that tries to do harm to the engine: it dies or gets an error, and Persona lives.
cat >"$work/hostile.c" <<'END'
#include "freebsd.h"
static void sample(long argc, char **argv, char **environment) {
    expect("munmap of the engine", SYS(munmap, 0x7000000000, 1 << 20) < 0, 1);
    expect("mprotect of the engine", SYS(mprotect, 0x7000000000, 1 << 20, 7) < 0, 1);
    expect("mapping over the engine", SYS(mmap, 0x7000000000, 4096, 3, MAP_PRIVATE | MAP_ANON | MAP_FIXED, -1, 0) < 0, 1);
    expect("writing into the engine", SYS(fstat, 1, 0x7000001000), -EFAULT);
    expect("still there", SYS0(getpid) > 0, 1);
}
END
"$clang" --target=x86_64-unknown-freebsd14 -fuse-ld=lld -nostdlib -static -ffreestanding -O1 -fno-stack-protector \
  -Wno-everything -Isamples/freebsd -o "$work/hostile" "$work/hostile.c"
check "a hostile guest" status 0 "$persona" run -- "$work/hostile"

# Limits of memory: everything down to what Persona needs works, and below that it says so. Where its own data and text do not
# fit, Linux ends it before it begins.
limited() { # OPTION KIBIBYTES
  timeout 20 sh -c 'ulimit "$1" "$2" && shift 2 && exec "$@"' sh "$1" "$2" "$persona" run -- "$programs/hello" >"$work/out" 2>"$work/errors"
  case $? in
    0) [ -s "$work/out" ] ;;
    125) [ "$(wc -l <"$work/errors")" = 1 ] && grep -q "raise it with 'ulimit $1'" "$work/errors" ;;
    *) false ;;
  esac || { echo "     ulimit $1 $2: $(head -n 2 "$work/errors")" && return 1; }
}
each_limit() {
  for size in 16 64 200 255 256 512 8192; do limited -s $size || return 1; done
  for size in 8192 16383 16384 65536; do limited -d $size || return 1; done
  for size in 32768 65535 65536 200000; do limited -v $size || return 1; done
}
check "limits of memory" each_limit

# Standard descriptors that are closed stay so.
cat >"$work/closed.c" <<'END'
#include "freebsd.h"
static void sample(long argc, char **argv, char **environment) {
    int closed = 0;
    for (int file = 0; file < 3; file++) closed |= (SYS(fcntl, file, 1) == -EBADF) << file;
    leave(closed);
}
END
"$clang" --target=x86_64-unknown-freebsd14 -fuse-ld=lld -nostdlib -static -ffreestanding -O1 -fno-stack-protector \
  -Wno-everything -Isamples/freebsd -o "$work/closed" "$work/closed.c"
for each in "1 <&-" "2 >&-" "4 2>&-" "7 <&->&-2>&-"; do
  closed=${each#* }
  check "closed: $closed" status ${each%% *} sh -c "'$persona' run -- '$work/closed' $(echo "$closed" | sed 's/-/- /g')"
done

rm -rf "$work"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
