#!/usr/bin/env python3
"""Tries docs/runners.md: Persona as the command by which Go, CMake and Meson run what they have built for FreeBSD.

Each tool builds a program or a test, and runs it through Persona: output, working directory, environment, standard
input and failure must be what the tool would see on FreeBSD. Tools and the cross compilers are those of Tests/tools.sh.
"""
import json
import os
import shutil
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PERSONA = os.environ.get("PERSONA", os.path.join(TOP, "build/bin/persona"))
SITE = os.path.join(TOP, "build/tools/site")
WORK = os.path.join(TOP, "build/runners")
FLAGS = ["--target=x86_64-unknown-freebsd14", "-fuse-ld=lld", "-nostdlib", "-static", "-ffreestanding", "-fno-stack-protector"]
failures = 0


def clang():
    """The Swift toolchain's own, which the samples are built with."""
    told = subprocess.run(["swiftc", "-print-target-info"], stdout=subprocess.PIPE, text=True, check=True).stdout
    return os.path.normpath(json.loads(told)["paths"]["runtimeResourcePath"] + "/../../bin/clang")


def write(path, text):
    path = os.path.join(WORK, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def run(command, folder, **values):
    environment = dict(os.environ, PYTHONPATH=SITE, **values)
    return subprocess.run(command, cwd=os.path.join(WORK, folder), env=environment, input="typed\n", text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)


def expect(title, done, status, *wanted):
    global failures
    missing = [text for text in wanted if text not in done.stdout]
    if done.returncode == status and not missing:
        print(f"ok   {title}")
        return
    failures += 1
    print(f"FAIL {title}: status {done.returncode} (expected {status}), without {missing}:\n{done.stdout}")


GO = """package thing
import ("io"; "os"; "runtime"; "syscall"; "testing")
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
"""

MESON = """project('thing', 'c')
thing = executable('thing', 'samples/freebsd/execute.c')
test('good', thing, args: ['plain'])
test('bad', thing, args: ['end'])
"""


def go():
    write("go/go.mod", "module thing\ngo 1.20\n")
    write("go/thing_test.go", GO)
    tool = os.path.join(SITE, "go/bin/go")
    values = dict(GOROOT=os.path.join(SITE, "go"), GOOS="freebsd", GOARCH="amd64", CGO_ENABLED="0", GOTOOLCHAIN="local",
                  GOCACHE=os.path.join(TOP, "build/go-cache"), GOFLAGS="", GOPROXY="off", COLOUR="blue")
    test = [tool, "test", "-count=1", "-v", "-exec", PERSONA + " run", "."]
    folder = os.path.join(WORK, "go")
    expect("go test -exec", run(test, "go", **values), 0, f"on freebsd in {folder} with blue and \"\"", "PASS")
    expect("go test -exec, a failure", run(test, "go", FAIL="1", **values), 1, "--- FAIL: TestFails", "as asked")
    expect("go test -exec, a death", run(test, "go", DIE="1", **values), 1, "signal: killed")
    write("bin/go_freebsd_amd64_exec", f'#!/bin/sh\nexec {PERSONA} run "$@"\n')
    os.chmod(os.path.join(WORK, "bin/go_freebsd_amd64_exec"), 0o755)
    write("go/main/main.go", 'package main\nimport ("fmt"; "os"; "runtime")\nfunc main() { var word string; fmt.Scan(&word); '
          'fmt.Println(runtime.GOOS, word); os.Exit(3) }\n')
    path = os.path.join(WORK, "bin") + ":" + os.environ["PATH"]
    expect("go run by go_freebsd_amd64_exec", run([tool, "run", "./main"], "go", PATH=path, **values), 1, "freebsd typed", "exit status 3")


def cmake():
    source = os.path.join(TOP, "samples/freebsd/execute.c")
    write("cmake/CMakeLists.txt", CMAKE.format(source=source))
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
    expect("ctest", run([bin + "/ctest", "--test-dir", "out", "-V"], "cmake"), 8,
           "guest thing: plain", "1/2 Test #1: good .............................   Passed", "2/2 Test #2: bad ..............................***Failed")


def meson():
    # Meson takes no sources from outside its project.
    write("meson/meson.build", MESON)
    for name in ("samples/sample.h", "samples/freebsd/freebsd.h", "samples/freebsd/execute.c"):
        target = os.path.join(WORK, "meson", name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy(os.path.join(TOP, name), target)
    write("meson/freebsd.ini", f"[binaries]\nc = {[clang()] + FLAGS}\nexe_wrapper = ['{PERSONA}', 'run']\n\n[properties]\nskip_sanity_check = true\n\n[host_machine]\nsystem = 'freebsd'\n"
          "cpu_family = 'x86_64'\ncpu = 'x86_64'\nendian = 'little'\n")
    tool = [sys.executable, "-m", "mesonbuild.mesonmain"]
    values = dict(NINJA=os.path.join(SITE, "bin/ninja"))
    expect("meson configures", run(tool + ["setup", "out", "--cross-file", "freebsd.ini"], "meson", **values), 0)
    expect("meson test", run(tool + ["test", "-C", "out", "-v"], "meson", **values), 1,
           "guest thing: plain", "exit status 23", "Ok:", "Fail:")


def main():
    shutil.rmtree(WORK, ignore_errors=True)
    os.makedirs(WORK)
    for recipe in (go, cmake, meson):
        recipe()
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
