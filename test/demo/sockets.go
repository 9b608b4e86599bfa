package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cosmos/cosmos-sdk/x/feegrant"

	"github.com/edgematrix/emc/pkg/chainclient"
	"github.com/edgematrix/emc/test/e2e/rig"
	computetypes "github.com/edgematrix/emc/x/compute/types"
	markettypes "github.com/edgematrix/emc/x/market/types"
	sockettypes "github.com/edgematrix/emc/x/socket/types"

	sdk "github.com/cosmos/cosmos-sdk/types"
)

// What the socket costs, in uemc, and what of a resale goes to its minter.
const (
	firstPrice   = 3_000_000
	secondPrice  = 4_000_000
	royaltyParts = 500 // of 10,000
	mintFee      = 100_000
	socketTime   = time.Hour
	socketCalls  = 500
	socketRouted = 1_000_000 // what the router may vouch for
	socketCover  = 2_000_000
)

// socketView is a socket as the chain has it.
type socketView struct {
	View struct {
		Socket struct {
			Status   string  `json:"status"`
			Price    rig.Int `json:"price"`
			Used     rig.Int `json:"used"`
			Refunded rig.Int `json:"refunded"`
			Paid     rig.Int `json:"paid"`
			Outage   rig.Int `json:"outage"`
			Session  string  `json:"session"`
			SoldAt   rig.Int `json:"sold_at"`
			Expires  rig.Int `json:"expires_at"`
		} `json:"socket"`
		Owner string `json:"owner"`
		State string `json:"state"`
	} `json:"view"`
	Escrow rig.Coin `json:"escrow_balance"`
}

// outlet is the cast of the socket's story: the miner who mints it, alice who buys it, bob who buys it from her, and
// carol's router.
type outlet struct {
	*market
	socket string
	bob    rig.Customer
	before map[string]rig.Account
}

// sockets shows a compute socket from the minting to the last uemc.
func (d *demo) sockets(ctx context.Context, t trained) (err error) {
	d.head("A compute socket: power as an NFT, bought, sold on, and plugged in")
	o := &outlet{market: &market{demo: d, dir: filepath.Join(d.dir, "calls"), count: socketCalls}, before: map[string]rig.Account{}}
	defer func() {
		if end := o.stop(); err == nil {
			err = end
		}
	}()
	if err := o.open(ctx); err != nil {
		return err
	}
	if err := o.trade(ctx); err != nil {
		return err
	}
	use, err := o.use(ctx, t)
	if err != nil {
		return err
	}
	return o.balance(ctx, use)
}

func (o *outlet) open(ctx context.Context) (err error) {
	if o.client, err = newClient(o.net.RPC, o.net.ChainID); err != nil {
		return err
	}
	if o.bob, err = rig.NewCustomer(ctx, o.net, "bob"); err != nil {
		return err
	}
	o.money.Watch(o.bob.Address)
	carol, err := o.net.Address(ctx, "carol")
	if err != nil {
		return err
	}
	for name, address := range map[string]string{"miner": o.worker.Operator, "alice": o.customer.Address, "bob": o.bob.Address, "carol": carol} {
		if o.before[name], err = o.net.Open(ctx, address); err != nil {
			return err
		}
	}
	return nil
}

// tx types a transaction as its sender would.
func (o *outlet) tx(ctx context.Context, from string, args ...string) (rig.Transaction, error) {
	o.say("$ emcd tx %s --from %s", strings.Join(args, " "), from)
	if from == "operator" { // the miner's key is in the worker's home
		args = append(args, "--keyring-dir", o.worker.Home)
	}
	t, err := o.net.Tx(ctx, from, append(args, "--gas", "auto", "--gas-adjustment", "1.5", "--gas-prices", "0.01uemc", "--keyring-backend", "test")...)
	if err != nil {
		return t, err
	}
	return t, o.money.Check(ctx)
}

// trade mints the socket, sells it to alice, and on to bob.
func (o *outlet) trade(ctx context.Context) error {
	n, err := o.net.Node(ctx, o.worker.Address)
	if err != nil {
		return err
	}
	// Half of what the slot has proved: the next window on a busy machine may show less, and what is missing then is paid back.
	power := int64(n.Power) / int64(n.Offer.Slots) / 2
	minted, err := o.tx(ctx, "operator", "socket", "mint", o.worker.Address, "charlm", "--slots", "1", "--slot-power", fmt.Sprint(power),
		"--seconds", fmt.Sprint(int(socketTime.Seconds())), "--royalty", fmt.Sprint(royaltyParts), "--ask", "3emc")
	if err != nil {
		return err
	}
	if o.socket, err = word(minted, "emc.socket.v1.EventSocketMinted", "socket"); err != nil {
		return err
	}
	o.say("socket %s: a slot with %s E for an hour, of the %s E that the node has proved; the same power cannot be promised again", o.socket, e(power), e(int64(n.Power)))
	if err := o.show(ctx, "socket", "listings", "--app", "charlm"); err != nil {
		return err
	}
	if _, err := o.tx(ctx, "alice", "socket", "buy", o.socket, "--max-price", "3emc"); err != nil {
		return err
	}
	if v, err := o.look(ctx); err != nil || v.View.Owner != o.customer.Address || v.Escrow.Amount != firstPrice {
		return fmt.Errorf("alice bought the socket; its owner is %s, its escrow holds %d uemc: %w", v.View.Owner, v.Escrow.Amount, err)
	}
	o.say("alice owns it; her %s are in the socket's escrow, not the miner's yet", emc(firstPrice))
	if _, err := o.tx(ctx, "alice", "socket", "list", o.socket, "4emc"); err != nil {
		return err
	}
	if _, err := o.tx(ctx, "bob", "socket", "buy", o.socket, "--max-price", "4emc"); err != nil {
		return err
	}
	o.say("bob owns it; alice got %s, the miner a royalty of %s", emc(secondPrice-royalty()), emc(royalty()))
	picture := filepath.Join(o.dir, "socket.svg")
	if err := o.show(ctx, "socket", "show", o.socket, "--picture", picture); err != nil {
		return err
	}
	svg, err := os.ReadFile(picture)
	if err == nil && !strings.Contains(string(svg), "charlm") {
		err = fmt.Errorf("%s does not name the app", picture)
	}
	return err
}

func royalty() int64 { return secondPrice * royaltyParts / sockettypes.ShareScale }

// show types a command that looks, and shows what it says.
func (o *outlet) show(ctx context.Context, args ...string) error {
	o.say("$ emcd %s", strings.Join(args, " "))
	answer, err := o.net.Emcd(ctx, args...)
	if err != nil {
		return err
	}
	o.lines(answer.Out)
	return nil
}

func (o *outlet) look(ctx context.Context) (v socketView, err error) {
	_, err = o.net.Get(ctx, "/emc/socket/v1/sockets/"+o.socket, 0, &v)
	return v, err
}

// word reads a text from a typed event of a transaction.
func word(t rig.Transaction, event, key string) (string, error) {
	for _, e := range t.Events {
		for _, a := range e.Attributes {
			if e.Type == event && a.Key == key {
				return strings.Trim(a.Value, `"`), nil
			}
		}
	}
	return "", fmt.Errorf("transaction %s has no %s of %s", t.Hash, key, event)
}

// workerKey takes the worker's own key: the socket's calls are answered by its node.
func (o *outlet) workerKey(file string) (keyPair, error) {
	raw, err := os.ReadFile(filepath.Join(o.worker.Home, "node_key.json"))
	if err != nil {
		return keyPair{}, err
	}
	var stored struct {
		Key string `json:"key"`
	}
	if err := json.Unmarshal(raw, &stored); err != nil {
		return keyPair{}, err
	}
	if _, err := hex.DecodeString(stored.Key); err != nil {
		return keyPair{}, fmt.Errorf("the worker's key: %w", err)
	}
	if err := os.WriteFile(file, []byte(stored.Key), 0o600); err != nil {
		return keyPair{}, err
	}
	return readKey(file)
}

// grant lets a key send transactions at the cost of an account of the keyring dir.
func (o *outlet) grant(ctx context.Context, payer keyPair) error {
	owner, err := sdk.AccAddressFromBech32(o.worker.Operator)
	if err != nil {
		return err
	}
	m, err := feegrant.NewMsgGrantAllowance(&feegrant.BasicAllowance{}, owner, payer.address())
	if err != nil {
		return err
	}
	signer, err := o.signerIn(o.worker.Home, "operator")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	_, err = o.client.Send(ctx, chainclient.Draft{Messages: []sdk.Msg{m}}, signer)
	return err
}

// covers lets carol's router stand in for the miner's node, too.
func (o *outlet) covers(ctx context.Context) error {
	_, err := o.send(ctx, "carol", &markettypes.MsgSetCover{
		Operator: o.before["carol"].Address, Router: o.router.address().String(), Node: o.worker.Address, Amount: sdk.NewInt64Coin(computetypes.Denom, socketCover),
	})
	return err
}
