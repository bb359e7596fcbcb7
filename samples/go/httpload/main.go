// Httpload serves HTTP on the loopback interface and asks itself two hundred times at once.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"sort"
	"strings"
	"sync"
	"time"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func serve(network, address string) (string, *http.Server) {
	mux := http.NewServeMux()
	mux.HandleFunc("/echo", func(out http.ResponseWriter, in *http.Request) {
		body, err := io.ReadAll(in.Body)
		check(err)
		fmt.Fprintf(out, "%s %s %d %x", in.Method, in.URL.Query().Get("n"), len(body), sha256.Sum256(body))
	})
	mux.HandleFunc("/stream", func(out http.ResponseWriter, in *http.Request) {
		for part := range 5 {
			fmt.Fprintf(out, "part %d\n", part)
			out.(http.Flusher).Flush()
			time.Sleep(2 * time.Millisecond)
		}
	})
	mux.HandleFunc("/slow", func(out http.ResponseWriter, in *http.Request) {
		select {
		case <-in.Context().Done():
		case <-time.After(10 * time.Second):
		}
	})
	listener, err := net.Listen(network, address)
	if err != nil {
		return err.Error(), nil
	}
	server := &http.Server{Handler: mux}
	go server.Serve(listener)
	return listener.Addr().String(), server
}

func main() {
	address, server := serve("tcp", "127.0.0.1:0")
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 50}}
	lines := make([]string, 200)
	var group sync.WaitGroup
	for n := range lines {
		group.Add(1)
		go func() {
			defer group.Done()
			body := bytes.Repeat([]byte{byte(n)}, n*1000)
			response, err := client.Post(fmt.Sprintf("http://%s/echo?n=%d", address, n), "text/plain",
				bytes.NewReader(body))
			if err != nil {
				lines[n] = err.Error()
				return
			}
			defer response.Body.Close()
			text, err := io.ReadAll(response.Body)
			lines[n] = fmt.Sprint(response.StatusCode, " ", string(text), " ", err)
		}()
	}
	group.Wait()
	sort.Strings(lines)
	fmt.Printf("%s\n%s\n%x\n", lines[0], lines[199], sha256.Sum256([]byte(strings.Join(lines, "\n"))))

	response, err := client.Get("http://" + address + "/stream")
	check(err)
	text, err := io.ReadAll(response.Body)
	check(err)
	fmt.Print(string(text))

	short, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	request, err := http.NewRequestWithContext(short, "GET", "http://"+address+"/slow", nil)
	check(err)
	_, err = client.Do(request)
	fmt.Println(strings.ReplaceAll(err.Error(), address, "ADDRESS"))
	cancel()

	client.CloseIdleConnections()
	check(server.Shutdown(context.Background()))
	_, err = net.DialTimeout("tcp", address, time.Second)
	fmt.Println(strings.ReplaceAll(err.Error(), address, "ADDRESS"))

	address, server = serve("tcp6", "[::1]:0")
	if server != nil {
		response, err = client.Get("http://" + address + "/echo?n=six")
		check(err)
		text, err = io.ReadAll(response.Body)
		check(err)
		fmt.Println(string(text))
		check(server.Close())
	} else {
		fmt.Println("no IPv6")
	}
}
