package validators

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// rpc asks a node's CometBFT endpoint; path is a method with its arguments,
// such as "block?height=3".
func (n *Node) rpc(ctx context.Context, path string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, n.RPC+"/"+path, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var answer struct {
		Result json.RawMessage `json:"result"`
		Error  *struct {
			Message string `json:"message"`
			Data    string `json:"data"`
		} `json:"error"`
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, 64<<20)).Decode(&answer); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if answer.Error != nil {
		return fmt.Errorf("%s: %s: %s", path, answer.Error.Message, answer.Error.Data)
	}
	return json.Unmarshal(answer.Result, into)
}

// Status is where a node stands.
type Status struct {
	// Height is its newest block, Earliest the oldest that it holds.
	Height, Earliest int64
	CatchingUp       bool
	// Consensus is its consensus address in hex, VotingPower its weight.
	Consensus   string
	VotingPower int64
}

// Status asks the node where it stands.
func (n *Node) Status(ctx context.Context) (Status, error) {
	var answer struct {
		Sync struct {
			Height     rig.Int `json:"latest_block_height"`
			Earliest   rig.Int `json:"earliest_block_height"`
			CatchingUp bool    `json:"catching_up"`
		} `json:"sync_info"`
		Validator struct {
			Address string  `json:"address"`
			Power   rig.Int `json:"voting_power"`
		} `json:"validator_info"`
	}
	err := n.rpc(ctx, "status", &answer)
	return Status{
		Height: int64(answer.Sync.Height), Earliest: int64(answer.Sync.Earliest), CatchingUp: answer.Sync.CatchingUp,
		Consensus: answer.Validator.Address, VotingPower: int64(answer.Validator.Power),
	}, err
}

// Peers is how many other nodes it is connected to.
func (n *Node) Peers(ctx context.Context) (int, error) {
	var answer struct {
		Peers rig.Int `json:"n_peers"`
	}
	err := n.rpc(ctx, "net_info", &answer)
	return int(answer.Peers), err
}

// Header is what a node says of a block.
type Header struct {
	Height int64
	// Hash is the block's, AppHash the one of the state before the block; hex.
	Hash, AppHash string
	Time          time.Time
}

// pageOfHeaders is how many headers CometBFT gives at once.
const pageOfHeaders = 20

// Headers returns the headers from one height to another, both included, the
// lowest first.
func (n *Node) Headers(ctx context.Context, from, to int64) ([]Header, error) {
	var out []Header
	for low := from; low <= to; low += pageOfHeaders {
		high := min(low+pageOfHeaders-1, to)
		var answer struct {
			Metas []struct {
				ID struct {
					Hash string `json:"hash"`
				} `json:"block_id"`
				Header struct {
					Height  rig.Int   `json:"height"`
					Time    time.Time `json:"time"`
					AppHash string    `json:"app_hash"`
				} `json:"header"`
			} `json:"block_metas"`
		}
		if err := n.rpc(ctx, fmt.Sprintf("blockchain?minHeight=%d&maxHeight=%d", low, high), &answer); err != nil {
			return nil, err
		}
		if len(answer.Metas) != int(high-low+1) {
			return nil, fmt.Errorf("%s has %d of the blocks %d to %d", n.Name, len(answer.Metas), low, high)
		}
		for i := len(answer.Metas) - 1; i >= 0; i-- {
			m := answer.Metas[i]
			out = append(out, Header{int64(m.Header.Height), m.ID.Hash, m.Header.AppHash, m.Header.Time})
		}
	}
	return out, nil
}

// Header returns one header.
func (n *Node) Header(ctx context.Context, height int64) (Header, error) {
	list, err := n.Headers(ctx, height, height)
	if err == nil && len(list) != 1 {
		err = fmt.Errorf("%s has no block %d", n.Name, height)
	}
	if err != nil {
		return Header{}, err
	}
	return list[0], nil
}

// Store reads a key of a module's store as it was at a height; 0 is the newest.
// The value is empty when there is none.
func (n *Node) Store(ctx context.Context, store string, key []byte, height int64) ([]byte, error) {
	var answer struct {
		Response struct {
			Code  int    `json:"code"`
			Log   string `json:"log"`
			Value []byte `json:"value"`
		} `json:"response"`
	}
	err := n.rpc(ctx, fmt.Sprintf(`abci_query?path="/store/%s/key"&data=0x%x&height=%d`, store, key, height), &answer)
	if err == nil && answer.Response.Code != 0 {
		err = errors.New(answer.Response.Log)
	}
	return answer.Response.Value, err
}

// WaitHeight waits until the node has a block of the height.
func (n *Node) WaitHeight(ctx context.Context, height int64, within time.Duration) error {
	return rig.Eventually(ctx, within, fmt.Sprintf("%s has block %d", n.Name, height), func() (bool, error) {
		s, err := n.Status(ctx)
		if err == nil && s.Height < height {
			err = fmt.Errorf("it has block %d", s.Height)
		}
		return err == nil, err
	})
}
