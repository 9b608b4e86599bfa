package docker

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/edgematrix/emc/worker/runtime"
)

// facts are what a program finds when it looks around in a container.
type facts struct {
	// Status are lines of /proc/self/status by their names: CapEff, CapPrm,
	// CapBnd, CapInh, CapAmb, NoNewPrivs, Seccomp.
	Status map[string]string `json:"status"`
	UID    int               `json:"uid"`
	GID    int               `json:"gid"`
	Groups []int             `json:"groups"`
	// UIDMap is /proc/self/uid_map.
	UIDMap string `json:"uid_map"`
	// Version is /proc/version.
	Version string `json:"version"`
	// GVisor says that the kernel's log is gVisor's.
	GVisor bool `json:"gvisor"`
	// Interfaces are the network's, of /proc/net/dev.
	Interfaces []string `json:"interfaces"`
	// Achieved lists forbidden things that were possible.
	Achieved []string `json:"achieved"`
}

// tier judges what was found. hostVersion is the host's own /proc/version.
func (f facts) tier(hostVersion string) (runtime.Tier, string, error) {
	var wrong []string
	require := func(ok bool, format string, a ...any) {
		if !ok {
			wrong = append(wrong, fmt.Sprintf(format, a...))
		}
	}
	for _, set := range []string{"CapEff", "CapPrm", "CapInh", "CapAmb"} {
		require(strings.Trim(f.Status[set], "0") == "" && f.Status[set] != "", "it holds capabilities (%s %q)", set, f.Status[set])
	}
	require(f.UID > 0 && f.GID > 0, "it runs as user %d, group %d", f.UID, f.GID)
	require(!slices.Contains(f.Groups, 0), "it belongs to root's group")
	others := slices.DeleteFunc(slices.Clone(f.Interfaces), func(name string) bool { return name == "lo" })
	require(len(others) == 0, "it has the network interfaces %v", others)
	require(len(f.Achieved) == 0, "it could %s", strings.Join(f.Achieved, ", "))
	require(f.Version != "" && hostVersion != "", "its kernel is not known")

	ownKernel := strings.TrimSpace(f.Version) != strings.TrimSpace(hostVersion)
	if !ownKernel {
		// A kernel of its own does not rest on these.
		require(f.Status["NoNewPrivs"] == "1", "it may gain privileges (NoNewPrivs %q)", f.Status["NoNewPrivs"])
		require(f.Status["Seccomp"] == "2", "no filter bounds its system calls (Seccomp %q)", f.Status["Seccomp"])
	}
	if len(wrong) > 0 {
		return runtime.TierNone, "", errors.New(strings.Join(wrong, "; "))
	}
	switch {
	case ownKernel && f.GVisor:
		return runtime.TierKernel, "a container on a kernel in user space, without network or capabilities", nil
	case ownKernel:
		return runtime.TierMachine, "a container in a virtual machine with a kernel of its own, without network or capabilities", nil
	case mapsRoot(f.UIDMap):
		return runtime.TierContainer, "a container on this machine's kernel: seccomp filter, no capabilities, no network, not root", nil
	}
	return runtime.TierUser, "a container in a user namespace on this machine's kernel: seccomp filter, no capabilities, no network", nil
}

// mapsRoot says whether user 0 of the container is user 0 of the host.
func mapsRoot(uidMap string) bool {
	for line := range strings.Lines(uidMap) {
		var inside, outside, count uint64
		if n, _ := fmt.Sscan(line, &inside, &outside, &count); n == 3 && inside == 0 {
			return outside == 0
		}
	}
	return true // what is not known is not claimed
}
