package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"cosmossdk.io/math"

	"github.com/cosmos/cosmos-sdk/crypto/keyring"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/x/feegrant"

	"github.com/edgematrix/emc/pkg/amount"
	"github.com/edgematrix/emc/pkg/chainclient"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/session/onchain"
	"github.com/edgematrix/emc/test/e2e/rig"
	computetypes "github.com/edgematrix/emc/x/compute/types"
	markettypes "github.com/edgematrix/emc/x/market/types"
)

// Amounts in uemc.
const (
	bond      = 20_000_000 // stake of the node and of the router
	cover     = 10_000_000 // of it, what the router reserves for the node
	deposit   = 12_000_000
	allotment = 10_000_000
)

// partTime bounds the start of a party on a slow machine, and the end of a session.
const partTime = 3 * time.Minute

// market is the cast of the demo's calls: alice, whose session it is, a node of bob's and a router of carol's.
type market struct {
	*demo
	dir                string
	client             *chainclient.Client
	node, router       keyPair
	nodePart, vouching *rig.Process
	nodeAt, routerAt   []string // addresses
	count              int      // of the calls
	alice              *onchain.Chain
	sessionKey         keyPair
	session            session.Info

	books [3]rig.Account // alice, bob, carol before all
}

// calls shows what sessions are for: ten thousand calls between two processes, settled by one message.
func (d *demo) calls(ctx context.Context, t trained) (err error) {
	d.head(fmt.Sprintf("Calls: %d of them, answered by the model, without waiting for a block", callCount))
	m := &market{demo: d, dir: filepath.Join(d.dir, "calls"), count: callCount}
	if err := os.MkdirAll(m.dir, 0o755); err != nil {
		return err
	}
	defer func() {
		if end := m.stop(); err == nil {
			err = end
		}
	}()
	if err := m.open(ctx, t); err != nil {
		return err
	}
	c, err := m.makeCalls(ctx)
	if err != nil {
		return err
	}
	defer c.close()
	return m.pay(ctx, c)
}

// open registers both parties, starts them, and opens the session.
func (m *market) open(ctx context.Context, t trained) (err error) {
	if m.client, err = newClient(m.net.RPC, m.net.ChainID); err != nil {
		return err
	}
	for i, name := range []string{"alice", "bob", "carol"} {
		address, err := m.net.Address(ctx, name)
		if err != nil {
			return err
		}
		if m.books[i], err = m.net.Open(ctx, address); err != nil {
			return err
		}
	}
	for _, k := range []struct {
		key  *keyPair
		name string
	}{{&m.node, "node"}, {&m.router, "router"}, {&m.sessionKey, "session"}} {
		if *k.key, err = newKey(filepath.Join(m.dir, k.name+".key")); err != nil {
			return err
		}
	}
	if err := m.register(ctx); err != nil {
		return err
	}
	if m.nodePart, m.nodeAt, err = m.start(ctx, "node", "node", part{Operator: m.books[1].Address, Weights: t.weights}); err != nil {
		return err
	}
	if m.vouching, m.routerAt, err = m.start(ctx, "router", "router", part{Operator: m.books[2].Address}); err != nil {
		return err
	}
	return m.openSession(ctx)
}

// register puts bob's node and carol's router on the chain, with stake, the cover, and a grant for the fees.
func (m *market) register(ctx context.Context) error {
	bob, carol := m.books[1].Address, m.books[2].Address
	nodes := []struct {
		operator, address string
		name              string
		register          *computetypes.MsgRegisterNode
		key               keyPair
		more              []sdk.Msg
	}{
		{operator: "bob", address: bob, name: "node", key: m.node, register: &computetypes.MsgRegisterNode{
			Role: computetypes.ROLE_COMPUTING, Offer: computetypes.Offer{Slots: 1, SlotHourPrice: uemc(1_000_000), Runtimes: []string{computetypes.RuntimeWasm}},
		}},
		{operator: "carol", address: carol, name: "router", key: m.router, register: &computetypes.MsgRegisterNode{
			Role: computetypes.ROLE_ROUTER, Offer: computetypes.Offer{SlotHourPrice: uemc(0)},
		}, more: []sdk.Msg{&markettypes.MsgSetCover{Operator: carol, Router: m.router.address().String(), Node: m.node.address().String(), Amount: uemc(cover)}}},
	}
	for _, n := range nodes {
		owner, err := sdk.AccAddressFromBech32(n.address)
		if err != nil {
			return err
		}
		r := n.register
		r.Operator, r.Pubkey = n.address, n.key.Public().Bytes()
		if r.KeySignature, err = n.key.Sign(computetypes.RegistrationBytes(m.net.ChainID, owner)); err != nil {
			return err
		}
		grant, err := feegrant.NewMsgGrantAllowance(&feegrant.BasicAllowance{}, owner, n.key.address())
		if err != nil {
			return err
		}
		stake := &computetypes.MsgStake{Operator: n.address, Node: n.key.address().String(), Amount: uemc(bond)}
		in, err := m.send(ctx, n.operator, append([]sdk.Msg{r, stake, grant}, n.more...)...)
		if err != nil {
			return fmt.Errorf("%s's %s: %w", n.operator, n.name, err)
		}
		m.say("%s's %s %s is registered with a stake of %s: transaction %s in block %d", n.operator, n.name, n.key.address(), emc(bond), in.Hash, in.Height)
	}
	m.say("%s of the router's stake are cover for the node: they pay if the router vouches for money twice", emc(cover))
	return m.money.Check(ctx)
}

// start starts a party in a process of its own, and returns where it listens. Its files bear its name.
func (m *market) start(ctx context.Context, role, name string, p part) (*rig.Process, []string, error) {
	file := filepath.Join(m.dir, name)
	p.RPC, p.ChainID, p.KeyFile, p.Ledger, p.Charlm = m.net.RPC, m.net.ChainID, file+".key", file+".ledger", m.bin.Charlm()
	config, err := json.Marshal(p)
	if err != nil {
		return nil, nil, err
	}
	if err := os.WriteFile(file+".json", config, 0o600); err != nil {
		return nil, nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	process, err := rig.Launch(file+".log", nil, "", self, role, file+".json")
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, partTime)
	defer cancel()
	line, err := process.WaitLine(ctx, "ready ")
	if err != nil {
		process.Kill()
		return nil, nil, fmt.Errorf("the %s does not start: %w; %s", role, err, process.Output())
	}
	m.say("the %s is process %d", role, process.PID())
	return process, addresses(line), nil
}

func (m *market) openSession(ctx context.Context) (err error) {
	signer, err := m.signer("alice")
	if err != nil {
		return err
	}
	if m.alice, err = onchain.New(onchain.Config{Client: m.client, Signer: signer}); err != nil {
		return err
	}
	m.session, err = m.alice.Open(ctx, onchain.Opening{
		Deposit: deposit, Key: m.sessionKey.Public(), Life: time.Hour,
		Allotments: []onchain.Allotment{{Router: m.router.Public().Address(), Amount: allotment}},
	})
	if err != nil {
		return err
	}
	m.say("alice opened session %s: a deposit of %s, of which the router may vouch for %s", m.session.ID, emc(deposit), emc(allotment))
	return nil
}

// signer is a key of the network's home.
func (m *market) signer(name string) (chainclient.KeyringSigner, error) {
	return m.signerIn(m.net.Home, name)
}

func (m *market) signerIn(home, name string) (chainclient.KeyringSigner, error) {
	ring, err := keyring.New(sdk.KeyringServiceName(), keyring.BackendTest, home, nil, m.client.Codec)
	if err != nil {
		return chainclient.KeyringSigner{}, err
	}
	return chainclient.NewKeyringSigner(ring, name)
}

func (m *market) send(ctx context.Context, from string, msgs ...sdk.Msg) (chainclient.Included, error) {
	signer, err := m.signer(from)
	if err != nil {
		return chainclient.Included{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return m.client.Send(ctx, chainclient.Draft{Messages: msgs}, signer)
}

// stop ends both parties.
func (m *market) stop() (err error) {
	for _, p := range []*rig.Process{m.nodePart, m.vouching} {
		if p == nil {
			continue
		}
		if end := p.Interrupt(30 * time.Second); err == nil {
			err = end
		}
	}
	return err
}

func uemc(n int64) sdk.Coin { return sdk.NewCoin(amount.BaseDenom, math.NewInt(n)) }
