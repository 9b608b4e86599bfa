package validators

import (
	"errors"
	"fmt"
	"net"
	"sync"
)

// Ports hands out ranges of free ports of 127.0.0.1, each once. They lie below
// the range from which the kernel takes the ports of outgoing connections, so
// that a node that is down finds its own still free.
type Ports struct {
	mu   sync.Mutex
	next int
}

// The ports handed out.
const firstPort, lastPort = 20_000, 32_000

// NewPorts starts somewhere in the range that depends on seed, so that two test
// processes rarely try the same ports.
func NewPorts(seed int) *Ports { return &Ports{next: firstPort + seed*10%(lastPort-firstPort)} }

// Range returns the first of n consecutive free ports.
func (p *Ports) Range(n int) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for range lastPort - firstPort {
		base := p.next
		p.next += n
		if p.next+n > lastPort {
			p.next = firstPort
		}
		if free(base, n) {
			return base, nil
		}
	}
	return 0, errors.New("no free range of ports")
}

func free(base, n int) bool {
	for port := base; port < base+n; port++ {
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return false
		}
		_ = listener.Close()
	}
	return true
}
