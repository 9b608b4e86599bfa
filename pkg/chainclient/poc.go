package chainclient

import (
	"context"
	"fmt"

	poctypes "github.com/edgematrix/emc/x/poc/types"
)

// PocParams returns the rules of x/poc.
func (c *Client) PocParams(ctx context.Context) (poctypes.Params, error) {
	r, err := poctypes.NewQueryClient(c.Conn()).Params(ctx, &poctypes.QueryParamsRequest{})
	if err != nil {
		return poctypes.Params{}, fmt.Errorf("the rules of the proof of computing: %w", err)
	}
	return r.Params, nil
}

// Window returns the window that opened at a height, or the newest for 0, or
// ErrNotFound.
func (c *Client) Window(ctx context.Context, height int64) (poctypes.Window, error) {
	r, err := poctypes.NewQueryClient(c.Conn()).Window(ctx, &poctypes.QueryWindowRequest{Height: height})
	if err != nil {
		return poctypes.Window{}, notFound(fmt.Sprintf("window %d", height), err)
	}
	return r.Window, nil
}

// Proof returns what a node committed to in the present window and whether it
// has to reveal, or ErrNotFound.
func (c *Client) Proof(ctx context.Context, node string) (poctypes.QueryProofResponse, error) {
	r, err := poctypes.NewQueryClient(c.Conn()).Proof(ctx, &poctypes.QueryProofRequest{Node: node})
	if err != nil {
		return poctypes.QueryProofResponse{}, notFound("proof of node "+node, err)
	}
	return *r, nil
}

// Power returns what a node has proved, or ErrNotFound.
func (c *Client) Power(ctx context.Context, node string) (poctypes.QueryPowerResponse, error) {
	r, err := poctypes.NewQueryClient(c.Conn()).Power(ctx, &poctypes.QueryPowerRequest{Node: node})
	if err != nil {
		return poctypes.QueryPowerResponse{}, notFound("power of node "+node, err)
	}
	return *r, nil
}

// Rewards returns what an operator can claim, or ErrNotFound.
func (c *Client) Rewards(ctx context.Context, operator string) (poctypes.Reward, error) {
	r, err := poctypes.NewQueryClient(c.Conn()).Rewards(ctx, &poctypes.QueryRewardsRequest{Operator: operator})
	if err != nil {
		return poctypes.Reward{}, notFound("rewards of "+operator, err)
	}
	return r.Reward, nil
}
