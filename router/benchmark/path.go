package benchmark

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"

	"github.com/edgematrix/emc/pkg/httpcall"
	"github.com/edgematrix/emc/pkg/identity"
	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/session/call"
	"github.com/edgematrix/emc/pkg/session/ledger"
	"github.com/edgematrix/emc/pkg/session/model"
	"github.com/edgematrix/emc/pkg/transfer"
)

// The paced app: an answer of so many tokens, one each.
const (
	pacedTokens = 32
	pacedEvery  = 20 * time.Millisecond
	pacedEvent  = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]}\n\n"
)

// path is a router in a process of its own, a node that it calls, and the node's app without them: the same handler, asked
// directly, and through a plain proxy in the router's process.
type path struct {
	urls   [ways]string
	key    string // API key
	router *routerChild
	close  []func() error
}

// paced writes the tokens of an answer, each when it is due, however long it took to send the one before: a model does not
// wait for its readers either. It writes all at once when asked for none.
func paced(ctx context.Context, tokens int, write func([]byte) error) error {
	begin := time.Now()
	for i := range tokens {
		wait := time.NewTimer(time.Until(begin.Add(time.Duration(i+1) * pacedEvery)))
		select {
		case <-ctx.Done():
			wait.Stop()
			return ctx.Err()
		case <-wait.C:
		}
		if err := write([]byte(pacedEvent)); err != nil {
			return err
		}
	}
	return write([]byte("data: [DONE]\n\n"))
}

// tokensOf is how many tokens a request gets: a small call is answered at once.
func tokensOf(body []byte) int {
	if bytes.Contains(body, []byte(`"max_tokens":1,`)) {
		return 0
	}
	return pacedTokens
}

// pacedApp is the app behind a node.
type pacedApp struct{}

func (pacedApp) Answer(ctx context.Context, _ receipt.Request, body []byte, send func(call.Piece) error) error {
	r, err := httpcall.ReadRequest(body)
	if err != nil {
		return err
	}
	asked, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	head, err := httpcall.AppendHead(nil, 200, http.Header{"Content-Type": {"text/event-stream"}})
	if err != nil {
		return err
	}
	if err := send(call.Piece{Data: head}); err != nil {
		return err
	}
	return paced(ctx, tokensOf(asked), func(b []byte) error { return send(call.Piece{Data: b, Units: 1, Amount: 1}) })
}

// pacedHandler is the same app as a server.
func pacedHandler(w http.ResponseWriter, r *http.Request) {
	asked, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	out := http.NewResponseController(w)
	_ = out.Flush()
	_ = paced(r.Context(), tokensOf(asked), func(b []byte) error {
		if _, err := w.Write(b); err != nil {
			return err
		}
		return out.Flush()
	})
}

// newPath opens all parties, with their ledgers in a folder: what binds them is durable, as in production.
func newPath(ctx context.Context, o Options) (p *path, err error) {
	p = &path{}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.end())
		}
	}()
	node := identity.New()
	nodeKey, err := node.ReceiptKey()
	if err != nil {
		return p, err
	}
	chain := model.New(chainID, time.Hour, time.Minute, time.Now)
	nodeHost, err := p.node(ctx, o.Dir, node, nodeKey, session.NewCached(chain, time.Now, time.Second, 100))
	if err != nil {
		return p, err
	}
	if err := p.serve(ctx); err != nil {
		return p, err
	}
	if p.router, err = startRouter(ctx, o, nodeKey.Public(), strings.TrimPrefix(p.urls[direct], "http://")); err != nil {
		return p, err
	}
	p.close = append(p.close, p.router.end)
	there, err := p.router.parse()
	if err != nil {
		return p, err
	}
	chain.SetCover(there.router.Address(), nodeKey.Public().Address(), deposit)
	chain.Open(sessionID, there.session, deposit, lifetime, session.Router{Key: there.router, Allotment: deposit})
	if err := nodeHost.Connect(ctx, there.at); err != nil {
		return p, err
	}
	p.urls[routed], p.urls[proxied], p.key = p.router.said.URL, p.router.said.Proxy, p.router.said.APIKey
	return p, nil
}

// node answers calls with the paced app.
func (p *path) node(ctx context.Context, dir string, id identity.Identity, key *receipt.SecretKey, chain session.Chain) (host.Host, error) {
	h, err := p.host(ctx, id)
	if err != nil {
		return nil, err
	}
	store, err := p.ledger(dir, "node.db")
	if err != nil {
		return nil, err
	}
	n, err := session.NewNode(session.NodeConfig{
		ChainID: chainID, Key: key, Public: key.Public(), Chain: chain, Store: store, Now: time.Now, Random: rand.Reader,
		Credit: 1_000_000, Unwritten: 10_000, Margin: time.Minute, MaxRunning: 1024,
	})
	if err != nil {
		return nil, err
	}
	server := call.DefaultServerConfig(n, pacedApp{})
	server.Logger = slog.New(slog.DiscardHandler)
	h.SetStreamHandler(call.Protocol, func(s network.Stream) { _ = server.Serve(ctx, s) })
	return h, nil
}

// serve opens the app beside the node.
func (p *path) serve(ctx context.Context) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	app := &http.Server{Handler: http.HandlerFunc(pacedHandler), ReadHeaderTimeout: time.Minute}
	go func() { _ = app.Serve(listener) }()
	p.close = append(p.close, app.Close)
	p.urls[direct] = "http://" + listener.Addr().String()
	return nil
}

func (p *path) host(ctx context.Context, id identity.Identity) (host.Host, error) {
	h, err := newHost(ctx, id)
	if err == nil {
		p.close = append(p.close, h.Close)
	}
	return h, err
}

func newHost(ctx context.Context, id identity.Identity) (host.Host, error) {
	key, err := id.HostKey()
	if err != nil {
		return nil, err
	}
	return transfer.NewHost(ctx, key, []string{"/ip4/127.0.0.1/tcp/0"})
}

func (p *path) ledger(dir, name string) (*ledger.File, error) {
	store, err := ledger.Open(filepath.Join(dir, name))
	if err == nil {
		p.close = append(p.close, store.Close)
	}
	return store, err
}

// end closes everything, the last first.
func (p *path) end() error {
	var errs []error
	for i := len(p.close) - 1; i >= 0; i-- {
		errs = append(errs, p.close[i]())
	}
	return errors.Join(errs...)
}
