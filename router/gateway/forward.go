package gateway

import (
	"context"
	"errors"
	"math"
	"net/http"

	"github.com/edgematrix/emc/pkg/httpcall"
	"github.com/edgematrix/emc/router/apikey"
)

// order is a call that is in order.
type order struct {
	key    apikey.Key
	model  Model
	target string
	header http.Header
	body   []byte
	stream bool
	units  uint64
	terms  terms
}

// openAI makes a call of OpenAI's API.
func (g *Gateway) openAI(v *visit, r *http.Request, e endpoint) error {
	return g.admit(v, r, func(o *order) error {
		f, err := e.read(r.Header, o.body)
		if err != nil {
			return err
		}
		if o.model, err = g.catalogue.find(r.Context(), f.model); err != nil {
			return err
		}
		if v.app = o.model.ID; !o.model.OpenAI {
			return noModel("`" + o.model.ID + "` does not speak OpenAI's API; call it at /call/" + o.model.ID + "/.")
		}
		if o.header.Get("Content-Type") == "" {
			o.header.Set("Content-Type", "application/json")
		}
		o.target, o.stream, o.units = r.URL.RequestURI(), f.stream, f.bound(e.units(g.Units))
		if e.tokens {
			o.units += min(uint64(len(o.body)), g.Units.Prompt, math.MaxUint64-o.units)
		}
		return nil
	})
}

// anyCall makes a call of whatever an app has.
func (g *Gateway) anyCall(v *visit, r *http.Request) error {
	return g.admit(v, r, func(o *order) (err error) {
		app, target := callTarget(r)
		if o.model, err = g.catalogue.find(r.Context(), app); err != nil {
			return err
		}
		v.app = o.model.ID
		o.target, o.units = target, anyApp().units(g.Units)
		return nil
	})
}

// admit takes a request in the order in which it costs the router least to refuse one, and makes the call.
func (g *Gateway) admit(v *visit, r *http.Request, read func(*order) error) (err error) {
	o := order{header: http.Header{}}
	if o.key, err = g.authenticate(v, r); err != nil {
		return err
	}
	v.call = true
	release, err := g.slots.take(o.key)
	if err != nil {
		return err
	}
	defer release()
	g.metrics.running.Inc()
	defer g.metrics.running.Dec()
	if o.terms, err = readTerms(r.Header); err != nil {
		return err
	}
	l := &lease{pool: g.memory, session: o.key.Session}
	defer l.free()
	if o.body, err = g.readBody(v, r, l); err != nil {
		return err
	}
	for _, name := range []string{"Accept", "Content-Encoding", "Content-Type"} {
		if value := r.Header.Get(name); value != "" {
			o.header.Set(name, value)
		}
	}
	if err := read(&o); err != nil {
		return err
	}
	if o.terms.units > 0 {
		o.units = o.terms.units
	}
	return g.serve(v, r, o, l)
}

// serve answers from the cache or by a call.
func (g *Gateway) serve(v *visit, r *http.Request, o order, l *lease) error {
	var keep *cacheKey
	if o.model.Deterministic && !o.stream && !o.terms.stream && !o.terms.noStore && g.CacheBytes > 0 {
		key := keyOf(o.model, o.key.Session, r.Method, o.target, o.header, o.body)
		if a, found := g.cache.get(key, g.now()); found {
			v.cache, v.node = "hit", a.node
			v.Header().Set(headerCache, "hit")
			return writeWhole(v, a.node, http.StatusOK, a.header, a.body, 0)
		}
		v.cache, keep = "miss", &key
		v.Header().Set(headerCache, "miss")
	}
	message, err := httpcall.AppendRequest(nil, r.Method, o.target, o.header, o.body)
	if err != nil {
		return badRequest("", "The request cannot be passed on: "+err.Error())
	}
	o.body = nil
	m := &money{keys: g.keys, key: o.key.ID, most: g.allowed(o)}
	defer m.abandon()
	if m.most == 0 {
		return apikey.ErrLimit
	}
	ctx, cancel := context.WithTimeout(r.Context(), g.CallTime)
	defer cancel()
	answer, err := g.backend.Call(ctx, Call{
		Session: o.key.Session, App: o.model.ID, Message: message, Units: o.units, MaxPrice: m.most, Reserve: m.reserve,
		Region: o.terms.region, MinIsolation: o.terms.isolation, MinPower: o.terms.power,
	})
	if err != nil {
		var e *Error
		if errors.As(err, &e) {
			v.cost = e.Charged
		}
		v.failure = m.settle(v.cost)
		return inTime(ctx, err)
	}
	t := &transfer{visit: v, answer: answer, order: o, lease: l, most: g.MaxAnswer, settle: m.settle}
	defer t.finish()
	v.node = answer.Node
	if err := t.pass(); err != nil {
		return inTime(ctx, err)
	}
	if keep != nil && t.whole != nil && answer.Status == http.StatusOK {
		g.cache.put(*keep, cached{node: answer.Node, header: answer.Header, body: t.whole}, g.now())
	}
	return nil
}

// allowed is the most that a call may cost.
func (g *Gateway) allowed(o order) uint64 {
	most := g.MaxPrice
	if o.terms.price > 0 {
		most = o.terms.price
	}
	if o.key.PerCall > 0 {
		most = min(most, o.key.PerCall)
	}
	return min(most, o.key.Room())
}

// inTime gives an error of a call whose time is over its name.
func inTime(ctx context.Context, err error) error {
	var e *Error
	if errors.Is(ctx.Err(), context.DeadlineExceeded) && !errors.As(err, &e) {
		return errors.Join(context.DeadlineExceeded, err)
	}
	return err
}
