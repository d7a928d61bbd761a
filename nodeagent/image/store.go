// Package image keeps the node's images in containerd: pulls, imports, lists and
// removes them, and collects what the disk has no room for.
package image

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/identity"
	imagespec "github.com/opencontainers/image-spec/specs-go/v1"

	"taffrail.dev/events/errs"
	"taffrail.dev/nodeagent/runtime"
)

const snapshotter = "overlayfs"

// Store is a containerd's images.
type Store struct {
	client *client.Client

	mu       sync.Mutex // guards resolved; not held over I/O
	resolved map[digest.Digest]runtime.Image
}

// NewStore is the images of a connected client.
func NewStore(c *client.Client) *Store {
	return &Store{client: c, resolved: map[digest.Digest]runtime.Image{}}
}

func scoped(ctx context.Context) context.Context {
	return namespaces.WithNamespace(ctx, runtime.Namespace)
}

// Normalize completes an image's name: "nginx" is "docker.io/library/nginx:latest".
func Normalize(name string) (string, error) {
	ref, err := reference.ParseDockerRef(name)
	if err != nil {
		return "", errs.F("parse image name", errs.Invalid, "couldn't parse image name %q: %v", name, err)
	}
	return ref.String(), nil
}

// Get is a local image, unpacked; an error of kind errs.NotFound says that it isn't here.
func (s *Store) Get(ctx context.Context, name string) (runtime.Image, error) {
	full, err := Normalize(name)
	if err != nil {
		return runtime.Image{}, err
	}
	ctx = scoped(ctx)
	rec, err := s.client.ImageService().Get(ctx, full)
	if errdefs.IsNotFound(err) {
		return runtime.Image{}, errs.F("find image", errs.NotFound, "image %q is not present", name)
	}
	if err != nil {
		return runtime.Image{}, err
	}
	s.mu.Lock()
	img, ok := s.resolved[rec.Target.Digest]
	s.mu.Unlock()
	if !ok {
		if img, err = s.resolve(ctx, rec); err != nil {
			return runtime.Image{}, err
		}
		s.mu.Lock()
		if len(s.resolved) > 1000 {
			clear(s.resolved)
		}
		s.resolved[rec.Target.Digest] = img
		s.mu.Unlock()
	}
	img.Name, img.ID = name, repository(full)+"@"+rec.Target.Digest.String()
	return img, nil
}

func repository(full string) string {
	if ref, err := reference.ParseNormalizedNamed(full); err == nil {
		return ref.Name()
	}
	return full
}

// resolve reads an image's configuration and has it unpacked.
func (s *Store) resolve(ctx context.Context, rec images.Image) (runtime.Image, error) {
	img := client.NewImageWithPlatform(s.client, rec, platforms.DefaultStrict())
	unpacked, err := img.IsUnpacked(ctx, snapshotter)
	if err == nil && !unpacked {
		err = img.Unpack(ctx, snapshotter)
	}
	if err != nil {
		return runtime.Image{}, fmt.Errorf("unpack image %s: %w", rec.Name, err)
	}
	desc, err := img.Config(ctx)
	if err != nil {
		return runtime.Image{}, err
	}
	b, err := content.ReadBlob(ctx, s.client.ContentStore(), desc)
	if err != nil {
		return runtime.Image{}, err
	}
	var config imagespec.Image
	if err := json.Unmarshal(b, &config); err != nil {
		return runtime.Image{}, fmt.Errorf("configuration of image %s: %w", rec.Name, err)
	}
	return runtime.Image{Snapshot: identity.ChainID(config.RootFS.DiffIDs).String(), Config: config.Config}, nil
}

// Info is an image of the node.
type Info struct {
	// Names it goes by, digests ("name@sha256:…") first.
	Names   []string
	Digest  string
	Bytes   int64
	Created time.Time
}

// List is every image, the largest first.
func (s *Store) List(ctx context.Context) ([]Info, error) {
	ctx = scoped(ctx)
	recs, err := s.client.ImageService().List(ctx)
	if err != nil {
		return nil, err
	}
	byDigest := map[digest.Digest]*Info{}
	for _, rec := range recs {
		i := byDigest[rec.Target.Digest]
		if i == nil {
			size, _ := rec.Size(ctx, s.client.ContentStore(), platforms.DefaultStrict())
			i = &Info{Digest: rec.Target.Digest.String(), Bytes: size, Created: rec.CreatedAt}
			byDigest[rec.Target.Digest] = i
		}
		if i.Created.Before(rec.CreatedAt) {
			i.Created = rec.CreatedAt
		}
		for _, n := range []string{repository(rec.Name) + "@" + rec.Target.Digest.String(), rec.Name} {
			if !slices.Contains(i.Names, n) {
				i.Names = append(i.Names, n)
			}
		}
	}
	out := make([]Info, 0, len(byDigest))
	for _, i := range byDigest {
		slices.SortFunc(i.Names, func(a, b string) int {
			if da, db := strings.Contains(a, "@"), strings.Contains(b, "@"); da != db {
				if da {
					return -1
				}
				return 1
			}
			return strings.Compare(a, b)
		})
		out = append(out, *i)
	}
	slices.SortFunc(out, func(a, b Info) int {
		if a.Bytes != b.Bytes {
			return int(b.Bytes>>1 - a.Bytes>>1)
		}
		return strings.Compare(a.Digest, b.Digest)
	})
	return out, nil
}

// Remove forgets a name, or with a digest every name of that image; what no name and no container
// holds any longer is deleted.
func (s *Store) Remove(ctx context.Context, name string) error {
	ctx = scoped(ctx)
	if d, err := digest.Parse(name); err == nil {
		recs, err := s.client.ImageService().List(ctx, "target.digest=="+d.String())
		if err != nil {
			return err
		}
		if len(recs) == 0 {
			return errs.F("remove image", errs.NotFound, "image %q is not present", name)
		}
		for i, rec := range recs {
			if err := s.delete(ctx, rec.Name, i == len(recs)-1); err != nil {
				return err
			}
		}
		return nil
	}
	full, err := Normalize(name)
	if err != nil {
		return err
	}
	return s.delete(ctx, full, true)
}

func (s *Store) delete(ctx context.Context, name string, wait bool) error {
	var opts []images.DeleteOpt
	if wait {
		opts = append(opts, images.SynchronousDelete())
	}
	err := s.client.ImageService().Delete(ctx, name, opts...)
	if errdefs.IsNotFound(err) {
		return errs.F("remove image", errs.NotFound, "image %q is not present", name)
	}
	return err
}

// Size is a local image's size in the content store, 0 if it isn't known.
func (s *Store) Size(ctx context.Context, name string) int64 {
	full, err := Normalize(name)
	if err != nil {
		return 0
	}
	ctx = scoped(ctx)
	rec, err := s.client.ImageService().Get(ctx, full)
	if err != nil {
		return 0
	}
	n, err := rec.Size(ctx, s.client.ContentStore(), platforms.DefaultStrict())
	if err != nil {
		return 0
	}
	return n
}

// Client is the connection that the images are reached by.
func (s *Store) Client() *client.Client { return s.client }
