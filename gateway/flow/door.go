package flow

import (
	"context"
	"hash/maphash"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/access"
	"taffrail.dev/gateway/kind"
)

// The resources that say who goes where.
var (
	Schemas = subject.Resource{Group: flowcontrolv1.GroupName, Name: "flowschemas"}
	Levels  = subject.Resource{Group: flowcontrolv1.GroupName, Name: "prioritylevelconfigurations"}
)

// adjustEvery is how often levels lend and borrow anew.
const adjustEvery = 10 * time.Second

// Config of a Door.
type Config struct {
	// Objects are read for flow schemas and priority levels; nil has the mandatory ones alone.
	Objects kind.Reader
	// Seats are given out among the levels; 0 is 2048.
	Seats   int
	Metrics prometheus.Registerer
}

// Door lets requests in by priority and fairness. It is safe for concurrent use; a request that comes after
// Changed returned sees the change.
type Door struct {
	cfg     Config
	began   time.Time
	seed    maphash.Seed
	metrics *metrics

	// changes counts calls of Changed; rules is compiled of what there was at a count.
	changes atomic.Uint64
	rules   atomic.Pointer[rules]

	mu     sync.Mutex // orders compiling and adjusting; guards below
	levels map[string]*level
	frac   float64
}

// rules are what requests are judged by. They are immutable.
type rules struct {
	changes  uint64
	matcher  *matcher
	schemas  map[string]*Schema
	catchAll *Schema
}

// level is a priority level at work.
type level struct {
	name string

	mu   sync.Mutex // guards below; taken after Door.mu
	fair *fair
	share
	// ending levels have no object any more, and last until they are empty.
	ending bool
}

// New makes a door. It works without Run, which only has the levels lend and borrow.
func New(cfg Config) *Door {
	if cfg.Seats == 0 {
		cfg.Seats = 2048
	}
	d := &Door{cfg: cfg, began: time.Now(), seed: maphash.MakeSeed(), levels: map[string]*level{}}
	d.metrics = newMetrics(d)
	if cfg.Metrics != nil {
		cfg.Metrics.MustRegister(d.metrics)
	}
	d.changes.Store(1)
	d.current()
	return d
}

// Watches says whether Changed wants to know of a resource's changes.
func Watches(r subject.Resource) bool { return r == Schemas || r == Levels }

// Changed says that an object of what the door Watches has changed.
func (d *Door) Changed(subject.Object) { d.changes.Add(1) }

// Run has the levels lend and borrow until ctx ends.
func (d *Door) Run(ctx context.Context) error {
	tick := time.NewTicker(adjustEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			d.current()
			d.adjust(d.now())
		}
	}
}

// Find is the schema of a request.
func (d *Door) Find(a *access.Attributes) *Schema {
	r := d.current()
	if s := r.matcher.find(a); s != nil {
		return s
	}
	return r.catchAll
}

// now is the door's clock, in nanoseconds.
func (d *Door) now() int64 { return int64(time.Since(d.began)) }

func (d *Door) current() *rules {
	if r := d.rules.Load(); r != nil && r.changes == d.changes.Load() {
		return r
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	old := d.rules.Load()
	if old != nil && old.changes == d.changes.Load() {
		return old
	}
	r := &rules{changes: d.changes.Load(), schemas: map[string]*Schema{}}
	schemas, levels := d.objects()
	d.configure(levels)
	var order []*Schema
	for _, o := range schemas {
		if l := levels[o.Spec.PriorityLevelConfiguration.Name]; l != nil {
			s := d.newSchema(o, l)
			order = append(order, s)
			r.schemas[o.Name] = s
		}
	}
	r.matcher, r.catchAll = newMatcher(order), r.schemas[flowcontrolv1.FlowSchemaNameCatchAll]
	d.rules.Store(r)
	if old != nil {
		for name := range old.schemas {
			if r.schemas[name] == nil {
				d.metrics.forget(name)
			}
		}
	}
	return r
}

// objects are the schemas in order, and the levels by name, the mandatory ones among them.
func (d *Door) objects() ([]*flowcontrolv1.FlowSchema, map[string]*flowcontrolv1.PriorityLevelConfiguration) {
	schemas := map[string]*flowcontrolv1.FlowSchema{}
	levels := map[string]*flowcontrolv1.PriorityLevelConfiguration{}
	add := func(o kind.Object) {
		switch o := o.(type) {
		case *flowcontrolv1.FlowSchema:
			schemas[o.Name] = o
		case *flowcontrolv1.PriorityLevelConfiguration:
			levels[o.Name] = o
		}
	}
	for _, o := range Objects() {
		if Mandatory(o.GetName()) {
			add(o)
		}
	}
	if d.cfg.Objects != nil {
		for _, o := range append(d.cfg.Objects.List(Levels, ""), d.cfg.Objects.List(Schemas, "")...) {
			add(o)
		}
	}
	return slices.SortedFunc(maps.Values(schemas), byPrecedence), levels
}

// Mandatory says whether a schema or level is one that there always is.
func Mandatory(name string) bool {
	return name == flowcontrolv1.FlowSchemaNameExempt || name == flowcontrolv1.FlowSchemaNameCatchAll
}

// configure brings the levels to what their objects say.
func (d *Door) configure(objects map[string]*flowcontrolv1.PriorityLevelConfiguration) {
	var sum int64
	for _, o := range objects {
		sum += int64(sharesOf(o).shares)
	}
	now := d.now()
	for name, o := range objects {
		c := sharesOf(o)
		next := nominate(d.cfg.Seats, c.shares, c.lendable, c.borrow, sum, c.exempt)
		l := d.levels[name]
		if l == nil {
			d.levels[name] = &level{name: name, fair: newFair(c.limits, next.current, now), share: next}
			continue
		}
		l.mu.Lock()
		if l.nominal == next.nominal && l.lower == next.lower && l.upper == next.upper {
			next.current = l.current
		}
		next.smooth, next.target, next.last = l.smooth, l.target, l.last
		l.share, l.fair.limits, l.ending = next, c.limits, false
		l.fair.resize(now, next.current)
		l.mu.Unlock()
	}
	for name, l := range d.levels {
		if objects[name] == nil {
			l.mu.Lock()
			l.ending = true
			l.mu.Unlock()
		}
	}
	d.bury()
}

// bury drops levels that have ended.
func (d *Door) bury() {
	maps.DeleteFunc(d.levels, func(_ string, l *level) bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.ending && l.fair.waiting == 0 && l.fair.inside.length == 0
	})
}

// adjust has the levels lend and borrow by what they asked for.
func (d *Door) adjust(now int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.bury()
	var shares []*share
	for _, name := range slices.Sorted(maps.Keys(d.levels)) {
		if l := d.levels[name]; !l.ending {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.observe(l.fair.demand.take(now))
			shares = append(shares, &l.share)
		}
	}
	d.frac = lend(d.cfg.Seats, shares)
	for _, l := range d.levels {
		if !l.ending {
			l.fair.resize(now, l.current)
		}
	}
}

// configured is what a level's object says.
type configured struct {
	limits
	shares, lendable int32
	borrow           *int32
}

func sharesOf(o *flowcontrolv1.PriorityLevelConfiguration) (c configured) {
	if c.exempt = o.Spec.Type == flowcontrolv1.PriorityLevelEnablementExempt; c.exempt {
		if e := o.Spec.Exempt; e != nil {
			c.shares, c.lendable = valueOf(e.NominalConcurrencyShares, 0), valueOf(e.LendablePercent, 0)
		}
		return c
	}
	if l := o.Spec.Limited; l != nil {
		c.shares, c.lendable, c.borrow = valueOf(l.NominalConcurrencyShares, 30), valueOf(l.LendablePercent, 0), l.BorrowingLimitPercent
		if q := l.LimitResponse.Queuing; q != nil {
			c.queues, c.hand, c.length = int(q.Queues), int(q.HandSize), int(q.QueueLengthLimit)
		}
	}
	return c
}

func valueOf(p *int32, otherwise int32) int32 {
	if p == nil {
		return otherwise
	}
	return *p
}
