package chainclient

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	rpchttp "github.com/cometbft/cometbft/rpc/client/http"
	jsonrpcclient "github.com/cometbft/cometbft/rpc/jsonrpc/client"

	sdk "github.com/cosmos/cosmos-sdk/types"
)

// Config names the chain and the way to it.
type Config struct {
	// RPC is the URL of a CometBFT RPC endpoint, such as http://127.0.0.1:26657.
	RPC string
	// ChainID is the chain that the caller means. Empty accepts any.
	ChainID string
	// GasPrices is what one unit of gas is paid with.
	GasPrices sdk.DecCoins
	// GasAdjustment multiplies the gas that a simulation used; 1.5 when zero.
	GasAdjustment float64
	// Timeout bounds each request; 10 s when zero.
	Timeout time.Duration
	// PollInterval is how long Watch waits for an event before it asks; 3 s
	// when zero.
	PollInterval time.Duration
	Logger       *slog.Logger
}

// Client is safe for use by several goroutines.
type Client struct {
	Encoding
	cfg Config
	rpc *rpchttp.HTTP
}

// New returns a client. It does not connect.
func New(cfg Config) (*Client, error) {
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	if cfg.PollInterval == 0 {
		cfg.PollInterval = 3 * time.Second
	}
	if cfg.GasAdjustment == 0 {
		cfg.GasAdjustment = 1.5
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if strings.TrimSpace(cfg.RPC) == "" {
		return nil, errors.New("no RPC endpoint is configured; give the URL of a node of the chain, such as http://127.0.0.1:26657")
	}
	encoding, err := NewEncoding()
	if err != nil {
		return nil, err
	}
	rpc, err := newRPC(cfg.RPC)
	if err != nil {
		return nil, err
	}
	return &Client{Encoding: encoding, cfg: cfg, rpc: rpc}, nil
}

func newRPC(url string) (*rpchttp.HTTP, error) {
	http, err := jsonrpcclient.DefaultHTTPClient(url)
	if err != nil {
		return nil, fmt.Errorf("RPC endpoint %q cannot be used: %w; write it as http://HOST:26657", url, err)
	}
	rpc, err := rpchttp.NewWithClient(url, "/websocket", http)
	if err != nil {
		return nil, fmt.Errorf("RPC endpoint %q cannot be used: %w; write it as http://HOST:26657", url, err)
	}
	return rpc, nil
}

// RPC is the URL that the client was made for.
func (c *Client) RPC() string { return c.cfg.RPC }

// ChainID is the configured chain id.
func (c *Client) ChainID() string { return c.cfg.ChainID }

// Head is the newest block that a node has.
type Head struct {
	ChainID string
	Height  int64
	// Time is the block's time: the only clock that the chain knows.
	Time time.Time
	// CatchingUp is set while the node still downloads old blocks.
	CatchingUp bool
}

// Head asks the node for its newest block.
func (c *Client) Head(ctx context.Context) (Head, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	st, err := c.rpc.Status(ctx)
	if err != nil {
		return Head{}, fmt.Errorf("the chain's node at %s does not answer: %w", c.cfg.RPC, plain(err))
	}
	return Head{
		ChainID: st.NodeInfo.Network, Height: st.SyncInfo.LatestBlockHeight,
		Time: st.SyncInfo.LatestBlockTime, CatchingUp: st.SyncInfo.CatchingUp,
	}, nil
}

// ErrWrongChain is wrapped when a node serves another chain than configured.
var ErrWrongChain = errors.New("wrong chain")

// CheckChain is Head, and an error when the node serves another chain than the
// configured one: a key must never sign for a chain that nobody chose.
func (c *Client) CheckChain(ctx context.Context) (Head, error) {
	head, err := c.Head(ctx)
	if err != nil {
		return head, err
	}
	if c.cfg.ChainID != "" && head.ChainID != c.cfg.ChainID {
		return head, fmt.Errorf("%w: this program is configured for chain %s, the node at %s runs %s; correct chain.id or chain.rpc",
			ErrWrongChain, c.cfg.ChainID, c.cfg.RPC, head.ChainID)
	}
	return head, nil
}

// plain shortens the client's chain of wrapped errors to its last words.
func plain(err error) error {
	if err == nil {
		return nil
	}
	if text, ok := strings.CutPrefix(err.Error(), "post failed: "); ok {
		return unwrapped{err, text}
	}
	return err
}

type unwrapped struct {
	error
	text string
}

func (u unwrapped) Error() string { return u.text }
func (u unwrapped) Unwrap() error { return u.error }
