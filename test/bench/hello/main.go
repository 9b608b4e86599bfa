// Command hello is the program whose start the bench times in a container: it
// says one line, as early as a program can, and ends.
package main

import "os"

func main() {
	if _, err := os.Stdout.WriteString("hello\n"); err != nil {
		os.Exit(1)
	}
}
