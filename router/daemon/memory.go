package daemon

import (
	"os"
	"runtime/debug"
)

// GCPercent lets garbage grow to four times of what is in use before it is collected. A router has little in use, and makes
// much garbage with every call: at Go's own figure it spends a fifth of its time collecting. GOGC in the environment
// overrules it, and GOMEMLIMIT bounds it.
const GCPercent = 400

func tuneMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(GCPercent)
	}
}
