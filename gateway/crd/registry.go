package crd

import (
	"cmp"
	"crypto/tls"
	"errors"
	"maps"
	"slices"
	"sync/atomic"

	"go.uber.org/zap"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
	"taffrail.dev/gateway/view"
)

// Config of a Registry.
type Config struct {
	View *view.View
	// Change is told of kinds that are no longer served and of those that are now, at once. It is called
	// on the goroutine that folds, before anyone who waits for the fold goes on.
	Change func(gone, come []*kind.Kind)
	// BuiltIn says whether a resource is the gateway's own: no definition takes its place. nil for none.
	BuiltIn func(subject.Resource) bool
	// Certificate is shown to conversion webhooks that ask for one; nil for none.
	Certificate *tls.Certificate
	Log         *zap.Logger
}

func (c *Config) validate() error {
	if c.View == nil || c.Change == nil {
		return errors.New("crd: View and Change are needed")
	}
	if c.BuiltIn == nil {
		c.BuiltIn = func(subject.Resource) bool { return false }
	}
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	return nil
}

// Registry is the fold of all definitions: the kinds that users define, as of now.
type Registry struct {
	cfg Config
	// now is replaced whole, by the goroutine that folds.
	now   atomic.Pointer[map[string]*definition]
	wake  chan struct{}
	parts parts
}

// New makes an empty Registry. Its view is to be made to call Changed for what Watches picks.
func New(cfg Config) (*Registry, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	r := &Registry{cfg: cfg, wake: make(chan struct{}, 1)}
	r.now.Store(&map[string]*definition{})
	return r, nil
}

// Watches picks the resources that Changed has to be told of: definitions, and for the Keeper what
// becomes of their names and of their objects.
func (r *Registry) Watches(of subject.Resource) bool {
	return of == kind.CustomResourceDefinitions || of == kind.DefinitionNames || !r.cfg.BuiltIn(of)
}

// Changed folds a change of an object.
func (r *Registry) Changed(o subject.Object) {
	switch o.Resource {
	case kind.CustomResourceDefinitions:
	case kind.DefinitionNames:
		r.wakeKeeper()
		return
	default:
		r.objectChanged(o)
		return
	}
	before := (*r.now.Load())[o.Name]
	after := r.read(o.Name, before)
	defer r.wakeKeeper() // once there is something new to look at
	if before == nil && after == nil || before != nil && after != nil && after.alike(before) {
		return
	}
	next := maps.Clone(*r.now.Load())
	delete(next, o.Name)
	var gone, come []*kind.Kind
	if before != nil {
		gone = before.kinds
	}
	if after != nil {
		next[o.Name], come = after, after.kinds
	}
	r.now.Store(&next)
	if len(gone)+len(come) > 0 {
		r.cfg.Change(gone, come)
	}
}

// read is a definition as the view has it; nil for none.
func (r *Registry) read(name string, before *definition) *definition {
	e := r.cfg.View.Table(kind.CustomResourceDefinitions).Snapshot().Get("", name)
	if e == nil {
		return nil
	}
	d, err := newDefinition(e, before, &r.cfg)
	if err != nil {
		r.cfg.Log.Error("definition does not decode", zap.String("definition", name), zap.Error(err))
		return nil
	}
	if r.cfg.BuiltIn(d.resource()) {
		d.kinds = nil
	}
	return d
}

// objectChanged wakes the keeper for objects whose definition waits for them to go.
func (r *Registry) objectChanged(o subject.Object) {
	if d := (*r.now.Load())[o.Resource.String()]; d != nil && d.terminating {
		r.wakeKeeper()
	}
}

func (r *Registry) wakeKeeper() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// definitions are all that there are, by group and name.
func (r *Registry) definitions() []*definition {
	return slices.SortedFunc(maps.Values(*r.now.Load()), func(a, b *definition) int {
		return cmp.Or(cmp.Compare(a.group, b.group), cmp.Compare(a.name, b.name))
	})
}

// Kinds are those served now, by group and name, each definition's preferred version first.
func (r *Registry) Kinds() []*kind.Kind {
	var out []*kind.Kind
	for _, d := range r.definitions() {
		out = append(out, d.kinds...)
	}
	return out
}
