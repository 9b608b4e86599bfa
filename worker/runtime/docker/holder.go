package docker

import (
	"bytes"
	"context"
	goruntime "runtime"

	"github.com/edgematrix/emc/pkg/image"
)

// Where things lie in the holder's image, which contains nothing else.
const (
	waiterPath = "/wait"
	helperPath = "/.emc/helper"
)

// helperTag names the holder's image in the Engine.
const helperTag = "emc-holder:1"

// holderArchive packs the image of holders and probes. It contains the waiter
// and nothing else.
func holderArchive(ctx context.Context) (*image.Archive, error) {
	program, err := waiterProgram(goruntime.GOARCH)
	if err != nil {
		return nil, err
	}
	layer, err := image.FileLayer([]image.File{
		{Path: "etc/emc-holder", Mode: 0o644, Content: []byte("This image keeps the output of EMC jobs while they run.\n")},
		{Path: waiterPath[1:], Mode: 0o755, Content: program},
	})
	if err != nil {
		return nil, err
	}
	var packed bytes.Buffer
	if _, err := image.Write(&packed, image.Image{
		Config: image.Config{Entrypoint: []string{waiterPath}, WorkingDir: "/"},
		Layers: []image.Layer{layer},
		Tag:    helperTag,
	}); err != nil {
		return nil, err
	}
	return image.Read(ctx, bytes.NewReader(packed.Bytes()), int64(packed.Len()), image.Limits{})
}
