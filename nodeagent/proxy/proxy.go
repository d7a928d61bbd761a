package proxy

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	eventv1 "taffrail.dev/proto/gen/event/v1"
	nodev1 "taffrail.dev/proto/gen/node/v1"
)

// Config is what a Proxy needs.
type Config struct {
	// Node is this node's name.
	Node string
	// Dataplane is the proxy's alone. Run opens and closes it.
	Dataplane Dataplane
	// Coalesce is how long a change waits for others to join it; 0 means a millisecond.
	Coalesce time.Duration
	// Resync is how often the dataplane is opened anew and told everything, so that what
	// others changed in the kernel does not last; 0 means every ten minutes.
	Resync time.Duration
	// Log and Metrics may be nil.
	Log     *zap.Logger
	Metrics prometheus.Registerer
}

// Proxy keeps a dataplane as the node's assignment says.
type Proxy struct {
	config  Config
	metrics *metrics
	// wake has room for one: it says that the inbox is not empty.
	wake chan struct{}

	mu    sync.Mutex // guards inbox
	inbox []func(*run)
}

// New makes a proxy; nothing happens before Run.
func New(config Config) *Proxy {
	if config.Coalesce == 0 {
		config.Coalesce = time.Millisecond
	}
	if config.Resync == 0 {
		config.Resync = 10 * time.Minute
	}
	if config.Log == nil {
		config.Log = zap.NewNop()
	}
	return &Proxy{config: config, metrics: newMetrics(config.Metrics), wake: make(chan struct{}, 1)}
}

// Apply hands over an assignment, of any resource, in the order it came. It does not block.
func (p *Proxy) Apply(a *nodev1.Assignment) {
	p.post(func(r *run) {
		if err := r.state.apply(a); err != nil {
			p.config.Log.Error("assignment does not decode", zap.Error(err))
		}
	})
}

// Mark says that the assignment is complete: everything assigned has been applied, and what
// keep denies is assigned no more (a nil keep denies nothing). The kernel is left as it is until the
// first Mark: half an assignment would cut off services that an earlier process has served.
func (p *Proxy) Mark(keep func(*eventv1.ObjectRef) bool) {
	p.post(func(r *run) {
		if keep != nil {
			r.state.retain(keep)
		}
		r.complete = true
	})
}

// Synced calls back, from Run, once the kernel is as everything handed over before says.
func (p *Proxy) Synced(done func()) {
	p.post(func(r *run) { r.waiting = append(r.waiting, done) })
}

func (p *Proxy) post(do func(*run)) {
	p.mu.Lock()
	p.inbox = append(p.inbox, do)
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// run is what belongs to Run's goroutine.
type run struct {
	*Proxy
	state    *state
	complete bool     // a Mark has come
	open     bool     // the dataplane is open
	pruned   bool     // what earlier processes left is gone
	waiting  []func() // Synced's callbacks
	backoff  time.Duration
}

// Run follows the assignment until ctx ends, and returns nil then. What the kernel serves
// it goes on serving.
func (p *Proxy) Run(ctx context.Context) error {
	r := &run{Proxy: p, state: newState(p.config.Node)}
	defer func() { r.close() }()
	resync := time.NewTicker(p.config.Resync)
	defer resync.Stop()
	// due fires when a batch is full enough, or when it is time to try again.
	due := time.NewTimer(0)
	defer due.Stop()
	pending := true
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.wake:
			if !pending && r.backoff == 0 {
				pending = true
				due.Reset(p.config.Coalesce)
			}
		case <-resync.C:
			r.close()
			if r.backoff == 0 {
				pending = true
				due.Reset(0)
			}
		case <-due.C:
			pending = false
			if wait := r.turn(ctx); wait > 0 {
				due.Reset(wait)
			}
		}
	}
}

// turn folds the inbox and brings the dataplane up to it; it returns how long to wait before
// trying again, 0 if that was done.
func (r *run) turn(ctx context.Context) time.Duration {
	r.mu.Lock()
	inbox := r.inbox
	r.inbox = nil
	r.mu.Unlock()
	for _, do := range inbox {
		do(r)
	}
	if !r.complete {
		return 0
	}
	start := time.Now()
	err := r.reconcile(ctx)
	r.metrics.turn(time.Since(start), len(r.state.table.applied), err)
	if err != nil && ctx.Err() == nil {
		r.backoff = min(max(2*r.backoff, 50*time.Millisecond), 30*time.Second)
		r.config.Log.Error("dataplane did not take a change", zap.Error(err), zap.Duration("retry", r.backoff))
		r.close()
		return r.backoff
	}
	r.backoff = 0
	for _, done := range r.waiting {
		done()
	}
	r.waiting = nil
	return 0
}

// reconcile makes the change that is due. A dataplane newly opened is told everything, then
// pruned: the same steps against an empty table.
func (r *run) reconcile(ctx context.Context) error {
	plane, table := r.config.Dataplane, r.state.table
	if !r.open {
		if err := plane.Open(ctx); err != nil {
			return err
		}
		r.open, r.pruned = true, false
		table.forget()
	}
	change := r.state.turn()
	r.metrics.changes.Add(float64(len(change.Update) + len(change.Delete)))
	if len(change.Delete) > 0 {
		if err := plane.Delete(ctx, change.Delete); err != nil {
			return err
		}
		table.deleted(change.Delete)
	}
	if len(change.Update) > 0 {
		if err := plane.Update(ctx, change.Update); err != nil {
			return err
		}
		table.updated(change.Update)
	}
	if r.pruned {
		return nil
	}
	err := plane.Prune(ctx, func(f Frontend) bool { _, keep := table.applied[f]; return keep })
	r.pruned = err == nil
	return err
}

// close lets go of the dataplane, for the next turn to open it anew.
func (r *run) close() {
	if !r.open {
		return
	}
	r.open = false
	if err := r.config.Dataplane.Close(); err != nil && !errors.Is(err, context.Canceled) {
		r.config.Log.Warn("dataplane did not close", zap.Error(err))
	}
}
