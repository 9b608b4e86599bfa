//go:build !unix

package transfer

import "os"

// dirLock does nothing where there is no flock.
type dirLock struct{}

func lockDir(*os.Root) (*dirLock, error) { return &dirLock{}, nil }

func (*dirLock) release() {}
