package image

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/pkg/archive/compression"

	"taffrail.dev/events/errs"
)

// Dial is the images of the containerd on a socket; Close its Client.
func Dial(socket string) (*Store, error) {
	c, err := client.New(socket, client.WithTimeout(10*time.Second))
	if err != nil {
		return nil, fmt.Errorf("connect to containerd: %w", err)
	}
	return NewStore(c), nil
}

const importOp = "import image"

// Import reads an OCI or Docker archive (a tar, compressed or not) and returns the names of the
// images in it, which are then unpacked and ready to run. What is no such archive, or names no image, is
// an error of kind errs.Invalid.
func (s *Store) Import(ctx context.Context, r io.Reader) ([]string, error) {
	plain, err := compression.DecompressStream(r)
	if err != nil {
		return nil, errs.E(importOp, errs.Invalid, err)
	}
	defer plain.Close()
	archive := &sound{r: plain}
	ctx, done, err := s.client.WithLease(scoped(ctx))
	if err != nil {
		return nil, errs.F(importOp, errs.Unavailable, "containerd: %w", err)
	}
	defer func() { _ = done(context.WithoutCancel(ctx)) }()
	imported, err := s.client.Import(ctx, archive, client.WithSkipMissing(), client.WithImageRefTranslator(canonical))
	switch {
	case archive.err != nil:
		return nil, errs.F(importOp, errs.Invalid, "the archive cannot be read: %w", archive.err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, errs.F(importOp, errs.Invalid, "not an OCI or Docker archive of an image, or cut short")
	case errors.Is(err, tar.ErrHeader), err != nil && err.Error() == "unrecognized image format":
		return nil, errs.F(importOp, errs.Invalid, "not an OCI or Docker archive of an image")
	case err != nil:
		return nil, errs.E(importOp, errs.Internal, err)
	case len(imported) == 0:
		return nil, errs.F(importOp, errs.Invalid, "the archive names no image: give it a tag before saving it")
	}
	var names []string
	for _, rec := range imported {
		if _, err := s.resolve(ctx, rec); err != nil {
			return names, errs.E(importOp, errs.Internal, err)
		}
		names = append(names, rec.Name)
	}
	return names, nil
}

// canonical completes a name that an archive gives, so that pods find the image by it.
func canonical(name string) string {
	if full, err := Normalize(name); err == nil {
		return full
	}
	return name
}

// sound remembers why reading failed: what reads a stream for others hides it.
type sound struct {
	r   io.Reader
	err error
}

func (s *sound) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}
