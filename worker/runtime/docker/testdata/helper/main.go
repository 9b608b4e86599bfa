// Command helper is what the worker's binary is inside containers, for tests
// whose own binary may not be static.
package main

import (
	"os"

	"github.com/edgematrix/emc/worker/runtime/docker"
)

func main() {
	if len(os.Args) < 2 || os.Args[1] != "docker-child" {
		os.Exit(3)
	}
	os.Exit(docker.Child(os.Args[2:]))
}
