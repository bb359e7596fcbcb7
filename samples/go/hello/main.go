// Hello prints one line, its arguments, and fails with status 3 when told to.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Println("Hello from Go")
	for index, argument := range os.Args[1:] {
		fmt.Println(index, argument)
		if argument == "fail" {
			fmt.Fprintln(os.Stderr, "failing as told")
			os.Exit(3)
		}
	}
}
