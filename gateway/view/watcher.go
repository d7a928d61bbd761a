package view

import (
	"taffrail.dev/events/errs"
)

// Scope is the part of a resource that a watcher is indexed under. The zero Scope is all of it.
type Scope struct {
	// Namespace, and within it (or among cluster-scoped objects) one Name.
	Namespace, Name string
	// Node is a spec.nodeName; the other fields are then empty.
	Node string
}

// FieldNode is the field label that watchers are indexed by.
const FieldNode = "spec.nodeName"

// scopesOf is the scopes an event belongs to, of those anybody watches by kind of scope.
func (t *Table) scopesOf(e *Event) []Scope {
	if len(t.scopes) == 1 {
		return []Scope{{}}
	}
	namespace, name := e.Entry.Namespace(), e.Entry.Name()
	scopes := []Scope{{}, {Namespace: namespace, Name: name}}
	if namespace != "" {
		scopes = append(scopes, Scope{Namespace: namespace})
	}
	if t.nodes == 0 {
		return scopes
	}
	after, prior := nodeOf(e.Entry), ""
	if e.Prev != nil {
		prior = nodeOf(e.Prev)
	}
	if after != "" {
		scopes = append(scopes, Scope{Node: after})
	}
	if prior != "" && prior != after {
		scopes = append(scopes, Scope{Node: prior})
	}
	return scopes
}

func (s Scope) has(e *Event) bool {
	if s.Node != "" {
		return nodeOf(e.Entry) == s.Node || e.Prev != nil && nodeOf(e.Prev) == s.Node
	}
	return (s.Namespace == "" || s.Namespace == e.Entry.Namespace()) && (s.Name == "" || s.Name == e.Entry.Name())
}

// Watcher is a reader's place among a scope's recent events. It costs the fold nothing
// but a wake-up, however far its reader lags.
type Watcher struct {
	table *Table
	scope Scope
	wake  chan struct{}
	next  uint64
}

// Watch starts a watcher after a sequence. first is the scope's events since then. It is errs.Expired if
// these are no longer all in memory: Replay them, then Watch from where that came to.
func (t *Table) Watch(scope Scope, after uint64) (w *Watcher, first []*Event, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := t.all
	if after < all.floor {
		return nil, nil, errs.F("watch", errs.Expired, "events after %d are no longer in memory, only those after %d", after, all.floor)
	}
	for _, e := range all.since(after) {
		if scope.has(e) {
			first = append(first, e)
		}
	}
	r := t.scopes[scope]
	if r == nil {
		r = &recent{watchers: map[*Watcher]struct{}{}}
		t.scopes[scope] = r
		if scope.Node != "" {
			t.nodes++
		}
	}
	w = &Watcher{table: t, scope: scope, wake: make(chan struct{}, 1), next: r.end()}
	r.watchers[w] = struct{}{}
	return w, first, nil
}

// Wake receives when there may be more to Take.
func (w *Watcher) Wake() <-chan struct{} { return w.wake }

// Take appends the events since the last Take to buffer, at most limit. It is errs.Expired if the reader
// was so slow that some are no longer in memory: Stop, and Watch again from the last one it had.
func (w *Watcher) Take(buffer []*Event, limit int) ([]*Event, error) {
	w.table.mu.Lock()
	defer w.table.mu.Unlock()
	r := w.table.scopes[w.scope]
	if w.next < r.first {
		return buffer, errs.F("watch", errs.Expired, "%d events behind the memory", r.first-w.next)
	}
	waiting := r.events[r.head+int(w.next-r.first):]
	if len(waiting) > limit {
		waiting = waiting[:limit]
	}
	w.next += uint64(len(waiting))
	return append(buffer, waiting...), nil
}

// Stop ends the watcher.
func (w *Watcher) Stop() {
	w.table.mu.Lock()
	defer w.table.mu.Unlock()
	r := w.table.scopes[w.scope]
	delete(r.watchers, w)
	if len(r.watchers) == 0 && w.scope != (Scope{}) {
		delete(w.table.scopes, w.scope)
		if w.scope.Node != "" {
			w.table.nodes--
		}
	}
}
