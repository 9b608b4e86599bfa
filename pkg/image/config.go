package image

import (
	"encoding/json"
	"fmt"
	"sort"
	"strings"
)

// Config is the part of an image's configuration that says how its program is
// started.
type Config struct {
	// Architecture and OS are in Go's words, such as "amd64" and "linux".
	Architecture, OS string
	// Entrypoint and Cmd together are the command; arguments of a task replace Cmd.
	Entrypoint, Cmd []string
	// Env holds KEY=VALUE.
	Env []string
	// WorkingDir is an absolute path, or empty for "/".
	WorkingDir string
	// User is what the image asks for, such as "1000:1000" or "postgres".
	User string
	// Volumes are the paths that the image declares as volumes, sorted.
	Volumes []string
}

// document is the configuration as it lies in an archive, as far as this
// package knows it.
type document struct {
	Created      string      `json:"created,omitempty"`
	Architecture string      `json:"architecture"`
	OS           string      `json:"os"`
	Config       execution   `json:"config"`
	RootFS       rootFS      `json:"rootfs"`
	History      []historied `json:"history,omitempty"`
}

type execution struct {
	User       string              `json:"User,omitempty"`
	Env        []string            `json:"Env,omitempty"`
	Entrypoint []string            `json:"Entrypoint,omitempty"`
	Cmd        []string            `json:"Cmd,omitempty"`
	Volumes    map[string]struct{} `json:"Volumes,omitempty"`
	WorkingDir string              `json:"WorkingDir,omitempty"`
}

type rootFS struct {
	Type    string   `json:"type"`
	DiffIDs []string `json:"diff_ids"`
}

type historied struct {
	Created   string `json:"created,omitempty"`
	CreatedBy string `json:"created_by,omitempty"`
}

// epoch stands for every time in what Write emits: a real one would change the
// image's digest from one packing to the next.
const epoch = "1970-01-01T00:00:00Z"

// encode returns the configuration with the given layers as an archive has it.
func (c Config) encode(diffIDs []string) ([]byte, error) {
	d := document{
		Created: epoch, Architecture: c.Architecture, OS: c.OS,
		Config: execution{User: c.User, Env: c.Env, Entrypoint: c.Entrypoint, Cmd: c.Cmd, WorkingDir: c.WorkingDir},
		RootFS: rootFS{Type: "layers", DiffIDs: diffIDs},
	}
	for range diffIDs {
		d.History = append(d.History, historied{Created: epoch, CreatedBy: "emc pkg/image"})
	}
	for _, v := range c.Volumes {
		if d.Config.Volumes == nil {
			d.Config.Volumes = map[string]struct{}{}
		}
		d.Config.Volumes[v] = struct{}{}
	}
	return json.Marshal(d)
}

// parseConfig reads a stranger's configuration and checks all but the layers'
// content.
func parseConfig(raw []byte, limits Limits) (Config, []string, error) {
	var d document
	if err := unmarshalStrict(raw, &d); err != nil {
		return Config{}, nil, fmt.Errorf("%w: %w; %s", ErrConfig, err, saveHint)
	}
	if d.OS != "linux" || d.Architecture != limits.Architecture {
		return Config{}, nil, fmt.Errorf("%w: the image is for %.20q on %.20q, this node runs linux on %s; build it with --platform linux/%s",
			ErrPlatform, d.OS, d.Architecture, limits.Architecture, limits.Architecture)
	}
	if d.RootFS.Type != "layers" {
		return Config{}, nil, fmt.Errorf("%w: its file system has the type %.20q, expected \"layers\"; %s", ErrConfig, d.RootFS.Type, saveHint)
	}
	for _, id := range d.RootFS.DiffIDs {
		if !isDigest(id) {
			return Config{}, nil, fmt.Errorf("%w: a layer's digest is %.80q, expected sha256: and 64 lower-case hex digits; %s", ErrConfig, id, saveHint)
		}
	}
	c := Config{
		Architecture: d.Architecture, OS: d.OS, User: d.Config.User, Env: d.Config.Env,
		Entrypoint: d.Config.Entrypoint, Cmd: d.Config.Cmd, WorkingDir: d.Config.WorkingDir,
	}
	for v := range d.Config.Volumes {
		c.Volumes = append(c.Volumes, v)
	}
	sort.Strings(c.Volumes)
	return c, d.RootFS.DiffIDs, nil
}

// isDigest says whether s is "sha256:" and 64 lower-case hex digits.
func isDigest(s string) bool {
	hex, ok := strings.CutPrefix(s, "sha256:")
	return ok && len(hex) == 64 && strings.Trim(hex, "0123456789abcdef") == ""
}
