package mesh

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// session is a deposit that the router may spend, with the API key to it.
type session struct {
	*site
	id, key string
}

// open pays a deposit, at the customer's host.
func (s *site) open() *session {
	s.Helper()
	answer, err := s.customer.Command(s.ctx, "", nil, s.net.Bin.Emcd(), "session", "open", fmt.Sprintf("%duemc", deposit), "--router", s.router.URL,
		"--from", "bob", "--keyring-backend", "test", "--home", s.net.Home)
	require.NoError(s, err)
	out := &session{site: s}
	for line := range strings.Lines(answer.Out) {
		if rest, ok := strings.CutPrefix(line, "session "); ok {
			out.id = strings.TrimSpace(rest)
		}
		if rest, ok := strings.CutPrefix(line, "API key "); ok {
			out.key = strings.TrimSpace(rest)
		}
	}
	require.NotEmpty(s, out.id, answer.Out)
	require.NotEmpty(s, out.key, answer.Out)
	return out
}

// stream is an answer that comes.
type stream struct {
	io.Closer
	lines *bufio.Scanner
}

// next is the next event's data, "" at the end.
func (s *stream) next() string {
	for s.lines.Scan() {
		if data, ok := strings.CutPrefix(s.lines.Text(), "data: "); ok {
			return data
		}
	}
	return ""
}

// ask begins a call from the customer's host.
func (s *session) ask(ctx context.Context, tokens int) (*stream, error) {
	body := fmt.Sprintf(`{"model":%q,"max_tokens":%d,"stream":true,"messages":[{"role":"user","content":"count"}]}`, model, tokens)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.router.URL+"/chat/completions", strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+s.key)
	answer, err := from(s.customer).Do(r)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		defer answer.Body.Close()
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 1_000))
		return nil, fmt.Errorf("%s: %s", answer.Status, text)
	}
	return &stream{answer.Body, bufio.NewScanner(answer.Body)}, nil
}

// whole makes a call whose answer has to come to its end.
func (s *session) whole(tokens int) {
	s.Helper()
	var a *stream
	require.NoError(s, rig.Eventually(s.ctx, patience, "a node takes the call", func() (ok bool, err error) {
		a, err = s.ask(s.ctx, tokens)
		return err == nil, err
	}))
	defer a.Close()
	for i := range tokens {
		require.Equal(s, token(i), a.next())
	}
	require.Equal(s, "[DONE]", a.next())
	require.Empty(s, a.next())
}

// settle closes the session when the router has vouched for all that came whole, and
// returns what the chain has paid to nodes, by its own books.
func (s *session) settle(whole int64) (paid int64) {
	s.Helper()
	require.NoError(s, rig.Eventually(s.ctx, patience, "the router has vouched for all", func() (bool, error) {
		status, err := s.router.Status(s.ctx)
		return status.Exposure.Cosigned[s.id] >= whole, err
	}))
	_, err := s.net.Tx(s.ctx, "bob", "market", "close-session", s.id)
	require.NoError(s, err)
	var c struct {
		Session struct {
			Status   string  `json:"status"`
			Refunded rig.Int `json:"refunded"`
		} `json:"session"`
		Escrow rig.Coin `json:"escrow_balance"`
	}
	require.NoError(s, rig.Eventually(s.ctx, patience, "the session is settled", func() (bool, error) {
		_, err := s.net.Get(s.ctx, "/emc/market/v1/sessions/"+s.id, 0, &c)
		return c.Session.Status == "SESSION_STATUS_SETTLED", err
	}))
	require.Zero(s, int64(c.Escrow.Amount), "nothing is left between the books")
	return deposit - int64(c.Session.Refunded)
}
