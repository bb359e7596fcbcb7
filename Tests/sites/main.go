// Makes calls in all the ways that Go's packages have, often enough for each place to become a jump; then tells its
// process id and waits for the end of its input, while Tests/sites.py looks at its text.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const often = 200

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	name := os.Args[0]
	file, err := os.Open(name)
	must(err)
	var status syscall.Stat_t
	data := make([]byte, 16)
	for i := 0; i < often; i++ {
		syscall.Getppid()
		must(syscall.Fstat(int(file.Fd()), &status))
		_, err = file.ReadAt(data, 0)
		must(err)
		_, err = file.Seek(0, io.SeekStart)
		must(err)
		other, err := os.Open(os.DevNull)
		must(err)
		other.Close()
		syscall.Access(name, 0)
		_, err = syscall.Mmap(-1, 0, 4096, syscall.PROT_READ, syscall.MAP_ANON|syscall.MAP_PRIVATE)
		must(err)
		time.Now()
		time.Sleep(time.Microsecond)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	go func() {
		for {
			connection, err := listener.Accept()
			must(err)
			connection.Close()
		}
	}()
	channel := make(chan os.Signal, 1)
	signal.Notify(channel, syscall.SIGUSR1)
	for i := 0; i < often; i++ {
		connection, err := net.Dial("tcp", listener.Addr().String())
		must(err)
		connection.Read(data)
		connection.Close()
		syscall.Kill(os.Getpid(), syscall.SIGUSR1)
		<-channel
	}
	fmt.Println(os.Getpid())
	io.ReadAll(os.Stdin)
}
