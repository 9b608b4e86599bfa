package rig

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
)

// EnvEngine names a Docker Engine, as it does for every client of one.
const EnvEngine = "DOCKER_HOST"

// LabelPrefix begins the name of every label that a worker uses. OwnerLabel is
// on everything that it makes in an Engine; its value is the node's address.
const (
	LabelPrefix = "network.edgematrix.emc."
	OwnerLabel  = LabelPrefix + "owner"
)

// Engine is a Docker Engine, asked in its own language: not through the
// client that the worker uses.
type Engine struct {
	// Host is its address as EnvEngine has it.
	Host string

	client *http.Client
}

// OpenEngine names the Engine at a unix socket; an empty host is the one of the
// environment, or the usual one. Nothing is asked of it yet.
func OpenEngine(host string) (*Engine, error) {
	if host == "" {
		host = os.Getenv(EnvEngine)
	}
	if host == "" {
		host = "unix:///var/run/docker.sock"
	}
	socket, ok := strings.CutPrefix(host, "unix://")
	if !ok {
		return nil, fmt.Errorf("%s: only an Engine at unix://… is used by these tests", host)
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}
	// No connection is kept: the Engine is killed and started again in between.
	return &Engine{Host: host, client: &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}}, nil
}

// ask sends a request and reads the JSON answer, if there is anything to read
// it into.
func (e *Engine) ask(ctx context.Context, method, path string, body io.Reader, kind string, into any) error {
	request, err := http.NewRequestWithContext(ctx, method, "http://engine/v1.41"+path, body)
	if err != nil {
		return err
	}
	if kind != "" {
		request.Header.Set("Content-Type", kind)
	}
	response, err := e.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 16<<20))
	if err != nil {
		return err
	}
	if response.StatusCode == http.StatusNotFound {
		return fmt.Errorf("%s: %w", path, ErrNotFound)
	}
	if response.StatusCode >= 300 && response.StatusCode != http.StatusNotModified {
		return fmt.Errorf("%s %s: %s: %.400s", method, path, response.Status, text)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(text, into)
}

// Ping says why the Engine does not answer.
func (e *Engine) Ping(ctx context.Context) error {
	return e.ask(ctx, http.MethodGet, "/info", nil, "", &struct{}{})
}

// Container is a container as the Engine lists it.
type Container struct {
	ID     string            `json:"Id"`
	State  string            `json:"State"`
	Labels map[string]string `json:"Labels"`
}

// Containers lists the containers, running or not, with all the labels, each
// of which is KEY or KEY=VALUE.
func (e *Engine) Containers(ctx context.Context, labels ...string) ([]Container, error) {
	var out []Container
	return out, e.ask(ctx, http.MethodGet, "/containers/json?all=1&filters="+filter(labels), nil, "", &out)
}

// Volumes names the volumes with all the labels.
func (e *Engine) Volumes(ctx context.Context, labels ...string) ([]string, error) {
	var answer struct{ Volumes []struct{ Name string } }
	err := e.ask(ctx, http.MethodGet, "/volumes?filters="+filter(labels), nil, "", &answer)
	out := make([]string, 0, len(answer.Volumes))
	for _, v := range answer.Volumes {
		out = append(out, v.Name)
	}
	return out, err
}

func filter(labels []string) string {
	text, _ := json.Marshal(map[string][]string{"label": labels}) // strings always marshal
	return url.QueryEscape(string(text))
}

// Load gives the Engine an image from an archive and returns its id.
func (e *Engine) Load(ctx context.Context, archive string) (string, error) {
	file, err := os.Open(archive)
	if err != nil {
		return "", err
	}
	defer file.Close()
	var answer struct {
		Stream string `json:"stream"`
	}
	if err := e.ask(ctx, http.MethodPost, "/images/load?quiet=1", file, "application/x-tar", &answer); err != nil {
		return "", err
	}
	_, id, ok := strings.Cut(answer.Stream, "sha256:")
	if !ok {
		return "", fmt.Errorf("the Engine does not say what it loaded: %q", answer.Stream)
	}
	return "sha256:" + strings.TrimSpace(id), nil
}

// Launch starts a container without a network and returns its id.
func (e *Engine) Launch(ctx context.Context, image string, labels map[string]string, args ...string) (string, error) {
	body, err := json.Marshal(map[string]any{
		"Image": image, "Cmd": args, "Labels": labels, "HostConfig": map[string]any{"NetworkMode": "none"},
	})
	if err != nil {
		return "", err
	}
	var made struct {
		ID string `json:"Id"`
	}
	if err := e.ask(ctx, http.MethodPost, "/containers/create", bytes.NewReader(body), "application/json", &made); err != nil {
		return "", err
	}
	return made.ID, e.ask(ctx, http.MethodPost, "/containers/"+made.ID+"/start", nil, "", nil)
}

// State is a container's, such as "running"; ErrNotFound when it is gone.
func (e *Engine) State(ctx context.Context, id string) (string, error) {
	var answer struct{ State struct{ Status string } }
	err := e.ask(ctx, http.MethodGet, "/containers/"+id+"/json", nil, "", &answer)
	return answer.State.Status, err
}

// Remove ends and removes a container.
func (e *Engine) Remove(ctx context.Context, id string) error {
	return e.ask(ctx, http.MethodDelete, "/containers/"+id+"?force=1&v=1", nil, "", nil)
}

// Purge ends and removes every container with the label, KEY=VALUE, and then
// the volumes.
func (e *Engine) Purge(ctx context.Context, label string) error {
	containers, err := e.Containers(ctx, label)
	errs := []error{err}
	for _, c := range containers {
		errs = append(errs, e.Remove(ctx, c.ID))
	}
	volumes, err := e.Volumes(ctx, label)
	errs = append(errs, err)
	for _, name := range volumes {
		errs = append(errs, e.ask(ctx, http.MethodDelete, "/volumes/"+name, nil, "", nil))
	}
	return errors.Join(errs...)
}

// RemoveImage removes an image that no container uses.
func (e *Engine) RemoveImage(ctx context.Context, id string) error {
	return e.ask(ctx, http.MethodDelete, "/images/"+id, nil, "", nil)
}
