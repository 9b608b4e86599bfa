//go:build !linux

package wasm

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"github.com/tetratelabs/wazero/experimental"

	"github.com/edgematrix/emc/worker/runtime"
)

// The package builds everywhere and runs on Linux: its limits on a child
// process, and the child's certain death with its parent, are Linux's.

const (
	ownExecutable = ""
	openNoFollow  = 0
	minLandlock   = 2

	stopSignal     = syscall.SIGTERM
	continueSignal = syscall.SIGTERM
)

func supported() error {
	return errors.New("the wasm runtime runs on Linux alone for now; run the worker there, for instance in a virtual machine")
}

func childAttributes() *syscall.SysProcAttr { return nil }
func ownedByUs(fs.FileInfo) bool            { return false }
func ownedByRoot(fs.FileInfo) bool          { return false }
func linksOf(fs.FileInfo) uint64            { return 0 }
func lock(string) (func(), error)           { return nil, supported() }
func tryLock(string) (func(), bool)         { return nil, false }
func peakMemory(int) int64                  { return 0 }
func rusagePeak(*os.ProcessState) int64     { return 0 }
func deadlySignal(*os.ProcessState) bool    { return false }
func watchLifeline() error                  { return supported() }
func limitProcess(runtime.Limits) error     { return supported() }
func fence(job) error                       { return supported() }
func landlockVersion() int                  { return 0 }
func hasSeccomp() bool                      { return false }
func allThreads() bool                      { return false }

type memoryLimiter struct{ refused bool }

func newMemoryLimiter(int64) *memoryLimiter { return &memoryLimiter{} }

func (*memoryLimiter) Allocate(_, _ uint64) experimental.LinearMemory { return nil }
