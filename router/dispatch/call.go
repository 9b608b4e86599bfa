package dispatch

import (
	"context"
	"errors"
	"fmt"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/router/custody"
	"github.com/edgematrix/emc/router/gateway"
	"github.com/edgematrix/emc/router/selection"
)

// mostAgain bounds the tries that are no fault of their node, beside Attempts.
const mostAgain = 8

// Call implements gateway.Backend.
func (d *Dispatch) Call(ctx context.Context, c gateway.Call) (*gateway.Answer, error) {
	id, err := receipt.ParseSessionID(c.Session)
	if err != nil {
		return nil, &gateway.Error{Kind: gateway.SessionGone, Words: "the API key names no session"}
	}
	s, err := d.cfg.Sessions.Session(ctx, id)
	if err != nil {
		return nil, sessionError(err)
	}
	wants := selection.Wants{
		App: c.App, MaxPrice: c.MaxPrice, Units: c.Units, Region: c.Region, MinIsolation: c.MinIsolation, MinPower: c.MinPower,
		// Others would refuse, and look as if they failed.
		Only: selection.Key(s.Info.Node),
	}
	routers := d.cfg.Routers.Of(s.Info)
	if len(routers) == 0 {
		return nil, unsigned(session.ErrCosign)
	}
	several := len(routers) > 1
	var last error
	var charged uint64
	for attempts, again := 0, 0; attempts < max(d.cfg.Attempts, 1) && again < mostAgain; {
		// What earlier nodes took for nothing is of the same allowance.
		wants.MaxPrice = c.MaxPrice - min(c.MaxPrice, charged)
		pick, err := d.table.Pick(wants)
		if err != nil {
			if last == nil || errors.As(err, new(selection.Overloaded)) {
				last = d.pickError(err, c.App)
			}
			break
		}
		if err := c.Reserve(charged + pick.Price); err != nil {
			pick.Done(selection.Outcome{Kind: selection.Cancelled})
			if last == nil {
				return nil, err
			}
			break
		}
		t := &try{Dispatch: d, session: s, router: routers[0], others: len(routers) > 1, several: several, pick: pick, call: c, before: charged}
		answer, err := t.run(ctx)
		if err == nil {
			return answer, nil
		}
		charged += t.charged
		last = err
		if !t.again || ctx.Err() != nil {
			break
		}
		if t.elsewhere { // which happens once for each router
			routers = routers[1:]
			d.cfg.Logger.Info("a call is tried again through another router", "app", c.App, "router", t.router.Address, "error", err)
			continue
		}
		if t.free {
			again++
		} else {
			attempts++
		}
		if !t.same {
			wants.Exclude = append(wants.Exclude, pick.Node.Key)
		}
		d.cfg.Logger.Info("a call is tried again", "app", c.App, "node", receipt.Address(pick.Node.Key), "error", err)
	}
	return nil, withCharge(last, charged)
}

// withCharge tells the gateway what came to nothing and is paid all the same.
func withCharge(err error, charged uint64) error {
	if charged == 0 {
		return err
	}
	e := gateway.Error{Words: "the call ended before it was answered"}
	known := new(gateway.Error)
	if errors.As(err, &known) {
		e = *known
		err = nil
	} else if errors.Is(err, context.DeadlineExceeded) {
		e.Kind = gateway.Timeout
	}
	e.Charged = charged
	if err == nil {
		return &e
	}
	return fmt.Errorf("%w: %w", &e, err)
}

// pickError tells a customer why no node takes his call.
func (d *Dispatch) pickError(err error, app string) error {
	var full selection.Overloaded
	switch {
	case errors.As(err, &full):
		return &gateway.Error{Kind: gateway.Overloaded, Words: full.Words, RetryAfter: full.RetryAfter}
	case errors.Is(err, selection.ErrNoNode):
		kind := gateway.NoNode
		if !d.serves(app) {
			kind = gateway.NoModel
		}
		return &gateway.Error{Kind: kind, Words: err.Error()}
	}
	return err
}

// sessionError tells a customer why his session pays for nothing.
func sessionError(err error) error {
	switch {
	case errors.Is(err, session.ErrAllotment):
		return &gateway.Error{Kind: gateway.SessionExhausted, Words: "what the session allots is used up or held for calls that run: top the session up, or wait for them"}
	case errors.Is(err, session.ErrSealed), errors.Is(err, session.ErrSession):
		return &gateway.Error{Kind: gateway.SessionExpired, Words: err.Error()}
	case errors.Is(err, session.ErrKey), errors.Is(err, custody.ErrForeign):
		return &gateway.Error{Kind: gateway.SessionGone, Words: err.Error()}
	}
	return err
}
