#!/usr/bin/env python3
"""Tries docs/runners.md: Persona as the command by which Go, CMake, Meson, cargo and Zig run what they have built for FreeBSD.

Each tool builds a program or a test, and runs it through Persona: output, arguments, working directory, environment, standard
input, failure, death by a signal and the end of a test that takes too long must be what the tool would see on FreeBSD.
Tests/runners/given.c writes down what it was given. Tools and the cross compilers are those of Tests/tools.sh; cargo is tried
where there is one.
"""
import json
import os
import shutil
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PERSONA = os.environ.get("PERSONA", os.path.join(TOP, "build/bin/persona"))
SITE = os.path.join(TOP, "build/tools/site")
WORK = os.path.join(TOP, "build/runners")
GIVEN = os.path.join(WORK, "given")
# What a shell, a list of CMake's or a file of options might take for something else.
ODD = ["a b", "", "q'\"", "semi;colon", "*", "$HOME", "--", "-x"]
FLAGS = ["--target=x86_64-unknown-freebsd14", "-fuse-ld=lld", "-nostdlib", "-static", "-ffreestanding", "-fno-stack-protector"]
failures = 0


def clang():
    """The Swift toolchain's own, which the samples are built with."""
    told = subprocess.run(["swiftc", "-print-target-info"], stdout=subprocess.PIPE, text=True, check=True).stdout
    return os.path.normpath(json.loads(told)["paths"]["runtimeResourcePath"] + "/../../bin/clang")


def write(path, text):
    path = os.path.join(WORK, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)
    return path


def run(command, folder, **values):
    if os.path.exists(GIVEN):
        os.remove(GIVEN)
    environment = dict(os.environ, PYTHONPATH=SITE, GIVEN=GIVEN, COLOUR="pale  blue", EMPTY="", **values)
    return subprocess.run(command, cwd=os.path.join(WORK, folder), env=environment, input="typed\n", text=True, errors="backslashreplace",
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)


def expect(title, done, status, *wanted):
    global failures
    missing = [text for text in wanted if text not in done.stdout]
    if done.returncode == status and not missing:
        print(f"ok   {title}")
        return
    failures += 1
    print(f"FAIL {title}: status {done.returncode} (expected {status}), without {missing}:\n{done.stdout}")


def given(title, arguments, folder, typed, added, **values):
    """What the program has written down: exactly this; of the environment, what the tool has, and variables that begin like `added`."""
    with open(GIVEN, encoding="utf-8", errors="surrogateescape", newline="") as file:
        _, where, text, count, *rest = file.read().split("\0")[:-1]
    got, environment = rest[1:int(count)], dict(each.split("=", 1) for each in rest[int(count):])
    wanted = dict(os.environ, PYTHONPATH=SITE, GIVEN=GIVEN, COLOUR="pale  blue", EMPTY="", **values)
    differing = {name for name in wanted | environment
                 if wanted.get(name) != environment.get(name) and not any(name.startswith(each) for each in added)}
    told = f"arguments {got}, folder {where!r}, input {text!r}, other variables {sorted(differing)}"
    right = got == arguments and where == os.path.join(WORK, folder) and text == typed and not differing
    expect(title, subprocess.CompletedProcess([], 0 if right else 1, told), 0)


def gone(title):
    """The program that wrote down what it was given lives no more: a runner that kills Persona kills it."""
    with open(GIVEN, encoding="utf-8", errors="surrogateescape") as file:
        process = int(file.read().split("\0")[0])
    for _ in range(100):
        if not os.path.exists(f"/proc/{process}"):
            break
        time.sleep(0.05)
    expect(title, subprocess.CompletedProcess([], os.path.exists(f"/proc/{process}"), f"{process} is still there"), 0)


def names():
    """Words and names are bytes, and need not be UTF-8: the program's, its folder's, a script's, arguments and variables."""
    folder, every = os.fsdecode(b"n\xe9\xf4\x8f\xbe\x80"), [*ODD, os.fsdecode(bytes(range(1, 256)))]
    program = os.path.join(WORK, folder, os.fsdecode(b"given\xff"))
    script = write(os.path.join(folder, os.fsdecode(b"script\xfe")), f"#!{program} one word\n")
    os.chmod(script, 0o755)
    for source, target in (("Tests/runners/given.c", program), ("samples/freebsd/execute.c", "execute")):
        subprocess.run([clang(), *FLAGS, "-I" + os.path.join(TOP, "samples/freebsd"), "-o", os.path.join(WORK, target),
                        os.path.join(TOP, source)], check=True)
    for title, command, before in (
            ("persona run", [program], []), ("a script", [script], ["one word", script]),
            ("a guest executes it", [os.path.join(WORK, "execute"), program], []),
            ("a guest executes a script", [os.path.join(WORK, "execute"), script], ["one word", script])):
        done = run([PERSONA, "run", "--", *command, *every], folder, EVERY=every[-1])
        expect(title, done, 0, "to output")
        given(title + ", what it is given", before + every, folder, "typed\n", [], EVERY=every[-1])


GO = """package thing
import ("fmt"; "io"; "os"; "runtime"; "strings"; "syscall"; "testing"; "time")
func TestGiven(t *testing.T) {
    folder, _ := os.Getwd()
    text, _ := io.ReadAll(os.Stdin)
    separator := 0
    for index, each := range os.Args { if each == "odd" { separator = index } }
    given := append([]string{fmt.Sprint(os.Getpid()), folder, string(text), fmt.Sprint(len(os.Args) - separator)}, os.Args[separator:]...)
    os.WriteFile(os.Getenv("GIVEN"), []byte(strings.Join(append(given, os.Environ()...), "\\x00") + "\\x00"), 0600)
}
func TestHangs(t *testing.T) { if os.Getenv("HANG") != "" { time.Sleep(time.Hour) } }
func TestWhere(t *testing.T) {
    folder, _ := os.Getwd()
    text, _ := io.ReadAll(os.Stdin)
    t.Logf("on %s in %s with %s and %q", runtime.GOOS, folder, os.Getenv("COLOUR"), text)
}
func TestFails(t *testing.T) { if os.Getenv("FAIL") != "" { t.Fatal("as asked") } }
func TestDies(t *testing.T) { if os.Getenv("DIE") != "" { syscall.Kill(os.Getpid(), syscall.SIGKILL); select {} } }
"""

CMAKE = """cmake_minimum_required(VERSION 3.13)
project(thing C)
set(CMAKE_C_STANDARD_LIBRARIES "")
add_executable(thing {source})
add_custom_command(OUTPUT made COMMAND thing at build time > made DEPENDS thing)
add_custom_target(all_made ALL DEPENDS made)
enable_testing()
add_test(NAME good COMMAND thing plain)
add_test(NAME bad COMMAND thing end)
add_executable(given {given})
target_include_directories(given PRIVATE {include})
add_test(NAME given COMMAND given {odd})
add_test(NAME killed COMMAND given)
set_tests_properties(killed PROPERTIES ENVIRONMENT DIE=11)
add_test(NAME hanging COMMAND given)
set_tests_properties(hanging PROPERTIES ENVIRONMENT HANG=1 TIMEOUT 1)
"""

MESON = """project('thing', 'c')
thing = executable('thing', 'samples/freebsd/execute.c')
test('good', thing, args: ['plain'])
test('bad', thing, args: ['end'])
given = executable('given', 'Tests/runners/given.c', include_directories: 'samples/freebsd')
test('given', given, args: [{odd}])
test('skipped', given, env: ['EXIT=77'])
test('killed', given, env: ['DIE=11'])
test('hanging', given, env: ['HANG=1'], timeout: 1)
"""


def go():
    write("go/go.mod", "module thing\ngo 1.20\n")
    write("go/thing_test.go", GO)
    tool = os.path.join(SITE, "go/bin/go")
    values = dict(GOROOT=os.path.join(SITE, "go"), GOOS="freebsd", GOARCH="amd64", CGO_ENABLED="0", GOTOOLCHAIN="local",
                  GOCACHE=os.path.join(TOP, "build/go-cache"), GOFLAGS=os.environ.get("GOFLAGS", ""), GOPROXY="off")
    test = [tool, "test", "-count=1", "-v", "-exec", PERSONA + " run", "."]
    folder = os.path.join(WORK, "go")
    expect("go test -exec", run(test, "go", **values), 0, f"on freebsd in {folder} with pale  blue and \"\"", "PASS")
    expect("go test -exec, a failure", run(test, "go", FAIL="1", **values), 1, "--- FAIL: TestFails", "as asked")
    expect("go test -exec, a death", run(test, "go", DIE="1", **values), 1, "signal: killed")
    expect("go test -exec with arguments", run(test[:-1] + ["-run", "Given", ".", "-args", "odd"] + ODD, "go", **values), 0)
    # go gives a test /dev/null, its own folder as PWD, and itself in PATH.
    given("go test -exec, what it is given", ODD, "go", "", ["PWD", "PATH"], **values)
    hanging = test[:-1] + ["-timeout", "1s", "."]
    expect("go test -exec, one that takes too long", run(hanging, "go", HANG="1", **values), 1, "panic: test timed out after 1s", "TestHangs")
    gone("it is gone")
    write("bin/go_freebsd_amd64_exec", f'#!/bin/sh\nexec {PERSONA} run "$@"\n')
    os.chmod(os.path.join(WORK, "bin/go_freebsd_amd64_exec"), 0o755)
    write("go/main/main.go", 'package main\nimport ("fmt"; "os"; "runtime")\nfunc main() { var word string; fmt.Scan(&word); '
          'fmt.Println(runtime.GOOS, word); os.Exit(3) }\n')
    path = os.path.join(WORK, "bin") + ":" + os.environ["PATH"]
    expect("go run by go_freebsd_amd64_exec", run([tool, "run", "./main"], "go", PATH=path, **values), 1, "freebsd typed", "exit status 3")


def cmake():
    source = os.path.join(TOP, "samples/freebsd/execute.c")
    # In CMake's own quotes [==[…]==] a word is what it is.
    write("cmake/CMakeLists.txt", CMAKE.format(source=source, given=os.path.join(TOP, "Tests/runners/given.c"),
                                               include=os.path.join(TOP, "samples/freebsd"), odd=" ".join(f"[==[{each}]==]" for each in ODD)))
    write("cmake/freebsd.cmake", "set(CMAKE_SYSTEM_NAME FreeBSD)\nset(CMAKE_SYSTEM_PROCESSOR x86_64)\n"
          f"set(CMAKE_C_COMPILER {clang()} {' '.join(FLAGS)})\nset(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)\n"
          f'set(CMAKE_CROSSCOMPILING_EMULATOR "{PERSONA};run")\n')
    bin = os.path.join(SITE, "cmake/data/bin")
    made = run([bin + "/cmake", "-G", "Ninja", "-B", "out", "-DCMAKE_TOOLCHAIN_FILE=freebsd.cmake",
                "-DCMAKE_MAKE_PROGRAM=" + os.path.join(SITE, "bin/ninja")], "cmake")
    expect("cmake configures", made, 0)
    expect("cmake runs what it builds", run([bin + "/cmake", "--build", "out"], "cmake"), 0)
    with open(os.path.join(WORK, "cmake/out/made"), encoding="utf-8") as file:
        expect("its output", subprocess.CompletedProcess([], 0, file.read()), 0, "guest thing: at build time\n")
    test = [bin + "/ctest", "--test-dir", "out", "-V", "-R"]
    expect("ctest", run(test + ["good|bad"], "cmake"), 8,
           "guest thing: plain", "1/2 Test #1: good .............................   Passed", "2/2 Test #2: bad ..............................***Failed")
    expect("ctest with arguments", run(test + ["given"], "cmake"), 0, "to output", "to errors")
    given("ctest, what it is given", ODD, "cmake/out", "typed\n", ["CTEST_"])
    expect("ctest, a death", run(test + ["killed"], "cmake"), 8, "***Exception: SegFault")
    expect("ctest, one that takes too long", run(test + ["hanging"], "cmake"), 8, "***Timeout")
    gone("it is gone")


def meson():
    # Meson takes no sources from outside its project.
    write("meson/meson.build", MESON.format(odd=", ".join("'" + each.replace("'", "\\'") + "'" for each in ODD)))
    for name in ("samples/sample.h", "samples/freebsd/freebsd.h", "samples/freebsd/execute.c", "Tests/runners/given.c"):
        target = os.path.join(WORK, "meson", name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy(os.path.join(TOP, name), target)
    write("meson/freebsd.ini", f"[binaries]\nc = {[clang()] + FLAGS}\nexe_wrapper = ['{PERSONA}', 'run']\n\n[properties]\nskip_sanity_check = true\n\n[host_machine]\nsystem = 'freebsd'\n"
          "cpu_family = 'x86_64'\ncpu = 'x86_64'\nendian = 'little'\n")
    tool = [sys.executable, "-m", "mesonbuild.mesonmain"]
    values = dict(NINJA=os.path.join(SITE, "bin/ninja"))
    expect("meson configures", run(tool + ["setup", "out", "--cross-file", "freebsd.ini"], "meson", **values), 0)
    test = tool + ["test", "-C", "out", "-v"]
    expect("meson test", run(test + ["good", "bad"], "meson", **values), 1, "guest thing: plain", "exit status 23", "Ok:", "Fail:")
    expect("meson test with arguments", run(test + ["given"], "meson", **values), 0, "to output", "to errors")
    given("meson test, what it is given", ODD, "meson/out", "", ["MESON_", "ASAN_", "MSAN_", "UBSAN_", "MALLOC_PERTURB_"], **values)
    expect("meson test, deaths", run(test + ["skipped", "killed"], "meson", **values), 1, "SKIP", "killed by signal 11 SIGSEGV")
    expect("meson test, one that takes too long", run(test + ["hanging"], "meson", **values), 1, "TIMEOUT", "killed by signal 15 SIGTERM")
    gone("it is gone")


CARGO = """[package]
name = "thing"
version = "0.1.0"
edition = "2021"
[[bin]]
name = "thing"
path = "src/main.rs"
test = false
[[test]]
name = "given"
path = "src/main.rs"
harness = false
"""

CARGO_CONFIG = """[target.x86_64-unknown-freebsd]
linker = "{clang}"
rustflags = ["-Clink-args={flags} {object}", "-Crelocation-model=static"]
runner = ["{persona}", "run"]
"""


def cargo():
    """Rust's libraries for FreeBSD would have to be built first: the crate does without any, and links given.c."""
    tool = shutil.which("cargo")
    if not tool or subprocess.run([tool, "--version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
        print("skip cargo: there is none")
        return
    write("cargo/Cargo.toml", CARGO)
    # Without libraries only what no stable Rust has, which RUSTC_BOOTSTRAP lets a stable compiler take.
    write("cargo/src/main.rs", "#![feature(no_core)]\n#![no_core]\n#![no_main]\n")
    object = os.path.join(WORK, "cargo/given.o")
    subprocess.run([clang()] + FLAGS + ["-c", "-Wno-unused-command-line-argument", "-I", os.path.join(TOP, "samples/freebsd"), "-o", object,
                                        os.path.join(TOP, "Tests/runners/given.c")], check=True)
    write("cargo/.cargo/config.toml", CARGO_CONFIG.format(clang=clang(), flags=" ".join(FLAGS), object=object, persona=PERSONA))
    values = dict(RUSTC_BOOTSTRAP="1", CARGO_NET_OFFLINE="true")
    target = ["--quiet", "--target", "x86_64-unknown-freebsd", "--"]
    added = ["CARGO", "LD_LIBRARY_PATH", "RUST_RECURSION_COUNT", "RUSTUP_", "PATH"]
    expect("cargo run", run([tool, "run"] + target + ODD, "cargo", **values), 0, "to output", "to errors")
    given("cargo run, what it is given", ODD, "cargo", "typed\n", added, **values)
    expect("cargo run, a status", run([tool, "run"] + target, "cargo", EXIT="9", **values), 9)
    expect("cargo run, a death", run([tool, "run"] + target, "cargo", DIE="11", **values), -11)
    expect("cargo test", run([tool, "test"] + target + ODD, "cargo", **values), 0, "to output", "to errors")
    given("cargo test, what it is given", ODD, "cargo", "typed\n", added, **values)
    expect("cargo test, a failure", run([tool, "test"] + target, "cargo", EXIT="9", **values), 9, "exit status: 9")
    expect("cargo test, a death", run([tool, "test"] + target, "cargo", DIE="11", **values), 101, "signal: 11, SIGSEGV")


ZIG = """//! A test runner without a C library, which Zig does not bring for FreeBSD: runs each test, and exits with how many failed.
const builtin = @import("builtin");

fn call(number: usize, a: usize, b: usize, c: usize) usize {
    return asm volatile ("syscall"
        : [result] "={rax}" (-> usize),
        : [number] "{rax}" (number),
          [a] "{rdi}" (a),
          [b] "{rsi}" (b),
          [c] "{rdx}" (c),
        : .{ .rcx = true, .r8 = true, .r9 = true, .r10 = true, .r11 = true, .memory = true });
}

fn say(text: []const u8) void {
    _ = call(4, 1, @intFromPtr(text.ptr), text.len);
}

export fn _start() noreturn {
    var failed: usize = 0;
    for (builtin.test_functions) |each| {
        say(each.name);
        if (each.func()) say(" passed\\n") else |_| {
            say(" failed\\n");
            failed += 1;
        }
    }
    _ = call(1, failed, 0, 0);
    unreachable;
}
"""


def zig():
    write("zig/runner.zig", ZIG)
    write("zig/test.zig", 'test "good" {}\ntest "bad" { return error.AsAsked; }\n')
    words = [PERSONA, "run", "--as", "freebsd"]
    done = run([os.path.join(SITE, "ziglang/zig"), "test", "-target", "x86_64-freestanding", "-O", "ReleaseSmall", "--cache-dir", "cache",
                "--test-runner", "runner.zig"] + [each for word in words for each in ("--test-cmd", word)] + ["--test-cmd-bin", "test.zig"], "zig")
    expect("zig test", done, 1, "test.good passed\n", "test.bad failed\n", "failed with exit code 1")


def main():
    shutil.rmtree(WORK, ignore_errors=True)
    os.makedirs(WORK)
    for recipe in (names, go, cmake, meson, cargo, zig):
        recipe()
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
