package gateway

import (
	"cmp"
	"context"
	"slices"
	"sync/atomic"
	"time"
)

// catalogueAge is how old the list of models may be.
const catalogueAge = time.Second

// catalogue is the backend's list of models, asked once a second at most.
type catalogue struct {
	backend Backend
	now     func() time.Time
	last    atomic.Pointer[listed]
}

type listed struct {
	models []Model
	at     time.Time
}

func (c *catalogue) list(ctx context.Context) ([]Model, error) {
	now := c.now()
	if l := c.last.Load(); l != nil && now.Sub(l.at) < catalogueAge {
		return l.models, nil
	}
	models, err := c.backend.Models(ctx)
	if err != nil {
		return nil, err
	}
	c.last.Store(&listed{models: models, at: now})
	return models, nil
}

// find returns a model, or OpenAI's answer to one that is unknown.
func (c *catalogue) find(ctx context.Context, id string) (Model, error) {
	models, err := c.list(ctx)
	if err != nil {
		return Model{}, err
	}
	i, found := slices.BinarySearchFunc(models, id, func(m Model, id string) int { return cmp.Compare(m.ID, id) })
	if !found {
		return Model{}, noModel("The model `" + clip(id) + "` does not exist or no node serves it now.")
	}
	return models[i], nil
}
