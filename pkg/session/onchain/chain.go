package onchain

import (
	"context"
	"fmt"
	"time"

	gogoproto "github.com/cosmos/gogoproto/proto"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/chainclient"
	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/x/market/types"
)

// Config is how a party reaches the chain.
type Config struct {
	Client *chainclient.Client
	// Signer sends the transactions; nil for a party that only asks. Nothing else may send with its account at the same time.
	Signer chainclient.Signer
	// FeeGranter pays the fees; empty is the signer itself.
	FeeGranter sdk.AccAddress
	// Wait for a block that holds a transaction; 1 min when zero.
	Wait time.Duration
}

// Chain implements session.Chain. It is safe for concurrent use, but one goroutine at a time sends transactions.
type Chain struct{ cfg Config }

var _ session.Chain = (*Chain)(nil)

// New returns a party's way to the chain. It does not connect.
func New(cfg Config) (*Chain, error) {
	if cfg.Client == nil || cfg.Client.ChainID() == "" {
		return nil, fmt.Errorf("%w: a client of a chain with a known id is needed", session.ErrConfig)
	}
	if cfg.Wait == 0 {
		cfg.Wait = time.Minute
	}
	return &Chain{cfg}, nil
}

func (c *Chain) query() types.QueryClient { return types.NewQueryClient(c.cfg.Client.Conn()) }

// Session implements session.Chain.
func (c *Chain) Session(ctx context.Context, id receipt.SessionID) (session.Info, error) {
	r, err := c.query().Session(ctx, &types.QuerySessionRequest{Session: id.String()})
	if status.Code(err) == codes.NotFound {
		return session.Info{}, fmt.Errorf("%w: the chain has no session %s: it never was, or is settled and forgotten", session.ErrSession, id)
	}
	if err != nil {
		return session.Info{}, fmt.Errorf("session %s: %w", id, err)
	}
	return Info(r.Session)
}

// Cover implements session.Chain.
func (c *Chain) Cover(ctx context.Context, router, node receipt.Address) (uint64, error) {
	r, err := c.query().Cover(ctx, &types.QueryCoverRequest{Router: router.String(), Node: node.String()})
	if status.Code(err) == codes.NotFound {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("the cover of router %s for node %s: %w", router, node, err)
	}
	return number(r.Counted.Amount), nil
}

// Redeem implements session.Chain.
func (c *Chain) Redeem(ctx context.Context, vouchers []receipt.Voucher) ([]session.Redemption, error) {
	m := &types.MsgRedeemVouchers{}
	for _, v := range vouchers {
		m.Vouchers = append(m.Vouchers, types.FromReceipt(v))
	}
	var answer types.MsgRedeemVouchersResponse
	err := c.send(ctx, &answer, func(sender string) sdk.Msg { m.Sender = sender; return m })
	return Answers(answer.Redemptions), err
}

// send signs one message, waits for its block, and reads its response.
func (c *Chain) send(ctx context.Context, into gogoproto.Message, message func(sender string) sdk.Msg) error {
	if c.cfg.Signer == nil {
		return fmt.Errorf("%w: no key is there to sign a transaction", session.ErrConfig)
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Wait)
	defer cancel()
	draft := chainclient.Draft{Messages: []sdk.Msg{message(chainclient.Address(c.cfg.Signer).String())}, FeeGranter: c.cfg.FeeGranter}
	in, err := c.cfg.Client.Send(ctx, draft, c.cfg.Signer)
	if err != nil {
		return err
	}
	var data sdk.TxMsgData
	if err := gogoproto.Unmarshal(in.Data, &data); err != nil {
		return fmt.Errorf("the response of transaction %s: %w", in.Hash, err)
	}
	if len(data.MsgResponses) != 1 {
		return fmt.Errorf("the response of transaction %s is not one message's", in.Hash)
	}
	if err := gogoproto.Unmarshal(data.MsgResponses[0].Value, into); err != nil {
		return fmt.Errorf("the response of transaction %s: %w", in.Hash, err)
	}
	return nil
}
