// Crash dies by a memory fault that it does not handle.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

func main() {
	debug.SetTraceback("crash")
	signal.Reset(syscall.SIGABRT)
	fmt.Fprintln(os.Stdout, "about to crash")
	var nothing *int
	*nothing = 1
}
