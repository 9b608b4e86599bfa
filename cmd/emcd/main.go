// Command emcd is the EMC chain: the node, and the command line to it.
package main

import (
	"os"

	svrcmd "github.com/cosmos/cosmos-sdk/server/cmd"

	"github.com/edgematrix/emc/app"
	"github.com/edgematrix/emc/cmd/emcd/cmd"
)

func main() {
	// The command prints its own error.
	if err := svrcmd.Execute(cmd.NewRootCmd(), cmd.EnvPrefix, app.DefaultHome()); err != nil {
		os.Exit(1)
	}
}
