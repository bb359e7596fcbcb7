// Asks the server at an address a number of times over eight connections.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
)

func main() {
	count, _ := strconv.Atoi(os.Args[2])
	const clients = 8
	var group sync.WaitGroup
	for range clients {
		group.Add(1)
		go func() {
			defer group.Done()
			client := http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}}
			for range count / clients {
				response, err := client.Get("http://" + os.Args[1] + "/")
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				io.Copy(io.Discard, response.Body)
				response.Body.Close()
			}
		}()
	}
	group.Wait()
}
