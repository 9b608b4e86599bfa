package egress

import (
	"errors"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// activity is when something moved last, in Unix nanoseconds.
type activity struct{ at atomic.Int64 }

func (a *activity) note() { a.at.Store(time.Now().UnixNano()) }

func (a *activity) since() time.Duration {
	return time.Duration(time.Now().UnixNano() - a.at.Load())
}

// idleConn ends when nothing moves on it for a time. The two ends of a tunnel
// share what they have seen: a long download has nothing to say in the other
// direction.
type idleConn struct {
	net.Conn
	idle time.Duration
	seen *activity
}

func (c idleConn) Read(b []byte) (int, error) {
	for {
		if err := c.SetReadDeadline(time.Now().Add(c.idle)); err != nil {
			return 0, err
		}
		n, err := c.Conn.Read(b)
		if n > 0 {
			c.seen.note()
		}
		if n == 0 && errors.Is(err, os.ErrDeadlineExceeded) && c.seen.since() < c.idle {
			continue
		}
		return n, err
	}
}

func (c idleConn) Write(b []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.idle)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(b)
	if n > 0 {
		c.seen.note()
	}
	return n, err
}

// CloseWrite passes on the end of a direction.
func (c idleConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Close()
}
