// An HTTP server on a free port of this machine, which it prints; ends when its standard input does.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(listener.Addr())
	answer := []byte("a line of an answer that is neither short nor long, for the client to read\n")
	go http.Serve(listener, http.HandlerFunc(func(writer http.ResponseWriter, request *http.Request) {
		writer.Write(answer)
	}))
	io.Copy(io.Discard, os.Stdin)
}
