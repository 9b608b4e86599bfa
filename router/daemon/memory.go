package daemon

import (
	"os"
)

// headroom is how much garbage a router may make at the least before it is collected. It has little in use and makes much
// garbage with every call: by Go's own rule, which looks at what is in use alone, it would spend a fifth of its time
// collecting. Where much is in use, Go's rule stays: memory is bounded by it.
const headroom = 32 << 20

// ballast is in use for the collector, and never touched, so that it takes no memory.
var ballast []byte

// TuneMemory is for a process that is a router. GOGC in the environment overrules it.
func TuneMemory() {
	if os.Getenv("GOGC") == "" && ballast == nil {
		ballast = make([]byte, headroom)
	}
}
