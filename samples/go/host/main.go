// Host shows what a program learns about its machine, itself and its limits; only what both systems agree on.
package main

import (
	"crypto/rand"
	"fmt"
	"math/big"
	"os"
	"os/user"
	"runtime"
	"slices"
	"sort"
	"strings"
	"syscall"
	"time"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	name, err := os.Hostname()
	fmt.Println("host", name, err)
	folder, err := os.Getwd()
	fmt.Println("folder", folder, err)
	fmt.Println("processors", runtime.NumCPU(), "page", os.Getpagesize())
	fmt.Println("ids", os.Getuid(), os.Geteuid(), os.Getgid(), os.Getegid())
	groups, err := os.Getgroups()
	// FreeBSD up to 14 counts the effective group among them.
	groups = slices.DeleteFunc(groups, func(group int) bool { return group == os.Getegid() })
	slices.Sort(groups)
	fmt.Println("groups", groups, err)
	fmt.Println("process", os.Getpid() > 1, os.Getppid() > 0)
	fmt.Println("session", must(syscall.Getpgid(0)) > 0)
	current, err := user.Current()
	check(err)
	fmt.Println("user", current.Username, current.Uid, current.HomeDir)
	_, err = user.Lookup("nobody-of-that-name")
	fmt.Println(err)
	fmt.Println("home", os.Getenv("HOME"), os.ExpandEnv("${HOME}/x"))
	environment := os.Environ()
	sort.Strings(environment)
	for _, each := range environment {
		if strings.HasPrefix(each, "PERSONA_TEST_") {
			fmt.Println(each)
		}
	}
	var limit syscall.Rlimit
	check(syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	fmt.Println("files", limit.Cur >= 64, limit.Max >= limit.Cur)
	limit.Cur = 123
	check(syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit))
	check(syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	fmt.Println("fewer files", limit.Cur)
	check(syscall.Getrlimit(syscall.RLIMIT_CORE, &limit))
	limit.Cur = 0
	fmt.Println("core", syscall.Setrlimit(syscall.RLIMIT_CORE, &limit))
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	fmt.Println("usage", usage.Utime.Nano()+usage.Stime.Nano() > 0, usage.Maxrss > 100)
	fmt.Println(syscall.Getrusage(77, &usage))
	var moment syscall.Timeval
	check(syscall.Gettimeofday(&moment))
	fmt.Println("clock", time.Since(time.Unix(moment.Unix())).Abs() < 5*time.Second)
	begin := time.Now()
	time.Sleep(15 * time.Millisecond)
	took := time.Since(begin)
	fmt.Println("slept", took >= 15*time.Millisecond, took < 3*time.Second)
	fmt.Println("zone", time.Date(2024, 7, 1, 0, 0, 0, 0, must(time.LoadLocation("UTC"))))
	number, err := rand.Int(rand.Reader, big.NewInt(1000))
	check(err)
	fmt.Println("random", number.IsInt64())
	priority, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0)
	fmt.Println("priority", priority >= 0, err)
	fmt.Println("umask", syscall.Umask(0o022) >= 0, syscall.Umask(0o022))
	executable, err := os.Executable()
	fmt.Println("executable", strings.HasSuffix(executable, "host"), err)
	descriptor, err := syscall.Dup(1)
	check(err)
	fmt.Println("dup", descriptor > 2, syscall.Dup2(descriptor, 77), syscall.Close(77))
	fmt.Println("errors", syscall.ENOENT, syscall.EAGAIN, syscall.EDEADLK, syscall.ELOOP, syscall.EOPNOTSUPP)
	fmt.Println("supplementary", syscall.Setgroups(groups) == nil || os.Getuid() != 0)
	os.Stdout.Sync()
	os.Exit(42)
}

func must[T any](value T, err error) T {
	check(err)
	return value
}
