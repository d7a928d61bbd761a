package view

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"taffrail.dev/events/errs"
	"taffrail.dev/events/journal"
	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
)

// Config of a View. Zero numbers take the defaults.
type Config struct {
	Kinds []*kind.Kind
	// Journals are the streams that the kinds live on.
	Journals map[subject.Stream]journal.Reader
	// RecentEvents and RecentBytes bound the events kept per resource (8192, 16 MiB): watches start from
	// these, older ones from the journal.
	RecentEvents, RecentBytes int
	// ObjectBytes and TextBytes bound the decoded objects and the JSON kept (32 and 64 MiB), which are kept for
	// two Ages at most (of a minute).
	ObjectBytes, TextBytes int
	Age                    time.Duration
	// Snapshots shorten the fold's start; nil for none.
	Snapshots Snapshots
	Log       *zap.Logger
}

// Snapshots keep the state of streams at a sequence: *fold.Snapshots.
type Snapshots interface {
	// Load passes on the newest snapshot not past last, and returns its sequence, 0 for none.
	Load(ctx context.Context, stream subject.Stream, last uint64, fn func([]journal.Message, uint64) error) (uint64, error)
}

func (c *Config) defaults() {
	setDefault(&c.RecentEvents, 8192)
	setDefault(&c.RecentBytes, 16<<20)
	setDefault(&c.ObjectBytes, 32<<20)
	setDefault(&c.TextBytes, 64<<20)
	if c.Age == 0 {
		c.Age = time.Minute
	}
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
}

func setDefault(n *int, value int) {
	if *n == 0 {
		*n = value
	}
}

// View is the folded state of all kinds.
type View struct {
	cfg Config
	// tables are copied on write, under adding: kinds come while requests are answered.
	tables         atomic.Pointer[map[subject.Resource]*Table]
	adding         sync.Mutex
	streams        map[subject.Stream]*stream
	objects, texts hoard
	placement      placement
	observers      []observer
}

type observer struct {
	of func(subject.Resource) bool
	fn func(subject.Object)
}

var _ kind.Reader = (*View)(nil)

// New makes an empty view; Run fills it. Every kind's stream must be among the journals.
func New(cfg Config) *View {
	cfg.defaults()
	v := &View{cfg: cfg, streams: map[subject.Stream]*stream{}}
	v.tables.Store(&map[subject.Resource]*Table{})
	v.objects = hoard{limit: cfg.ObjectBytes, drop: func(e *Entry) { e.object.Store(nil); e.forms.Store(nil) }}
	v.texts = hoard{limit: cfg.TextBytes, drop: func(e *Entry) { e.text.Store(nil) }}
	for name, reader := range cfg.Journals {
		v.streams[name] = newStream(name, reader)
	}
	v.Add(cfg.Kinds...)
	return v
}

// Add adds kinds, before Run. Kinds whose parts read the view can so be made after it.
func (v *View) Add(kinds ...*kind.Kind) {
	for _, k := range kinds {
		if k.Review == nil && k.Stored == nil {
			v.add(k.SubjectResource(), k)
		}
	}
}

// add makes the table of a resource, if there is none; k is nil for one whose objects are JSON.
func (v *View) add(r subject.Resource, k *kind.Kind) *Table {
	v.adding.Lock()
	defer v.adding.Unlock()
	if t := v.Table(r); t != nil {
		return t
	}
	next := maps.Clone(*v.tables.Load())
	t := newTable(r, k, v.streams[subject.StreamOf(r)], v)
	next[r] = t
	v.tables.Store(&next)
	return t
}

// Ensure is the table of a resource whose objects are JSON. The fold makes it too when it
// meets the first object: so none is lost, whenever its kind is learned.
func (v *View) Ensure(r subject.Resource) *Table {
	if t := v.Table(r); t != nil {
		return t
	}
	return v.add(r, nil)
}

// Observe calls fn with every object that changed, of the resources that `of` picks, once the view has the change and before
// anybody who waits for it goes on. To be called before Run; fn runs on the folding goroutines and must be quick.
func (v *View) Observe(of func(subject.Resource) bool, fn func(subject.Object)) {
	v.observers = append(v.observers, observer{of, fn})
}

func (v *View) observersOf(r subject.Resource) []func(subject.Object) {
	var out []func(subject.Object)
	for _, o := range v.observers {
		if o.of(r) {
			out = append(out, o.fn)
		}
	}
	return out
}

// Run folds the journals until ctx ends.
func (v *View) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return runAges(ctx, v.cfg.Age, &v.objects, &v.texts) })
	for _, s := range v.streams {
		group.Go(func() error { return s.barrier.run(ctx, s.reader) })
		group.Go(func() error { return s.follow(ctx, v) })
	}
	return group.Wait()
}

// Table of a resource, nil for none.
func (v *View) Table(r subject.Resource) *Table { return (*v.tables.Load())[r] }

// Get is an object as of now, decoded and shared.
func (v *View) Get(r subject.Resource, namespace, name string) (kind.Object, bool) {
	t := v.Table(r)
	if t == nil {
		return nil, false
	}
	e := t.Snapshot().Get(namespace, name)
	if e == nil {
		return nil, false
	}
	object, err := e.Object()
	if err != nil {
		v.cfg.Log.Error("object does not decode", zap.String("resource", r.String()), zap.String("key", e.Key), zap.Error(err))
		return nil, false
	}
	return object, true
}

// List is a namespace's objects ("" for all) as of now, decoded and shared.
func (v *View) List(r subject.Resource, namespace string) []kind.Object {
	t := v.Table(r)
	if t == nil {
		return nil
	}
	var out []kind.Object
	t.Snapshot().Ascend(namespace, "", func(e *Entry) bool {
		if object, err := e.Object(); err == nil {
			out = append(out, object)
		}
		return true
	})
	return out
}

// Fresh waits until the resource's view has everything that was acknowledged before the call.
func (v *View) Fresh(ctx context.Context, t *Table) error {
	last, err := t.stream.barrier.last(ctx)
	if err != nil {
		return errs.E("read", errs.Unavailable, err)
	}
	return t.WaitFor(ctx, last)
}

// WaitFor waits until the sequence of the resource's stream is folded in.
func (t *Table) WaitFor(ctx context.Context, sequence uint64) error {
	return t.stream.progress.wait(ctx, sequence)
}

// Lag is, per stream, how far the fold is and how far the stream was when it was last asked.
type Lag struct {
	Stream        subject.Stream
	Through, Last uint64
	Ready         bool
}

// Lags of all streams. A stream is ready once the fold has reached what the stream held at the start.
func (v *View) Lags() []Lag {
	out := make([]Lag, 0, len(v.streams))
	for _, s := range v.streams {
		out = append(out, s.lag())
	}
	return out
}

// Ready waits until every stream is.
func (v *View) Ready(ctx context.Context) error {
	for _, s := range v.streams {
		select {
		case <-s.ready:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}
