package gateway

import (
	"net"
	"sync"
)

// conns bounds the connections of each address: without it one machine could hold all that the gateway takes, and costs
// nothing by it. Who has too many is turned away at once, so that he holds up nobody who waits behind him.
type conns struct {
	net.Listener
	most    int
	refused func()

	mu   sync.Mutex
	held map[string]int
}

func newConns(l net.Listener, most int, refused func()) *conns {
	return &conns{Listener: l, most: most, refused: refused, held: map[string]int{}}
}

// Accept implements net.Listener.
func (l *conns) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from := sourceOf(c.RemoteAddr().String())
		if l.take(from) {
			return &heldConn{Conn: c, give: sync.OnceFunc(func() { l.give(from) })}, nil
		}
		l.refused()
		_ = c.Close()
	}
}

func (l *conns) take(from string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held[from] >= l.most {
		return false
	}
	l.held[from]++
	return true
}

func (l *conns) give(from string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fewer(l.held, from)
}

type heldConn struct {
	net.Conn
	give func()
}

// Close implements net.Conn.
func (c *heldConn) Close() error {
	defer c.give()
	return c.Conn.Close()
}
