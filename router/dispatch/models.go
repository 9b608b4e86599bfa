package dispatch

import (
	"context"
	"time"

	"github.com/edgematrix/emc/router/gateway"
)

// listFor is how long a list of models counts: it is made of the whole table.
const listFor = time.Second

// Models implements gateway.Backend.
func (d *Dispatch) Models(context.Context) ([]gateway.Model, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if time.Since(d.listed) < listFor {
		return d.models, nil
	}
	var list []gateway.Model
	for _, a := range d.table.Snapshot().Apps {
		if a.Nodes == 0 {
			continue
		}
		m := gateway.Model{ID: a.App, Unit: "unit", UnitPrice: a.UnitPrice, CallPrice: a.CallPrice, Nodes: a.Nodes, OwnedBy: "emc", OpenAI: true}
		if app, ok := d.cfg.Nodes.App(a.App); ok {
			m.OwnedBy, m.Unit, m.OpenAI, m.Deterministic = app.Owner, app.Unit, app.OpenAI, app.Deterministic
		}
		list = append(list, m)
	}
	d.models, d.listed = list, time.Now()
	return list, nil
}

// serves tells whether any node is known to serve an app.
func (d *Dispatch) serves(app string) bool {
	list, _ := d.Models(context.Background())
	for _, m := range list {
		if m.ID == app {
			return true
		}
	}
	return false
}
