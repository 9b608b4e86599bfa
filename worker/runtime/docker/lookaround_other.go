//go:build !linux

package docker

// lookAround is for containers, which are Linux's.
func lookAround() int { return 2 }
