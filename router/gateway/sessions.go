package gateway

import (
	"context"
	"net/http"
	"strings"

	"github.com/edgematrix/emc/router/apikey"
)

// Sessions takes up sessions whose keys customers leave with the router.
// *custody.Custody is behind it. Its errors for customers are *Error.
type Sessions interface {
	// New makes a session's key; its public half goes into the session on the chain.
	New() (SessionKey, error)
	// Claim takes up the session that was opened for a key, and returns its id.
	Claim(ctx context.Context, session string, public []byte, claim string) (string, error)
}

// SessionKey is what a customer needs to open a session.
type SessionKey struct {
	ChainID   string `json:"chain_id"`
	Router    string `json:"router"`     // address, to which a part of the deposit is allotted
	PublicKey []byte `json:"public_key"` // compressed secp256k1, 33 bytes
	Claim     string `json:"claim"`      // secret: it makes the session's API keys
}

// newSession gives a key to anybody: it costs the router some bytes for an hour. The
// guard of wrong keys bounds how many an address gets.
func (g *Gateway) newSession(v *visit, r *http.Request) error {
	if g.sessions == nil {
		return unknownURL(r)
	}
	if err := only(r, http.MethodPost); err != nil {
		return err
	}
	if g.guard.failed(source(r), g.now()) {
		return tooMany("Too many requests for session keys came from your address.", "session_keys", g.FailedKeysEvery)
	}
	k, err := g.sessions.New()
	if err != nil {
		return err
	}
	v.Header().Set("Cache-Control", "no-store")
	return answerJSON(v, http.StatusCreated, k)
}

// claimSession makes a session's master key for whoever has its claim, also again:
// the answer may be lost, and a key may be.
func (g *Gateway) claimSession(v *visit, r *http.Request) error {
	id, what, _ := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), "/emc/v1/sessions/"), "/")
	if g.sessions == nil || what != "claim" {
		return unknownURL(r)
	}
	if err := only(r, http.MethodPost); err != nil {
		return err
	}
	var want struct {
		PublicKey []byte `json:"public_key"`
		Claim     string `json:"claim"`
	}
	if err := readManage(v, r, &want); err != nil {
		return err
	}
	session, err := g.sessions.Claim(r.Context(), id, want.PublicKey, want.Claim)
	if err != nil {
		if g.guard.failed(source(r), g.now()) {
			return tooMany("Too many wrong claims came from your address.", "wrong_claims", g.FailedKeysEvery)
		}
		return err
	}
	k, secret, err := g.keys.Create(apikey.Key{Session: session, Name: "master", Master: true})
	if err != nil {
		return err
	}
	out := showKey(k)
	out.Secret = secret
	v.Header().Set("Cache-Control", "no-store")
	return answerJSON(v, http.StatusCreated, out)
}
