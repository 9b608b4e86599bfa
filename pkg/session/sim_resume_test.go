package session_test

import (
	"time"

	"github.com/edgematrix/emc/pkg/session"
)

func (k *simCall) orphan() {
	k.over = true
	k.c.lane(k.at).Orphaned(k.nonce)
	k.c.resume(k.at)
}

// resume asks until it gets an answer, and nothing is left open that no stream brings.
func (c *simCustomer) resume(at int) {
	if c.resuming[at] {
		return
	}
	c.resuming[at] = true
	var ask func()
	again := func() { c.later(time.Second, ask) }
	ask = func() {
		asked, err := c.lane(at).Resume()
		if c.crashed() {
			return
		}
		if err != nil {
			c.tolerate(at, err)
			return
		}
		done, life := false, c.life
		n := c.nodeOf(at)
		c.send(new(wire), func() {
			n.onResume(asked, func(s session.State) {
				if done || c.life != life || c.crashed() {
					return
				}
				done = true
				more, err := c.lane(at).Resumed(asked, s)
				if c.crashed() {
					return
				}
				switch {
				case err != nil:
					c.tolerate(at, err)
				case more || c.lane(at).Standing().Orphans > 0:
					again()
				default:
					c.resuming[at] = false
					c.settle(at)
				}
			})
		})
		c.later(4*time.Second, func() {
			if !done {
				done = true
				again()
			}
		})
	}
	ask()
}
