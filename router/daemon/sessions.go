package daemon

import (
	"context"
	"errors"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/router/custody"
	"github.com/edgematrix/emc/router/gateway"
)

// sessions is the custody as the gateway asks it.
type sessions struct{ *Daemon }

// New implements gateway.Sessions.
func (d sessions) New() (gateway.SessionKey, error) {
	public, claim, err := d.custody.NewKey()
	if errors.Is(err, custody.ErrFull) {
		return gateway.SessionKey{}, &gateway.Error{Kind: gateway.Overloaded, Words: err.Error() + "; try again in an hour"}
	}
	return gateway.SessionKey{ChainID: d.opts.Config.Chain.ID, Router: d.address.String(), PublicKey: public, Claim: claim}, err
}

// Claim implements gateway.Sessions.
func (d sessions) Claim(ctx context.Context, id string, public []byte, claim string) (string, error) {
	s, err := receipt.ParseSessionID(id)
	if err != nil {
		return "", &gateway.Error{Kind: gateway.Invalid, Words: "the session's id has 32 lower-case hex characters"}
	}
	err = d.custody.Claim(ctx, public, claim, s)
	switch {
	case errors.Is(err, custody.ErrClaim), errors.Is(err, custody.ErrForeign), errors.Is(err, session.ErrSession):
		return "", &gateway.Error{Kind: gateway.SessionGone, Words: err.Error()}
	case err != nil:
		return "", err
	}
	return s.String(), nil
}
