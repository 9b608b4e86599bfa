// Command emc-worker sells a machine's computing power on the EMC network.
package main

import (
	"os"

	"github.com/edgematrix/emc/cmd/emc-worker/cmd"
	"github.com/edgematrix/emc/worker/runtime/docker"
	"github.com/edgematrix/emc/worker/runtime/wasm"
)

func main() {
	// Jobs start this binary again, in a process or container of its own: nothing
	// that only the command line needs is set up for that.
	if len(os.Args) == 2 && os.Args[1] == cmd.WasmChild {
		os.Exit(wasm.Child())
	}
	if len(os.Args) >= 2 && os.Args[1] == cmd.DockerChild {
		os.Exit(docker.Child(os.Args[2:]))
	}
	os.Exit(cmd.Execute())
}
