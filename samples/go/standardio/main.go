// Standardio reads its standard input line by line and by descriptor, and writes to both outputs.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
)

func main() {
	info, err := os.Stdin.Stat()
	if err != nil {
		panic(err)
	}
	fmt.Println("pipe", info.Mode()&os.ModeNamedPipe != 0)
	reader := bufio.NewReader(os.Stdin)
	line, err := reader.ReadString('\n')
	fmt.Printf("%q %v\n", line, err)
	rest, err := io.ReadAll(reader)
	fmt.Println(len(rest), err)
	fmt.Fprintln(os.Stderr, "to the error output")
	panic(fmt.Sprint("status two after ", len(rest)))
}
