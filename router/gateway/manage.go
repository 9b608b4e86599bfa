package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/edgematrix/emc/router/apikey"
)

// maxManage is more than a request of these has.
const maxManage = 16 << 10

// keyJSON is a key as its owner sees it. Times are seconds, amounts uemc.
type keyJSON struct {
	Object        string `json:"object"`
	ID            string `json:"id"`
	Session       string `json:"session"`
	Name          string `json:"name"`
	Limit         uint64 `json:"limit"` // 0: none
	PerCall       uint64 `json:"per_call"`
	MaxConcurrent uint32 `json:"max_concurrent"`
	Master        bool   `json:"master"`
	Spent         uint64 `json:"spent"`
	Reserved      uint64 `json:"reserved"`
	CreatedAt     int64  `json:"created_at"`
	ExpiresAt     *int64 `json:"expires_at"`
	RevokedAt     *int64 `json:"revoked_at"`
	Secret        string `json:"key,omitempty"` // only once
}

func showKey(k apikey.Key) keyJSON {
	at := func(t time.Time) *int64 {
		if t.IsZero() {
			return nil
		}
		s := t.Unix()
		return &s
	}
	return keyJSON{
		Object: "emc.key", ID: k.ID, Session: k.Session, Name: k.Name, Limit: k.Limit, PerCall: k.PerCall, MaxConcurrent: k.MaxConcurrent, Master: k.Master,
		Spent: k.Spent, Reserved: k.Reserved, CreatedAt: k.CreatedAt.Unix(), ExpiresAt: at(k.ExpiresAt), RevokedAt: at(k.RevokedAt),
	}
}

// usage is what the key that asks has spent.
func (g *Gateway) usage(v *visit, r *http.Request) error {
	if err := only(r, http.MethodGet); err != nil {
		return err
	}
	k, err := g.authenticate(v, r)
	if err != nil {
		return err
	}
	return answerJSON(v, http.StatusOK, showKey(k))
}

// master returns the master key that asks.
func (g *Gateway) master(v *visit, r *http.Request) (apikey.Key, error) {
	k, err := g.authenticate(v, r)
	if err == nil && !k.Master {
		err = &failure{status: http.StatusForbidden, kind: invalidRequest, code: "insufficient_permissions", reason: "no_master", message: "Only the master key of a session manages its keys."}
	}
	return k, err
}

func (g *Gateway) manageKeys(v *visit, r *http.Request) error {
	if err := only(r, http.MethodGet, http.MethodPost); err != nil {
		return err
	}
	master, err := g.master(v, r)
	if err != nil {
		return err
	}
	if r.Method == http.MethodPost {
		return g.createKey(v, r, master)
	}
	keys, err := g.keys.List(master.Session)
	if err != nil {
		return err
	}
	out := make([]keyJSON, 0, len(keys))
	for _, k := range keys {
		out = append(out, showKey(k))
	}
	return answerJSON(v, http.StatusOK, list(out))
}

func (g *Gateway) createKey(v *visit, r *http.Request, master apikey.Key) error {
	var want struct {
		Name          string `json:"name"`
		Limit         uint64 `json:"limit"`
		PerCall       uint64 `json:"per_call"`
		MaxConcurrent uint32 `json:"max_concurrent"`
		ExpiresAt     int64  `json:"expires_at"`
	}
	if err := readManage(v, r, &want); err != nil {
		return err
	}
	k := apikey.Key{Session: master.Session, Name: want.Name, Limit: want.Limit, PerCall: want.PerCall, MaxConcurrent: want.MaxConcurrent}
	if want.ExpiresAt != 0 {
		k.ExpiresAt = time.Unix(want.ExpiresAt, 0)
	}
	k, secret, err := g.keys.Create(k)
	switch {
	case errors.Is(err, apikey.ErrInvalid), errors.Is(err, apikey.ErrTooMany):
		return badRequest("", err.Error())
	case err != nil:
		return err
	}
	out := showKey(k)
	out.Secret = secret
	v.Header().Set("Cache-Control", "no-store")
	return answerJSON(v, http.StatusCreated, out)
}

// manageKey is about one key: {id} or {id}/limit. One of another session is as unknown as one that never was.
func (g *Gateway) manageKey(v *visit, r *http.Request) error {
	id, what, _ := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), "/emc/v1/keys/"), "/")
	var method string
	switch what {
	case "":
		method = http.MethodDelete
	case "limit":
		method = http.MethodPost
	default:
		return unknownURL(r)
	}
	if err := only(r, method); err != nil {
		return err
	}
	master, err := g.master(v, r)
	if err != nil {
		return err
	}
	k, err := g.keys.Get(id)
	if errors.Is(err, apikey.ErrUnknown) || err == nil && k.Session != master.Session {
		return &failure{status: http.StatusNotFound, kind: invalidRequest, code: "key_not_found", reason: "key_not_found", message: "Your session has no such API key."}
	}
	if err != nil {
		return err
	}
	if what == "" {
		k, err = g.keys.Revoke(id)
	} else {
		var want struct {
			Limit *uint64 `json:"limit"`
		}
		if err := readManage(v, r, &want); err != nil {
			return err
		}
		if want.Limit == nil {
			return missing("limit")
		}
		k, err = g.keys.SetLimit(id, *want.Limit)
	}
	if err != nil {
		return err
	}
	return answerJSON(v, http.StatusOK, showKey(k))
}

// readManage refuses what it does not know: a limit that is misspelt would be none.
func readManage(v *visit, r *http.Request, into any) error {
	b, err := io.ReadAll(http.MaxBytesReader(v, r.Body, maxManage))
	if err != nil {
		return badRequest("", "The request's body is too long or broke off.")
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return badRequest("", "We could not parse the JSON body of your request: "+clip(err.Error()))
	}
	if dec.More() {
		return badRequest("", "We could not parse the JSON body of your request: one object is expected.")
	}
	return nil
}
