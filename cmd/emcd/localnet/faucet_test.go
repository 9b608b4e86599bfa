package localnet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	sdk "github.com/cosmos/cosmos-sdk/types"
)

type fakePayer struct {
	paid sdk.Coins
	err  error
}

func (p *fakePayer) pay(_ context.Context, _ sdk.AccAddress, coins sdk.Coins) (receipt, error) {
	if p.err != nil {
		return receipt{}, p.err
	}
	p.paid = p.paid.Add(coins...)
	return receipt{Hash: "AB", Height: 7}, nil
}

func (p *fakePayer) address() sdk.AccAddress { return someone(0) }

func (p *fakePayer) balance(context.Context) (sdk.Coins, error) { return p.paid, nil }

func someone(i int) sdk.AccAddress { return fmt.Appendf(nil, "%020d", i) }

// faucetAt returns a faucet with a clock that the test moves.
func faucetAt(t *testing.T, p *fakePayer, rates Rates) (*faucet, *time.Time) {
	t.Helper()
	now := time.Unix(1_000_000, 0)
	f, err := newFaucet(Config{Faucet: Faucet{Coins: []string{"2emc"}, CoinsMax: []string{"3emc"}, Rates: rates}}, "test-1", p)
	require.NoError(t, err)
	f.now = func() time.Time { return now }
	return f, &now
}

func post(f *faucet, body any, from string) *httptest.ResponseRecorder {
	raw, ok := body.(string)
	if !ok {
		encoded, _ := json.Marshal(body)
		raw = string(encoded)
	}
	request := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader([]byte(raw)))
	request.RemoteAddr = from + ":1000"
	response := httptest.NewRecorder()
	f.handler().ServeHTTP(response, request)
	return response
}

func TestFaucetPays(t *testing.T) {
	p := &fakePayer{}
	f, _ := faucetAt(t, p, Rates{})
	response := post(f, creditRequest{Address: someone(1).String()}, "10.0.0.1")
	require.Equal(t, http.StatusOK, response.Code)
	require.JSONEq(t, `{"address":"`+someone(1).String()+`","coins":"2000000uemc","tx_hash":"AB","height":7}`, response.Body.String())
	require.Equal(t, "*", response.Header().Get("Access-Control-Allow-Origin"))

	require.Equal(t, http.StatusOK, post(f, creditRequest{Address: someone(2).String(), Coins: []string{"0.5emc"}}, "10.0.0.1").Code)
	require.Equal(t, "2500000uemc", p.paid.String())
}

func TestFaucetRefuses(t *testing.T) {
	p := &fakePayer{}
	f, _ := faucetAt(t, p, Rates{})
	good := someone(1).String()
	for name, body := range map[string]any{
		"no JSON": "coins please", "empty": "", "no address": creditRequest{}, "foreign": creditRequest{Address: "cosmos1fl48vsnmsdzcv85q5d2q4z5ajdha8yu34mf0eh"},
		"too much": creditRequest{Address: good, Coins: []string{"3.000001emc"}}, "nothing": creditRequest{Address: good, Coins: []string{"0emc"}},
		"unknown coin": creditRequest{Address: good, Denom: "ustake"}, "huge": string(bytes.Repeat([]byte(" "), maxFaucetRequest+1)) + "{}",
	} {
		require.Equal(t, http.StatusBadRequest, post(f, body, "10.0.0.1").Code, name)
	}
	require.Empty(t, p.paid)
}

// Each of the three limits holds by itself, says when to come again, and lets in
// who waits as long.
func TestFaucetLimits(t *testing.T) {
	for name, test := range map[string]struct {
		rates   Rates
		request func(i int) (address, ip string)
		burst   int
	}{
		"address": {Rates{Address: 6, IP: 1e6, Global: 1e6}, func(i int) (string, string) { return someone(1).String(), "10.0.0." + strconv.Itoa(i) }, 3},
		"ip":      {Rates{Address: 1e6, IP: 6, Global: 1e6}, func(i int) (string, string) { return someone(i).String(), "10.0.0.1" }, 3},
		"global":  {Rates{Address: 1e6, IP: 1e6, Global: 6}, func(i int) (string, string) { return someone(i).String(), "10.0.0." + strconv.Itoa(i) }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			f, now := faucetAt(t, &fakePayer{}, test.rates)
			credit := func(i int) *httptest.ResponseRecorder {
				address, ip := test.request(i)
				return post(f, creditRequest{Address: address}, ip)
			}
			for i := range test.burst {
				require.Equal(t, http.StatusOK, credit(i).Code)
			}
			for range 3 { // refusals do not prolong the wait
				refused := credit(50)
				require.Equal(t, http.StatusTooManyRequests, refused.Code)
				require.Equal(t, "10", refused.Header().Get("Retry-After"))
			}
			*now = now.Add(10 * time.Second)
			require.Equal(t, http.StatusOK, credit(50).Code)
			require.Equal(t, http.StatusTooManyRequests, credit(51).Code)
		})
	}
}

// A flood of made-up addresses does not fill the memory.
func TestFaucetForgets(t *testing.T) {
	k := newKeyed(6, 3)
	for i := range 2 * maxKeys {
		k.get(strconv.Itoa(i))
	}
	require.Equal(t, maxKeys, k.order.Len())
	require.Len(t, k.byKey, maxKeys)
}

func TestFaucetFailures(t *testing.T) {
	for _, test := range []struct {
		err  error
		code int
	}{{errBusy, http.StatusServiceUnavailable}, {errors.New("no funds"), http.StatusBadGateway}} {
		f, _ := faucetAt(t, &fakePayer{err: test.err}, Rates{})
		response := post(f, creditRequest{Address: someone(1).String()}, "10.0.0.1")
		require.Equal(t, test.code, response.Code)
		require.Contains(t, response.Body.String(), test.err.Error())
	}
}
