package docker

import (
	"fmt"
	"os"
)

// What the hidden subcommand does inside a container.
const (
	childProbe  = "probe"
	childEgress = "egress"
)

// Child is the hidden subcommand, which runs inside containers: the caller
// passes the arguments after Config.ChildArgs and exits with its answer.
func Child(args []string) int {
	if len(args) > 0 {
		switch args[0] {
		case childProbe:
			return lookAround()
		case childEgress:
			return egressInit(args[1:])
		}
	}
	fmt.Fprintln(os.Stderr, "this command is for the worker's own use")
	return 2
}
