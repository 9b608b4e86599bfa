package cmd

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/cosmos/cosmos-sdk/client"
	"github.com/cosmos/cosmos-sdk/crypto/keyring"
	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/app"
	"github.com/edgematrix/emc/pkg/jobclient"
	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/market/types"
)

// withKey opens a session whose key stays with its owner, and tells how to call with it.
// All is checked before the deposit is paid: with a key that cannot sign calls, or a
// router that is none, it would lie there until the session is closed.
func (d opening) withKey(out io.Writer, chain client.Context, name string, routers []string) error {
	key, err := sessionKey(chain.Keyring, name, d.wallet.Address())
	if err != nil {
		return err
	}
	if err := distinct(routers); err != nil {
		return err
	}
	for _, r := range routers {
		if err := cosigns(chain, r); err != nil {
			return err
		}
	}
	opened, err := d.open(chain.CmdContext, key, routers...)
	if err != nil {
		return err
	}
	tellSession(out, opened.Session, opened.ExpiresAt)
	fmt.Fprintf(out, "next      %s\n", gatewayLine(chain, opened.Session, name))
	return nil
}

// distinct refuses no router, more than a session can have, and one named twice.
func distinct(routers []string) error {
	if n := len(routers); n == 0 {
		return errors.New("--router is empty: it is the router's address on the chain, emc1…")
	} else if n > types.MaxRouters {
		return fmt.Errorf("--router: a session has at most %d routers, %d were given", types.MaxRouters, n)
	}
	for i, r := range routers {
		if slices.Contains(routers[:i], r) {
			return fmt.Errorf("--router %s: it is there twice; its share would be no larger", r)
		}
	}
	return nil
}

// cosigns refuses what is no router that can be asked for signatures.
func cosigns(chain client.Context, router string) error {
	if _, err := sdk.AccAddressFromBech32(router); err != nil {
		return fmt.Errorf("--router %s: with --key it is the router's address on the chain, emc1…, which its operator tells (`emc-router status` shows it): %w", router, err)
	}
	view, err := computetypes.NewQueryClient(chain).Node(chain.CmdContext, &computetypes.QueryNodeRequest{Node: router})
	switch {
	case err != nil:
		return fmt.Errorf("--router %s: the chain knows no such router: %s", router, jobclient.Plain(err.Error()))
	case view.Node.Node.Role != computetypes.ROLE_ROUTER:
		return fmt.Errorf("--router %s: this is a node that computes, not a router", router)
	case len(view.Node.Node.Endpoints) == 0:
		return fmt.Errorf("--router %s: it does not say on the chain where it is reached; wait until it runs, or take another one", router)
	}
	return nil
}

// sessionKey is the public half of a key that can sign calls.
func sessionKey(ring keyring.Keyring, name, owner string) ([]byte, error) {
	record, err := ring.Key(name)
	if err != nil {
		return nil, fmt.Errorf("--key %s: the keyring has no such key; `emcd keys add %s` makes it", name, name)
	}
	if record.GetLocal() == nil {
		return nil, fmt.Errorf("--key %s: its secret is not in the keyring, and a Ledger cannot sign every call; `emcd keys add` makes one that can", name)
	}
	public, err := record.GetPubKey()
	if err != nil {
		return nil, err
	}
	key, ok := public.(*secp256k1.PubKey)
	if !ok {
		return nil, fmt.Errorf("--key %s: a session's key is secp256k1, this one is %s", name, public.Type())
	}
	paying, err := sdk.AccAddressFromBech32(owner)
	if err != nil {
		return nil, err
	}
	if bytes.Equal(key.Address(), paying) {
		return nil, errors.New("--key names the key that pays: a gateway would hold the secret of your wallet; `emcd keys add` makes another one")
	}
	return key.Key, nil
}

// gatewayLine is the command that runs the gateway of a session, from where this one ran.
func gatewayLine(chain client.Context, session, name string) string {
	words := []string{
		"emc-router gateway", session, "--key", name, "--keyring-backend", chain.Keyring.Backend(),
		"--chain-id", chain.ChainID, "--rpc", strings.Replace(chain.NodeURI, "tcp://", "http://", 1),
	}
	if chain.KeyringDir != app.DefaultHome() {
		words = append(words, "--keyring-home", chain.KeyringDir)
	}
	return strings.Join(words, " ")
}
