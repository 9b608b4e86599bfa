package gateway

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// modelJSON is a model as OpenAI lists one; what this network has besides stands under emc.
type modelJSON struct {
	ID      string       `json:"id"`
	Object  string       `json:"object"`
	Created int64        `json:"created"`
	OwnedBy string       `json:"owned_by"`
	EMC     modelEMCJSON `json:"emc"`
}

type modelEMCJSON struct {
	OpenAI        bool   `json:"openai"`
	Unit          string `json:"unit"`
	UnitPrice     uint64 `json:"unit_price"`
	CallPrice     uint64 `json:"call_price"`
	Nodes         int    `json:"nodes"`
	Deterministic bool   `json:"deterministic"`
}

func show(m Model) modelJSON {
	return modelJSON{ID: m.ID, Object: "model", Created: m.Created, OwnedBy: m.OwnedBy, EMC: modelEMCJSON{
		OpenAI: m.OpenAI, Unit: m.Unit, UnitPrice: m.UnitPrice, CallPrice: m.CallPrice, Nodes: m.Nodes, Deterministic: m.Deterministic,
	}}
}

func (g *Gateway) listModels(v *visit, r *http.Request) error {
	if err := only(r, http.MethodGet, http.MethodHead); err != nil {
		return err
	}
	if _, err := g.authenticate(v, r); err != nil {
		return err
	}
	models, err := g.catalogue.list(r.Context())
	if err != nil {
		return err
	}
	out := make([]modelJSON, 0, len(models))
	for _, m := range models {
		out = append(out, show(m))
	}
	return answerJSON(v, http.StatusOK, list(out))
}

func (g *Gateway) showModel(v *visit, r *http.Request) error {
	if err := only(r, http.MethodGet, http.MethodHead); err != nil {
		return err
	}
	if _, err := g.authenticate(v, r); err != nil {
		return err
	}
	id, err := url.PathUnescape(strings.TrimPrefix(r.URL.EscapedPath(), "/v1/models/"))
	if err != nil {
		return unknownURL(r)
	}
	m, err := g.catalogue.find(r.Context(), id)
	if err != nil {
		return err
	}
	return answerJSON(v, http.StatusOK, show(m))
}

// list is how OpenAI wraps many of a kind.
func list(data any) any {
	return struct {
		Object string `json:"object"`
		Data   any    `json:"data"`
	}{"list", data}
}

func answerJSON(v *visit, status int, what any) error {
	b, err := json.Marshal(what)
	if err != nil {
		return err
	}
	writeJSON(v, status, b)
	return nil
}
