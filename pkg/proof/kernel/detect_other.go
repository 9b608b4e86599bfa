//go:build !amd64

package kernel

// present lists what this processor has besides pure Go.
func present() []Kernel { return nil }
