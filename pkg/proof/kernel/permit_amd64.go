//go:build amd64 && !linux

package kernel

// permitted: AMX is not tried on other systems.
func permitted() bool { return false }
