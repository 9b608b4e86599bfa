package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// What the gateway is asked for, and what it costs.
const (
	model        = "my-model"
	pricePerUnit = 10        // uemc a token
	purchase     = 5_000_000 // the session's deposit, uemc
	answerTokens = 64
)

// readyTime bounds what takes some blocks on a slow machine.
const readyTime = 2 * time.Minute

// gate is the cast of the demo's last section: carol, whose programs call, a router of its own operator, and the worker.
type gate struct {
	*market
	router  *rig.Router
	base    string // URL of OpenAI's API
	key     string
	id      string // of the session
	tokens  int64  // that all answers told of
	answers int64
}

// openai shows that any OpenAI client calls the model that the first job trained, through a router.
func (d *demo) openai(ctx context.Context, t trained) error {
	d.head("Any OpenAI client: the trained model, for whoever has an API key")
	g := &gate{market: &market{demo: d, dir: filepath.Join(d.dir, "openai")}}
	if err := os.MkdirAll(g.dir, 0o755); err != nil {
		return err
	}
	if err := g.offer(ctx, t); err != nil {
		return err
	}
	if err := g.buy(ctx); err != nil {
		return err
	}
	if err := g.clients(ctx); err != nil {
		return err
	}
	if err := g.atOnce(ctx); err != nil {
		return err
	}
	return g.settle(ctx)
}

// offer starts the router, and has the worker answer calls of the app.
func (g *gate) offer(ctx context.Context, t trained) error {
	g.router = rig.NewRouter(g.net, filepath.Join(g.dir, "router"))
	g.demo.router = g.router // stopped with the rest
	g.say("$ emc-router up --localnet net --home openai/router")
	if err := g.router.Up(ctx); err != nil {
		return err
	}
	g.lines(g.router.Process().Output())
	digest, err := rig.Digest(g.bin.Charlm())
	if err != nil {
		return err
	}
	if err := g.typed(ctx, "alice", "compute", "register-app", model, "wasm", digest, "--interface", "openai", "--unit", "token", "--comparison", "exact"); err != nil {
		return err
	}
	if err := rig.Eventually(ctx, readyTime, "the chain knows where the router is", func() (bool, error) {
		n, err := g.net.Node(ctx, g.router.Address)
		return n.Online && len(n.Endpoints) > 0, err
	}); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"app", "add", g.bin.Charlm()},
		{"service", "add", model, "--price", fmt.Sprintf("%duemc", pricePerUnit), "--input", t.weights, "--", "serve", "--weights", "/in/" + filepath.Base(t.weights)},
	} {
		g.say("$ emc-worker %s", strings.ReplaceAll(strings.Join(args, " "), g.demo.dir+"/", ""))
		answer, err := g.worker.Run(ctx, args...)
		if err != nil {
			return err
		}
		g.lines(strings.ReplaceAll(answer.Out, g.demo.dir+"/", ""))
	}
	var s rig.RouterStatus
	if err := rig.Eventually(ctx, readyTime, "a node is ready for "+model+" and has cover", func() (bool, error) {
		var err error
		if s, err = g.router.Status(ctx); err != nil {
			return false, err
		}
		covered := strings.TrimSuffix(s.Exposure.Covered, "uemc")
		return s.Ready(model) > 0 && covered != "" && covered != "0", fmt.Errorf("apps %+v, cover %q, %s", s.Apps, s.Exposure.Covered, s.Problem)
	}); err != nil {
		return err
	}
	g.say("the router heard the worker: %d node ready for %s at %d uemc a token; cover of %s stands in for its vouchers", s.Ready(model), model, s.Apps[0].UnitPrice, s.Exposure.Covered)
	return nil
}

// buy opens a session with one command, whose answer is what an OpenAI client takes.
func (g *gate) buy(ctx context.Context) (err error) {
	for i, address := range []string{g.worker.Operator, g.router.Operator, ""} {
		if address == "" {
			if address, err = g.net.Address(ctx, "carol"); err != nil {
				return err
			}
		}
		if g.books[i], err = g.net.Open(ctx, address); err != nil {
			return err
		}
	}
	args := []string{"session", "open", fmt.Sprintf("%duemc", purchase), "--router", strings.TrimSuffix(g.router.URL, "/v1"), "--from", "carol"}
	g.say("$ emcd %s", strings.Join(args, " "))
	answer, err := g.net.Emcd(ctx, append(args, "--keyring-backend", "test")...)
	if err != nil {
		return err
	}
	for line := range strings.Lines(answer.Out) {
		for name, into := range map[string]*string{"session ": &g.id, "base URL ": &g.base, "API key ": &g.key} {
			if value, ok := strings.CutPrefix(line, name); ok {
				*into = strings.TrimSpace(value)
			}
		}
	}
	if g.id == "" || g.base != g.router.URL || !strings.HasPrefix(g.key, "sk-emc-") {
		return fmt.Errorf("no session, base URL and API key in %q", answer.Out)
	}
	g.lines(strings.ReplaceAll(answer.Out, g.key, g.key[:len("sk-emc-")+4]+"…"))
	return g.money.Check(ctx)
}

// typed sends a transaction as its sender would type it.
func (g *gate) typed(ctx context.Context, from string, args ...string) error {
	g.say("$ emcd tx %s --from %s", strings.Join(args, " "), from)
	if _, err := g.net.Tx(ctx, from, args...); err != nil {
		return err
	}
	return g.money.Check(ctx)
}
