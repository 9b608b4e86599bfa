// Command emc-router brings programs' calls to the nodes of the EMC network.
package main

import (
	"os"

	"github.com/edgematrix/emc/cmd/emc-router/cmd"
)

func main() { os.Exit(cmd.Execute()) }
