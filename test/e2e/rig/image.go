package rig

import (
	"archive/tar"
	"context"
	"os"
	"time"

	"github.com/edgematrix/emc/pkg/image"
)

// Where a packed program stands in its image. The second copy belongs to root
// and carries the set-user-id bit, as a hostile image would have it.
const (
	imageProgram = "guest"
	imageSetuid  = "guest-setuid"
)

// BuildImage compiles a program for this machine and packs it as a container
// image, in the format of `docker save`. The program stays beside it.
func BuildImage(ctx context.Context, root, out, pkg string) error {
	program := ImageProgram(out)
	if err := GoBuild(ctx, root, program, pkg); err != nil {
		return err
	}
	layer := out + ".layer"
	if err := layerOf(layer, program); err != nil {
		return err
	}
	file, err := os.Create(out)
	if err != nil {
		return err
	}
	defer file.Close()
	m := image.Image{
		Config: image.Config{Entrypoint: []string{"/" + imageProgram}},
		Layers: []image.Layer{image.TarLayer(layer)},
	}
	if _, err := image.Write(file, m); err != nil {
		return err
	}
	return file.Close()
}

// ImageProgram is the file from which BuildImage packs an image.
func ImageProgram(image string) string { return image + ".program" }

// layerOf writes a layer by hand: pkg/image packs no set-user-id bits.
func layerOf(out, program string) error {
	content, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	file, err := os.Create(out)
	if err != nil {
		return err
	}
	defer file.Close()
	w := tar.NewWriter(file)
	for _, f := range []struct {
		name string
		mode int64
	}{{imageProgram, 0o755}, {imageSetuid, 0o4755}} {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: f.name, Mode: f.mode, Size: int64(len(content)), ModTime: time.Unix(0, 0)}
		if err := w.WriteHeader(h); err != nil {
			return err
		}
		if _, err := w.Write(content); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	return file.Close()
}
