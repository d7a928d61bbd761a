package nodetest

import (
	"bytes"
	"context"
	"io"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"taffrail.dev/nodeagent/image"
)

// Archive is a Docker archive of an image under a name.
func Archive(ref string, img v1.Image) (io.Reader, error) {
	tag, err := name.NewTag(ref)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = tarball.Write(tag, img, &b)
	return &b, err
}

// Import puts the busybox image into the host's containerd under a name.
func (h *Host) Import(ctx context.Context, ref string, entrypoint ...string) error {
	img, err := Busybox(entrypoint...)
	if err != nil {
		return err
	}
	archive, err := Archive(ref, img)
	if err != nil {
		return err
	}
	_, err = image.NewStore(h.Client).Import(ctx, archive)
	return err
}
