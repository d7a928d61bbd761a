package view

import (
	"sync"
	"sync/atomic"

	"github.com/google/btree"

	"taffrail.dev/events/errs"
	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
)

// Table is one resource: its published tree, its recent events and its watchers.
type Table struct {
	// Kind is nil where objects are JSON: their kinds come and go.
	Kind     *kind.Kind
	Resource subject.Resource

	stream         *stream
	objects, texts *hoard
	count, bytes   int // limits of the recent events

	// Owned by the folding goroutine.
	tree    *btree.BTreeG[*Entry]
	weight  int
	last    uint64
	pending []*Event

	root atomic.Pointer[root]
	// placed is set on the pods' table; observers are of this resource.
	placed    *placement
	observers []func(subject.Object)

	mu     sync.Mutex // guards all below; taken by the folding goroutine once a batch
	all    *recent    // of the zero scope; changed by the folding goroutine alone, which reads it without mu
	scopes map[Scope]*recent
	nodes  int // scopes with a Node
}

// root is what the folding goroutine publishes.
type root struct {
	tree   *btree.BTreeG[*Entry]
	last   uint64
	weight int
}

func newTable(r subject.Resource, k *kind.Kind, s *stream, v *View) *Table {
	from := s.from.Load()
	t := &Table{
		Kind: k, Resource: r, stream: s, last: from, objects: &v.objects, texts: &v.texts,
		count: v.cfg.RecentEvents, bytes: v.cfg.RecentBytes,
		tree: btree.NewG(degree, before),
		all:  &recent{floor: from, watchers: map[*Watcher]struct{}{}},
	}
	t.scopes = map[Scope]*recent{{}: t.all}
	if r == subject.Pods {
		t.placed = &v.placement
	}
	t.observers = v.observersOf(r)
	t.publish()
	return t
}

func (t *Table) publish() { t.root.Store(&root{t.tree.Clone(), t.last, t.weight}) }

// Snapshot is the live objects now.
func (t *Table) Snapshot() Snapshot {
	// In this order: the root read has every event up to what was reached before.
	through := t.stream.progress.reached()
	r := t.root.Load()
	return Snapshot{Sequence: max(through, r.last), Bytes: r.weight, Kind: t.Kind, tree: r.tree}
}

// At is the live objects as of a past sequence: the tree with the later events undone. It is
// errs.Expired for one older than the recent events.
func (t *Table) At(sequence uint64) (Snapshot, error) {
	t.mu.Lock()
	r := t.root.Load()
	floor, later := t.all.floor, append([]*Event(nil), t.all.since(max(sequence, t.all.floor))...)
	tree := r.tree.Clone() // under the lock: it marks the original
	t.mu.Unlock()
	if sequence < floor {
		return Snapshot{}, errs.F("list", errs.Expired, "resourceVersion %d is older than %d", sequence, floor)
	}
	for i := len(later) - 1; i >= 0; i-- {
		if e := later[i]; e.Prev == nil {
			tree.Delete(e.Entry)
		} else {
			tree.ReplaceOrInsert(e.Prev)
		}
	}
	return Snapshot{Sequence: sequence, Bytes: r.weight, Kind: t.Kind, tree: tree}, nil
}

// Last is the sequence of the resource's last event.
func (t *Table) Last() uint64 { return t.root.Load().last }

// put folds one change. Repeats are harmless.
func (t *Table) put(c change) {
	if c.sequence <= t.last {
		return
	}
	t.last = c.sequence
	entry := &Entry{Key: KeyOf(c.namespace, c.name), Sequence: c.sequence, table: t, state: Splice(c.state, c.sequence)}
	var prev *Entry
	if c.gone {
		prev, _ = t.tree.Delete(entry)
	} else {
		prev, _ = t.tree.ReplaceOrInsert(entry)
		t.weight += len(entry.state)
	}
	if prev != nil {
		t.weight -= len(prev.state)
		prev.strip()
	} else if c.gone {
		return
	}
	cost := eventOverhead + len(entry.state)
	if prev != nil && prev.Sequence <= t.all.floor { // no other event here keeps it
		cost += len(prev.state)
	}
	t.pending = append(t.pending, &Event{Sequence: c.sequence, Entry: entry, Prev: prev, Gone: c.gone, cost: cost})
}

// load puts an object of a snapshot in, without an event.
func (t *Table) load(c change) {
	entry := &Entry{Key: KeyOf(c.namespace, c.name), Sequence: c.sequence, table: t, state: Splice(c.state, c.sequence)}
	t.tree.ReplaceOrInsert(entry)
	t.weight += len(entry.state)
	t.last = max(t.last, c.sequence)
}

// tell keeps what is derived from the table up to date.
func (t *Table) tell(e *Event) {
	if t.placed != nil {
		after := e.Entry
		if e.Gone {
			after = nil
		}
		t.placed.change(e.Prev, after)
	}
	if len(t.observers) == 0 {
		return
	}
	key := subject.Object{Resource: t.Resource, Namespace: e.Entry.Namespace(), Name: e.Entry.Name()}
	for _, fn := range t.observers {
		fn(key)
	}
}

// loaded ends the loading of a snapshot: watches start after its sequence.
func (t *Table) loaded(through uint64) {
	t.last = max(t.last, through)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all.floor = t.last
	t.publish()
	t.tree.Ascend(func(e *Entry) bool {
		t.tell(&Event{Entry: e})
		return true
	})
}

// commit publishes what was put since the last commit, tells the observers and wakes the watchers concerned.
func (t *Table) commit() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.publish()
	for _, e := range t.pending {
		t.tell(e)
	}
	touched := map[*recent]struct{}{}
	for i, e := range t.pending {
		for _, s := range t.scopesOf(e) {
			if r := t.scopes[s]; r != nil {
				r.push(e, t.count, t.bytes)
				touched[r] = struct{}{}
			}
		}
		t.pending[i] = nil
	}
	t.pending = t.pending[:0]
	for r := range touched {
		r.wake()
	}
}
