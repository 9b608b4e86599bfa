package validators

import (
	"errors"
	"io"
	"net"
	"sync"
)

// Link is the connection between two nodes. Each dials the other at a port of
// the link, which passes the bytes on.
type Link struct {
	mu    sync.Mutex
	state linkState
	// changed is closed and replaced whenever the state changes.
	changed chan struct{}
	open    map[net.Conn]bool
	doors   []net.Listener
	busy    sync.WaitGroup
}

type linkState int

const (
	healed linkState = iota
	held
	cut
	closed
)

func newLink() *Link { return &Link{changed: make(chan struct{}), open: map[net.Conn]bool{}} }

// door opens a port of the link that leads to an address (host:port) and
// returns its own address.
func (l *Link) door(to string) (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	l.mu.Lock()
	l.doors = append(l.doors, listener)
	l.mu.Unlock()
	l.busy.Go(func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			l.busy.Go(func() { l.join(from, to) })
		}
	})
	return listener.Addr().String(), nil
}

// Cut breaks the link as a router that rejects does: open connections are
// reset, new ones refused.
func (l *Link) Cut() { l.set(cut) }

// Hold lets the link swallow everything as a router that drops packets does:
// connections stay open, and what was sent arrives after Heal. CometBFT gives a
// silent peer up after some 45 seconds.
func (l *Link) Hold() { l.set(held) }

// Heal ends Cut and Hold. After Hold the bytes flow on at once; after Cut the
// nodes dial each other again within some ten seconds.
func (l *Link) Heal() { l.set(healed) }

// close ends the link and waits for its goroutines.
func (l *Link) close() {
	l.set(closed)
	l.mu.Lock()
	doors := l.doors
	l.mu.Unlock()
	for _, d := range doors {
		_ = d.Close()
	}
	l.busy.Wait()
}

func (l *Link) set(s linkState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state == closed {
		return
	}
	l.state = s
	close(l.changed)
	l.changed = make(chan struct{})
	if s == cut || s == closed {
		for c := range l.open {
			_ = c.Close()
		}
	}
}

// errCut means that a link does not let anything through.
var errCut = errors.New("the link is cut")

// pass waits until bytes may flow.
func (l *Link) pass() error {
	for {
		l.mu.Lock()
		state, changed := l.state, l.changed
		l.mu.Unlock()
		switch state {
		case healed:
			return nil
		case held:
			<-changed
		default:
			return errCut
		}
	}
}

// keep notes an open connection, so that a cut finds it.
func (l *Link) keep(c net.Conn) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state == cut || l.state == closed {
		_ = c.Close()
		return errCut
	}
	l.open[c] = true
	return nil
}

func (l *Link) drop(c net.Conn) {
	_ = c.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, c)
}

// join carries one connection until either end is gone.
func (l *Link) join(from net.Conn, to string) {
	if l.keep(from) != nil {
		return
	}
	defer l.drop(from)
	if l.pass() != nil {
		return
	}
	there, err := net.Dial("tcp", to)
	if err != nil || l.keep(there) != nil {
		return
	}
	defer l.drop(there)
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{from, there}, {there, from}} {
		both.Go(func() {
			l.carry(way[1], way[0])
			_, _ = way[0].Close(), way[1].Close()
		})
	}
	both.Wait()
}

// carry copies bytes while the link lets them through.
func (l *Link) carry(to io.Writer, from io.Reader) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if l.pass() != nil {
			return
		}
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
