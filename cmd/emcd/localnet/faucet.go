package localnet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/app"
	"github.com/edgematrix/emc/pkg/amount"
)

// payer sends coins and answers when they are in a block.
type payer interface {
	pay(ctx context.Context, to sdk.AccAddress, coins sdk.Coins) (receipt, error)
	address() sdk.AccAddress
	balance(ctx context.Context) (sdk.Coins, error)
}

// receipt says where a payment is found.
type receipt struct {
	Hash   string `json:"tx_hash"`
	Height int64  `json:"height"`
}

// errBusy means that too many payments wait already.
var errBusy = errors.New("the faucet is busy: try again in a moment")

// faucet serves POST / and /credit with {"address": …, "coins": […]}, and GET /status.
type faucet struct {
	chainID string
	coins   sdk.Coins
	most    sdk.Coins
	limits  *limits
	payer   payer
	blocked map[string]bool
	now     func() time.Time
}

// maxFaucetRequest bounds a request's body in bytes.
const maxFaucetRequest = 4 << 10

func newFaucet(cfg Config, chainID string, p payer) (*faucet, error) {
	coins, err := parseList("faucet: coins", cfg.Faucet.Coins)
	if err != nil {
		return nil, err
	}
	if coins.Empty() {
		coins = sdk.NewCoins(sdk.NewInt64Coin(amount.BaseDenom, 100_000_000))
	}
	most, err := parseList("faucet: coins_max", cfg.Faucet.CoinsMax)
	if err != nil {
		return nil, err
	}
	if most.Empty() {
		most = coins.MulInt(math.NewInt(10))
	}
	return &faucet{
		chainID: chainID, coins: coins, most: most, limits: newLimits(cfg.Faucet.Rates), payer: p,
		blocked: app.BlockedAddresses(), now: time.Now,
	}, nil
}

// handler returns the faucet's HTTP API, open to web pages of any origin.
func (f *faucet) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /{$}", f.credit)
	mux.HandleFunc("POST /credit", f.credit)
	mux.HandleFunc("GET /status", f.status)
	mux.HandleFunc("GET /{$}", f.status)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Access-Control-Allow-Headers", "Content-Type")
		w.Header().Set("Access-Control-Expose-Headers", "Retry-After")
		if r.Method == http.MethodOptions {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

type creditRequest struct {
	Address string   `json:"address"`
	Coins   []string `json:"coins"`
	// Denom is what CosmJS's faucet client sends in place of coins.
	Denom string `json:"denom"`
}

type creditResponse struct {
	Address string `json:"address"`
	Coins   string `json:"coins"`
	receipt
}

func (f *faucet) credit(w http.ResponseWriter, r *http.Request) {
	var request creditRequest
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxFaucetRequest))
	if err := decoder.Decode(&request); err != nil {
		fail(w, http.StatusBadRequest, fmt.Errorf(`send JSON as {"address": "emc1…", "coins": ["10emc"]}: %w`, err))
		return
	}
	to, coins, err := f.check(request)
	if err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	ip, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		ip = r.RemoteAddr
	}
	if wait, ok := f.limits.take(f.now(), ip, to.String()); !ok {
		seconds := retryAfter(wait)
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
		fail(w, http.StatusTooManyRequests, fmt.Errorf("too many requests: come again in %d s", seconds))
		return
	}
	paid, err := f.payer.pay(r.Context(), to, coins)
	switch {
	case errors.Is(err, errBusy):
		w.Header().Set("Retry-After", "2")
		fail(w, http.StatusServiceUnavailable, err)
	case err != nil:
		fail(w, http.StatusBadGateway, fmt.Errorf("the payment failed: %w", err))
	default:
		answer(w, http.StatusOK, creditResponse{Address: to.String(), Coins: coins.String(), receipt: paid})
	}
}

// check reads a request. It costs nothing, so that a mistake does not use up
// what the limits allow.
func (f *faucet) check(request creditRequest) (sdk.AccAddress, sdk.Coins, error) {
	if request.Address == "" {
		return nil, nil, errors.New(`the address is missing: send {"address": "emc1…"}`)
	}
	to, err := sdk.AccAddressFromBech32(request.Address)
	if err != nil {
		return nil, nil, fmt.Errorf("address: %w", err)
	}
	if f.blocked[to.String()] {
		return nil, nil, errors.New("address: a module's account takes no payments")
	}
	if request.Denom != "" && !strings.EqualFold(request.Denom, amount.BaseDenom) && !strings.EqualFold(request.Denom, amount.DisplayDenom) {
		return nil, nil, fmt.Errorf("denom: this faucet has no %q", request.Denom)
	}
	if len(request.Coins) == 0 {
		return to, f.coins, nil
	}
	coins, err := parseList("coins", request.Coins)
	if err != nil {
		return nil, nil, err
	}
	if coins.Empty() {
		return nil, nil, errors.New("coins: ask for more than nothing")
	}
	if !f.most.IsAllGTE(coins) {
		return nil, nil, fmt.Errorf("coins: at most %s at once", amount.FormatCoins(f.most))
	}
	return to, coins, nil
}

func (f *faucet) status(w http.ResponseWriter, r *http.Request) {
	balance, err := f.payer.balance(r.Context())
	if err != nil {
		fail(w, http.StatusBadGateway, err)
		return
	}
	answer(w, http.StatusOK, map[string]any{
		"chain_id": f.chainID, "address": f.payer.address().String(), "balance": balance.String(),
		"coins": f.coins.String(), "coins_max": f.most.String(), "requests_per_minute": f.limits.description,
	})
}

func fail(w http.ResponseWriter, code int, err error) {
	answer(w, code, map[string]string{"error": err.Error()})
}

func answer(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body) // the client is gone when this fails
}
