package dispatch

import (
	"errors"
	"time"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/router/gateway"
)

// unsignedRetry is when a program may ask again whose call no router signed for.
const unsignedRetry = time.Second

// Router is one that co-signs; its zero value is for calls without one.
type Router struct {
	Address receipt.Address
	session.Cosigner
}

// Routers tells which of a session's routers co-sign.
type Routers interface {
	// Of lists those whose lanes calls may use, the one to be used first at the front.
	Of(info session.Info) []Router
}

// One is a router that co-signs for all sessions: its own gateway has no other.
func One(address receipt.Address, c session.Cosigner) Routers { return one{{address, c}} }

type one []Router

func (o one) Of(session.Info) []Router { return o }

// elsewhere tells whether another router may bring a call about that failed before anything of its answer came: lanes and
// allotments are each router's own.
func elsewhere(err error) bool {
	return errors.Is(err, session.ErrCosign) || errors.Is(err, session.ErrAllotment)
}

// unsigned is what a customer is told whose voucher no router signs.
func unsigned(err error) error {
	for _, known := range []error{session.ErrAllotment, session.ErrSealed, session.ErrSession, session.ErrKey} {
		if errors.Is(err, known) {
			return sessionError(err)
		}
	}
	return &gateway.Error{Kind: gateway.Overloaded, Words: "no router of the session co-signs now; it goes on as soon as one does", RetryAfter: unsignedRetry}
}
