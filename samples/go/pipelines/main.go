// Pipelines starts copies of itself and programs of the host, joins them by pipes, and reports how they end.
package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func show(title string, output []byte, err error) {
	fmt.Printf("%s: %q %v\n", title, output, err)
}

// child is what a copy of this program does.
func child(words []string) {
	switch words[0] {
	case "upper":
		text, err := io.ReadAll(os.Stdin)
		check(err)
		fmt.Print(strings.ToUpper(string(text)))
	case "count":
		scanner := bufio.NewScanner(os.Stdin)
		lines := 0
		for scanner.Scan() {
			lines++
		}
		fmt.Println("lines", lines)
	case "produce":
		for line := range 10000 {
			if _, err := fmt.Println("line", line); err != nil {
				os.Exit(9)
			}
		}
	case "exit":
		fmt.Fprintln(os.Stderr, "leaving")
		os.Exit(17)
	case "where":
		folder, err := os.Getwd()
		check(err)
		fmt.Println(folder, os.Getenv("COLOUR"), len(os.Environ()))
	case "die":
		check(syscall.Kill(os.Getpid(), syscall.SIGKILL))
		time.Sleep(time.Minute)
	case "panic":
		panic("as told")
	case "sleep":
		fmt.Println("sleeping")
		time.Sleep(time.Minute)
	case "extra":
		file := os.NewFile(3, "extra")
		text, err := io.ReadAll(file)
		check(err)
		fmt.Printf("%s", text)
	case "ignore":
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("ready")
		time.Sleep(200 * time.Millisecond)
		fmt.Println("alive")
	case "tree":
		depth := int(words[1][0] - '0')
		fmt.Println("depth", depth)
		if depth > 0 {
			command := exec.Command(os.Args[0], "tree", string(rune('0'+depth-1)))
			command.Stdout = os.Stdout
			check(command.Run())
		}
	case "fields":
		fmt.Printf("%q\n", words[1:])
	}
}

func pipeline(commands ...*exec.Cmd) ([]byte, []error) {
	for index := 1; index < len(commands); index++ {
		reader, writer, err := os.Pipe()
		check(err)
		commands[index-1].Stdout = writer
		commands[index].Stdin = reader
	}
	var output bytes.Buffer
	commands[len(commands)-1].Stdout = &output
	for _, command := range commands {
		check(command.Start())
		for _, end := range []any{command.Stdin, command.Stdout} {
			if file, ok := end.(*os.File); ok {
				file.Close()
			}
		}
	}
	var failures []error
	for _, command := range commands {
		failures = append(failures, command.Wait())
	}
	return output.Bytes(), failures
}

func main() {
	if len(os.Args) > 1 {
		child(os.Args[1:])
		return
	}
	self, err := os.Executable()
	check(err)
	output, failures := pipeline(exec.Command("sh", "-c", "printf 'c\\nb\\na\\n'"), exec.Command("sort"),
		exec.Command(self, "upper"), exec.Command("cat", "-n"))
	fmt.Printf("mixed: %q %v\n", output, failures)
	output, failures = pipeline(exec.Command(self, "produce"), exec.Command(self, "upper"),
		exec.Command("cat"), exec.Command(self, "count"))
	fmt.Printf("long: %q %v\n", output, failures)
	output, failures = pipeline(exec.Command(self, "produce"), exec.Command("head", "-n", "2"))
	fmt.Printf("broken: %q %v\n", output, failures)

	output, err = exec.Command(self, "exit").Output()
	show("status", output, err)
	var failure *exec.ExitError
	fmt.Println(errors.As(err, &failure), failure.ExitCode(), string(failure.Stderr))
	output, err = exec.Command("sh", "-c", "exit 5").CombinedOutput()
	show("shell status", output, err)
	output, err = exec.Command(self, "die").CombinedOutput()
	show("killed", output, err)
	errors.As(err, &failure)
	status := failure.Sys().(syscall.WaitStatus)
	fmt.Println(status.Signaled(), status.Signal() == syscall.SIGKILL, failure.ExitCode())
	output, err = exec.Command("sh", "-c", "kill -TERM $$").CombinedOutput()
	show("shell killed", output, err)
	output, err = exec.Command(self, "panic").CombinedOutput()
	show("panicked", output[:bytes.IndexByte(output, '\n')], err)
	_, err = exec.Command("/nonexistent/program").Output()
	fmt.Println(err)
	_, err = exec.Command("/etc/passwd").Output()
	fmt.Println(err)
	_, err = exec.Command("no-such-program-anywhere").Output()
	fmt.Println(err)

	command := exec.Command(self, "where")
	command.Dir = "/usr"
	command.Env = []string{"COLOUR=green", "OTHER=1"}
	output, err = command.Output()
	show("where", output, err)
	command = exec.Command("sh", "-c", "pwd; echo $COLOUR")
	command.Dir = "/usr"
	command.Env = append(os.Environ(), "COLOUR=blue")
	output, err = command.Output()
	show("shell where", output, err)
	output, err = exec.Command(self, "fields", "", "two words", "ünïcödé", "'\"\\").Output()
	show("fields", output, err)
	output, err = exec.Command(self, "tree", "4").Output()
	show("tree", output, err)

	reader, writer, err := os.Pipe()
	check(err)
	command = exec.Command(self, "extra")
	command.ExtraFiles = []*os.File{reader}
	go func() { fmt.Fprint(writer, "by descriptor three"); writer.Close() }()
	output, err = command.Output()
	show("extra", output, err)

	short, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	output, err = exec.CommandContext(short, self, "sleep").Output()
	show("timed out", output, err)
	cancel()
	command = exec.Command(self, "sleep")
	out, err := command.StdoutPipe()
	check(err)
	check(command.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	check(err)
	check(command.Process.Signal(syscall.SIGTERM))
	fmt.Printf("terminated: %q %v\n", line, command.Wait())
	command = exec.Command(self, "ignore")
	out, err = command.StdoutPipe()
	check(err)
	check(command.Start())
	lines := bufio.NewReader(out)
	_, err = lines.ReadString('\n')
	check(err)
	check(command.Process.Signal(syscall.SIGTERM))
	line, err = lines.ReadString('\n')
	fmt.Printf("ignored: %q %v %v\n", line, err, command.Wait())
	command = exec.Command("sleep", "60")
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	check(command.Start())
	check(syscall.Kill(-command.Process.Pid, syscall.SIGINT))
	fmt.Println("group:", command.Wait())
	command = exec.Command(self, "where")
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	command.Dir = "/"
	command.Env = []string{}
	output, err = command.Output()
	show("session", output, err)
	ended := 0
	for range 20 {
		if exec.Command(self, "fields").Run() == nil {
			ended++
		}
	}
	fmt.Println("one after another:", ended)
	done := make(chan error)
	for range 20 {
		go func() { done <- exec.Command(self, "fields").Run() }()
	}
	for range 20 {
		if err := <-done; err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println("at once: done")
	replace := []string{self, "fields", "after", "exec"}
	fmt.Println(syscall.Exec("/nonexistent", replace, nil))
	check(syscall.Exec(self, replace, os.Environ()))
}
