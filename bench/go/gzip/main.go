// Compresses a file to nowhere and prints how many bytes that makes.
package main

import (
	"compress/gzip"
	"fmt"
	"io"
	"os"
)

type counter int64

func (c *counter) Write(bytes []byte) (int, error) {
	*c += counter(len(bytes))
	return len(bytes), nil
}

func main() {
	file, err := os.Open(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var size counter
	writer := gzip.NewWriter(&size)
	if _, err := io.Copy(writer, file); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	writer.Close()
	fmt.Println(int64(size))
}
