// Command emcd is the EMC chain: the node, and the command line to it.
package main

import (
	"fmt"
	"os"

	svrcmd "github.com/cosmos/cosmos-sdk/server/cmd"

	"github.com/edgematrix/emc/app"
	"github.com/edgematrix/emc/cmd/emcd/cmd"
	"github.com/edgematrix/emc/pkg/chainclient"
)

func main() {
	root := cmd.NewRootCmd()
	// The SDK carries the chain's refusals in gRPC's and its own wrapping; what
	// a person is shown are the words inside.
	root.SilenceErrors = true
	if err := svrcmd.Execute(root, cmd.EnvPrefix, app.DefaultHome()); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", chainclient.Words(err.Error()))
		os.Exit(1)
	}
}
