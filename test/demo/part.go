package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"

	"cosmossdk.io/math"

	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/amount"
	"github.com/edgematrix/emc/pkg/chainclient"
	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/session/ledger"
	"github.com/edgematrix/emc/pkg/session/onchain"
	"github.com/edgematrix/emc/pkg/transfer"
)

// part is a party of the demo that runs in a process of its own: a node that answers calls, or a router that co-signs.
type part struct {
	RPC, ChainID string
	KeyFile      string // 32 bytes in hex
	Ledger       string
	Operator     string // pays the fees
	PayerFile    string // key that sends the transactions, if another than the party's own does
	Charlm       string // the module, and the weights that it answers with; a node's
	Weights      string
}

// runPart runs a party until it is interrupted, and returns the exit status. Its configuration is a file.
func runPart(role, config string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var p part
	raw, err := os.ReadFile(config)
	if err == nil {
		err = json.Unmarshal(raw, &p)
	}
	if err == nil {
		err = p.run(ctx, role)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", role, err)
		return 1
	}
	return 0
}

func (p part) run(ctx context.Context, role string) error {
	key, err := readKey(p.KeyFile)
	if err != nil {
		return err
	}
	store, err := ledger.Open(p.Ledger)
	if err != nil {
		return err
	}
	defer store.Close()
	payer := key
	if p.PayerFile != "" {
		if payer, err = readKey(p.PayerFile); err != nil {
			return err
		}
	}
	chain, err := connect(p.RPC, p.ChainID, payer, p.Operator)
	if err != nil {
		return err
	}
	identity, err := transfer.HostKey(key.bytes)
	if err != nil {
		return err
	}
	h, err := transfer.NewHost(ctx, identity, []string{"/ip4/127.0.0.1/tcp/0"})
	if err != nil {
		return err
	}
	defer h.Close()
	// What the chain says is kept for a second: a session that closes is noticed as soon.
	cached := session.NewCached(chain, time.Now, time.Second, 100)
	if role == "node" {
		return p.node(ctx, h, key, cached, store)
	}
	return p.router(ctx, h, key, cached, store)
}

// serve answers the streams of a protocol, and says on the standard output where, until ctx ends.
func serve(ctx context.Context, h host.Host, id protocol.ID, stream func(context.Context, io.ReadWriteCloser) error) {
	h.SetStreamHandler(id, func(s network.Stream) {
		if err := stream(ctx, s); err != nil && ctx.Err() == nil {
			slog.Warn("a stream ended", "error", err)
		}
	})
	fmt.Printf("ready %s\n", strings.Join(transfer.Endpoints(h), " "))
	<-ctx.Done()
}

// keyPair is a secret key in all its forms.
type keyPair struct {
	*receipt.SecretKey
	bytes []byte
}

func (k keyPair) address() sdk.AccAddress {
	a := k.Public().Address()
	return a[:]
}

func (k keyPair) signer() chainclient.Signer {
	return chainclient.KeySigner{Key: &secp256k1.PrivKey{Key: k.bytes}}
}

// newKey makes a key and keeps it in a file that only its owner reads.
func newKey(file string) (keyPair, error) {
	secret := secp256k1.GenPrivKey().Bytes()
	if err := os.WriteFile(file, []byte(hex.EncodeToString(secret)), 0o600); err != nil {
		return keyPair{}, err
	}
	return readKey(file)
}

func readKey(file string) (keyPair, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return keyPair{}, err
	}
	raw, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		return keyPair{}, fmt.Errorf("%s: %w", file, err)
	}
	secret, err := receipt.ParseSecretKey(raw)
	return keyPair{secret, raw}, err
}

// connect is the way of a key to the chain; operator pays its fees.
func connect(rpc, chainID string, key keyPair, operator string) (*onchain.Chain, error) {
	client, err := newClient(rpc, chainID)
	if err != nil {
		return nil, err
	}
	granter, err := sdk.AccAddressFromBech32(operator)
	if err != nil {
		return nil, err
	}
	return onchain.New(onchain.Config{Client: client, Signer: key.signer(), FeeGranter: granter})
}

func newClient(rpc, chainID string) (*chainclient.Client, error) {
	if rpc == "" || chainID == "" {
		return nil, errors.New("a chain is needed")
	}
	gas := sdk.NewDecCoins(sdk.NewDecCoinFromDec(amount.BaseDenom, math.LegacyNewDecWithPrec(1, 2)))
	return chainclient.New(chainclient.Config{RPC: rpc, ChainID: chainID, GasPrices: gas})
}
