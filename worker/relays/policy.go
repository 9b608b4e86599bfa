package relays

import (
	"fmt"

	"github.com/edgematrix/emc/pkg/transfer"
)

// Policy is when a worker has places.
type Policy string

// Policies.
const (
	Auto   Policy = "auto"   // when nobody on the internet reaches it otherwise
	Always Policy = "always" // for one behind a firewall, for example
	Never  Policy = "never"
)

// Parse reads a policy.
func Parse(s string) (Policy, error) {
	switch p := Policy(s); p {
	case Auto, Always, Never:
		return p, nil
	}
	return "", fmt.Errorf("%q is none of auto, always, never", s)
}

// Wanted tells whether a worker has places, by what its operator announces and what the host listens on.
func (p Policy) Wanted(announced, published []string) bool {
	switch p {
	case Always:
		return true
	case Never:
		return false
	}
	return len(announced) == 0 && !transfer.Open(published) && !transfer.Loopback(published)
}
