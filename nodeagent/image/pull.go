package image

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/remotes/docker"

	"taffrail.dev/nodeagent/runtime"
)

// Puller pulls images, the same one for several pods at a time only once.
type Puller struct {
	store      *Store
	registries Registries
	slots      chan struct{}

	mu     sync.Mutex // guards flight; not held over I/O
	flight map[string]*pull
}

type pull struct {
	done  chan struct{}
	image runtime.Image
	err   error
}

// NewPuller pulls into a store, at most parallel images at once.
func NewPuller(s *Store, r Registries, parallel int) *Puller {
	return &Puller{store: s, registries: r, slots: make(chan struct{}, max(parallel, 1)), flight: map[string]*pull{}}
}

// Pull fetches and unpacks an image. Callers with other credentials do not share a pull.
func (p *Puller) Pull(ctx context.Context, name string, keys Keychain) (runtime.Image, error) {
	full, err := Normalize(name)
	if err != nil {
		return runtime.Image{}, err
	}
	id := full + fmt.Sprint(keys)
	p.mu.Lock()
	f := p.flight[id]
	if f == nil {
		f = &pull{done: make(chan struct{})}
		p.flight[id] = f
		// The pull belongs to all who wait for it: it is not the first one's to cancel.
		go p.run(context.WithoutCancel(ctx), id, full, keys, f)
	}
	p.mu.Unlock()
	select {
	case <-f.done:
		img := f.image
		img.Name = name
		return img, f.err
	case <-ctx.Done():
		return runtime.Image{}, ctx.Err()
	}
}

// pullTimeout bounds one pull as a whole.
const pullTimeout = 30 * time.Minute

func (p *Puller) run(ctx context.Context, id, full string, keys Keychain, f *pull) {
	ctx, cancel := context.WithTimeout(scoped(ctx), pullTimeout)
	defer cancel()
	p.slots <- struct{}{}
	f.image, f.err = p.fetch(ctx, full, keys)
	<-p.slots
	p.mu.Lock()
	delete(p.flight, id)
	p.mu.Unlock()
	close(f.done)
}

func (p *Puller) fetch(ctx context.Context, full string, keys Keychain) (runtime.Image, error) {
	resolver := docker.NewResolver(docker.ResolverOptions{Hosts: p.registries.resolver(keys)})
	_, err := p.store.client.Pull(ctx, full,
		client.WithResolver(resolver), client.WithPullUnpack, client.WithPullSnapshotter(snapshotter),
		client.WithPullLabels(map[string]string{"io.cri-containerd.image": "managed"}))
	if err != nil {
		return runtime.Image{}, fmt.Errorf("failed to pull and unpack image %q: %w", full, err)
	}
	return p.store.Get(ctx, full)
}
