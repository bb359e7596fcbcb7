// Notify asks for signals, sends them to itself and its children, and dies by one that it does not catch.
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func expect(signals chan os.Signal, wanted os.Signal) {
	select {
	case got := <-signals:
		fmt.Println("got", got == wanted)
	case <-time.After(5 * time.Second):
		fmt.Println("not got")
	}
}

func main() {
	self := os.Getpid()
	if len(os.Args) > 1 && os.Args[1] == "shout" {
		check(syscall.Kill(os.Getppid(), syscall.SIGUSR2))
		return
	}
	signals := make(chan os.Signal, 10)
	wanted := []syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGUSR1,
		syscall.SIGUSR2, syscall.SIGWINCH, syscall.SIGCONT, syscall.SIGALRM, syscall.SIGVTALRM,
		syscall.SIGIO, syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU, syscall.SIGXCPU, syscall.SIGXFSZ,
		syscall.SIGTRAP, syscall.SIGSYS, syscall.SIGABRT}
	for _, each := range wanted {
		signal.Notify(signals, each)
		check(syscall.Kill(self, each))
		expect(signals, each)
		signal.Stop(signals)
	}
	fmt.Println(len(wanted), "kinds")

	signal.Notify(signals, syscall.SIGUSR2)
	check(exec.Command(os.Args[0], "shout").Run())
	expect(signals, syscall.SIGUSR2)
	check(exec.Command("sh", "-c", "kill -USR2 $PPID").Run())
	expect(signals, syscall.SIGUSR2)
	signal.Stop(signals)

	children := make(chan os.Signal, 10)
	signal.Notify(children, syscall.SIGCHLD)
	check(exec.Command("true").Run())
	expect(children, syscall.SIGCHLD)
	signal.Stop(children)

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT)
	check(syscall.Kill(self, syscall.SIGINT))
	<-ctx.Done()
	fmt.Println(ctx.Err())
	stop()

	signal.Ignore(syscall.SIGHUP)
	check(syscall.Kill(self, syscall.SIGHUP))
	fmt.Println("ignored", signal.Ignored(syscall.SIGHUP))
	output, err := exec.Command("sh", "-c", "kill -HUP $$; echo the child ignores it too").Output()
	fmt.Printf("%q %v\n", output, err)

	storm := make(chan os.Signal, 10000)
	signal.Notify(storm, syscall.SIGUSR1)
	for range 1000 {
		check(syscall.Kill(self, syscall.SIGUSR1))
	}
	expect(storm, syscall.SIGUSR1)
	signal.Stop(storm)

	command := exec.Command("sleep", "60")
	check(command.Start())
	check(command.Process.Signal(syscall.SIGSTOP))
	var status syscall.WaitStatus
	_, err = syscall.Wait4(command.Process.Pid, &status, syscall.WUNTRACED, nil)
	check(err)
	// Go's own words for these two differ between the systems: BSD's Stopped leaves SIGSTOP out.
	fmt.Println("stopped", status&0x7f == 0x7f, syscall.Signal(status>>8) == syscall.SIGSTOP)
	check(command.Process.Signal(syscall.SIGCONT))
	_, err = syscall.Wait4(command.Process.Pid, &status, waitContinued, nil)
	check(err)
	fmt.Println("continued", !status.Exited(), !status.Signaled() || status == 0x13)
	check(command.Process.Kill())
	fmt.Println(command.Wait())

	fmt.Println(syscall.Kill(self, 0), syscall.Kill(1<<22+5, 0), syscall.Kill(self, 500))
	signal.Reset()
	check(syscall.Kill(self, syscall.SIGTERM))
	time.Sleep(5 * time.Second)
	fmt.Println("still alive")
}
