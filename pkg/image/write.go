package image

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime"
)

// Image is what Write packs.
type Image struct {
	// Config says how the program starts. An empty OS is "linux", an empty
	// Architecture that of this program.
	Config Config
	// Layers, lowest first; at least one.
	Layers []Layer
	// Tag is the image's name, such as "ocr:1"; empty for none.
	Tag string
}

// Executable is an image that holds one static executable, read from the host's
// file, as its entrypoint at the absolute path at.
func Executable(file, at string) (Image, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return Image{}, err
	}
	layer, err := FileLayer([]File{{Path: at, Mode: 0o755, Content: content}})
	if err != nil {
		return Image{}, err
	}
	return Image{Config: Config{Entrypoint: []string{at}}, Layers: []Layer{layer}}, nil
}

// blob is a layer or configuration on its way into an archive: size bytes that
// write gives, with the SHA-256 digest in 64 hex digits.
type blob struct {
	digest string
	size   int64
	write  func(io.Writer) error
}

// Write writes a docker-archive with this image and returns the image's id,
// "sha256:" and the digest of the configuration. The same image gives the same
// bytes.
func Write(w io.Writer, m Image) (string, error) {
	if len(m.Layers) == 0 {
		return "", errors.New("an image needs at least one layer")
	}
	if m.Tag != "" {
		if err := checkTag(m.Tag); err != nil {
			return "", err
		}
	}
	if m.Config.OS == "" {
		m.Config.OS = "linux"
	}
	if m.Config.Architecture == "" {
		m.Config.Architecture = runtime.GOARCH
	}
	layers := make([]blob, 0, len(m.Layers))
	ids := make([]string, 0, len(m.Layers))
	for _, l := range m.Layers {
		var size count
		h := sha256.New()
		if err := l.write(io.MultiWriter(h, &size)); err != nil {
			return "", err
		}
		b := blob{digest: hex.EncodeToString(h.Sum(nil)), size: int64(size), write: l.write}
		layers = append(layers, b)
		ids = append(ids, "sha256:"+b.digest)
	}
	config, err := m.Config.encode(ids)
	if err != nil {
		return "", err
	}
	return writeArchive(w, config, layers, m.Tag)
}

// manifest is the one entry of manifest.json.
type manifest struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// writeArchive writes the layers, the configuration and a manifest.json, each
// named by its own digest, a repeated layer once.
func writeArchive(w io.Writer, config []byte, layers []blob, tag string) (string, error) {
	sum := sha256.Sum256(config)
	id := hex.EncodeToString(sum[:])
	m := manifest{Config: id + ".json"}
	if tag != "" {
		m.RepoTags = []string{tag}
	}
	tw := tar.NewWriter(w)
	written := map[string]bool{}
	for _, l := range layers {
		name := l.digest + ".tar"
		m.Layers = append(m.Layers, name)
		if written[name] {
			continue
		}
		written[name] = true
		if err := tw.WriteHeader(plainHeader(name, l.size)); err != nil {
			return "", err
		}
		if err := l.write(tw); err != nil {
			return "", err
		}
	}
	list, err := json.Marshal([]manifest{m})
	if err != nil {
		return "", err
	}
	for _, f := range []struct {
		name    string
		content []byte
	}{{m.Config, config}, {"manifest.json", list}} {
		if err := tw.WriteHeader(plainHeader(f.name, int64(len(f.content)))); err != nil {
			return "", err
		}
		if _, err := tw.Write(f.content); err != nil {
			return "", err
		}
	}
	if err := tw.Close(); err != nil {
		return "", err
	}
	return "sha256:" + id, nil
}

// checkTag accepts NAME:TAG as an Engine does, without a registry's port.
func checkTag(tag string) error {
	// Compiled here: a package of formats keeps no globals, and a run needs it once.
	ok := regexp.MustCompile(`^[a-z0-9]+([._/-][a-z0-9]+)*:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$`).MatchString(tag)
	if !ok || len(tag) > 255 {
		return fmt.Errorf("image tag %.80q: expected NAME:TAG in lower case, such as emc-app:1", tag)
	}
	return nil
}

// count counts the bytes written to it.
type count int64

func (c *count) Write(p []byte) (int, error) {
	*c += count(len(p))
	return len(p), nil
}
