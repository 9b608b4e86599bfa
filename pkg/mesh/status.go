package mesh

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/edgematrix/emc/pkg/receipt"
)

// Bounds of a Status.
const (
	MaxStatus = 16 << 10 // bytes
	MaxApps   = 64
	MaxLinks  = 8 // with routers
	MaxRTT    = 10_000_000
)

// ErrStatus means a message that is no Status.
var ErrStatus = errors.New("not a status")

// Status is what a node says of itself.
type Status struct {
	// Node is who signed it; it is not in the bytes.
	Node receipt.Address `json:"-"`
	// Sequence rises with every message of the node, also over its restarts.
	Sequence uint64 `json:"sequence"`
	// Accepting is false while the node drains, and before it leaves.
	Accepting bool `json:"accepting"`
	// Proving is set while the node proves its power: it takes no new calls.
	Proving bool `json:"proving,omitempty"`
	// Credit is what a lane may owe the node, uemc.
	Credit uint64 `json:"credit"`
	Apps   []App  `json:"apps,omitempty"`
	// Routers relay to the node: it has a place with each.
	Routers []Link `json:"routers,omitempty"`
}

// Link is a connection with a router, as whoever says it measured it. It counts for what is tried first, and for no more:
// whoever calls measures the whole way himself.
type Link struct {
	Router receipt.Address `json:"router"`
	RTT    uint32          `json:"rtt"` // microseconds, there and back
}

// App is one app that a node answers calls of, and how busy it is with it.
type App struct {
	ID        string `json:"id"`
	UnitPrice uint64 `json:"unit_price"` // uemc
	CallPrice uint64 `json:"call_price"` // uemc, for a call of no units
	Running   uint32 `json:"running,omitempty"`
	Queued    uint32 `json:"queued,omitempty"`
	Capacity  uint32 `json:"capacity"` // calls at once
	Ready     bool   `json:"ready"`
}

// Marshal fails with ErrStatus for what Unmarshal would refuse.
func (s Status) Marshal() ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	b, err := json.Marshal(s)
	if err == nil && len(b) > MaxStatus {
		err = fmt.Errorf("%w: %d bytes, the most is %d", ErrStatus, len(b), MaxStatus)
	}
	return b, err
}

// Unmarshal reads a Status; Node is the caller's to set. Fields that it does not
// know are left aside: newer nodes may say more.
func Unmarshal(b []byte) (Status, error) {
	var s Status
	if len(b) > MaxStatus {
		return s, fmt.Errorf("%w: %d bytes, the most is %d", ErrStatus, len(b), MaxStatus)
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return s, fmt.Errorf("%w: %w", ErrStatus, err)
	}
	return s, s.check()
}

func (s Status) check() error {
	if err := checkLinks(s.Routers, MaxLinks); err != nil {
		return err
	}
	if len(s.Apps) > MaxApps {
		return fmt.Errorf("%w: %d apps, the most is %d", ErrStatus, len(s.Apps), MaxApps)
	}
	seen := map[string]bool{}
	for _, a := range s.Apps {
		if err := receipt.CheckApp(a.ID); err != nil {
			return fmt.Errorf("%w: %w", ErrStatus, err)
		}
		if seen[a.ID] {
			return fmt.Errorf("%w: app %s stands there twice", ErrStatus, a.ID)
		}
		seen[a.ID] = true
		if a.Capacity == 0 || a.UnitPrice > receipt.MaxNumber || a.CallPrice > receipt.MaxNumber {
			return fmt.Errorf("%w: app %s has no capacity, or a price beyond what vouchers hold", ErrStatus, a.ID)
		}
	}
	return nil
}

func checkLinks(links []Link, most int) error {
	if len(links) > most {
		return fmt.Errorf("%w: %d routers, the most is %d", ErrStatus, len(links), most)
	}
	seen := map[receipt.Address]bool{}
	for _, l := range links {
		if l.Router.IsZero() || seen[l.Router] || l.RTT == 0 || l.RTT > MaxRTT {
			return fmt.Errorf("%w: router %s has no name, stands there twice, or is at no distance", ErrStatus, l.Router)
		}
		seen[l.Router] = true
	}
	return nil
}
