package rest

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"taffrail.dev/events/errs"
	"taffrail.dev/events/journal"
	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
	"taffrail.dev/gateway/view"
	eventv1 "taffrail.dev/proto/gen/event/v1"
)

// attempts bounds how often a write that lost a race is decided again.
const attempts = 16

// errRace says that a write lost a race and that the view has what won it.
var errRace = errors.New("lost a race")

// tx collects what one decision writes.
type tx struct {
	*view.View
	server *Server
	call   *Call
	writes []write
	// tombstones are the last sequences of subjects whose objects are gone, as
	// learned from lost races of this call.
	tombstones map[string]uint64
	// fault is a companion that cannot be written: nothing is appended then.
	fault error
}

var _ kind.Tx = (*tx)(nil)

// write is one event to be: obj after it, old before it (nil if there was none).
type write struct {
	kind        *kind.Kind
	obj, old    kind.Object
	expect      uint64
	what        eventv1.What
	verb        string
	subresource string
	state       []byte
	companion   bool
}

func (s *Server) begin(c *Call) *tx {
	return &tx{View: s.cfg.View, server: s, call: c, tombstones: map[string]uint64{}}
}

func (t *tx) add(verb string, what eventv1.What, r subject.Resource, obj, old kind.Object, expect uint64) {
	s := t.server.kinds.Load().resources[r]
	if s == nil {
		t.fault = errs.F("add companion", errs.Internal, "no kind is stored as %s", r)
		return
	}
	t.writes = append(t.writes, write{kind: s.Kind, obj: obj, old: old, expect: expect, what: what, verb: verb, companion: true})
}

// Create adds a companion object.
func (t *tx) Create(r subject.Resource, obj kind.Object) {
	if obj.GetUID() == "" {
		obj.SetUID(newUID())
	}
	if at := obj.GetCreationTimestamp(); at.IsZero() {
		obj.SetCreationTimestamp(stamp(t.call.Now))
	}
	t.add("create", eventv1.What_CREATED, r, obj, nil, 0)
}

// Update adds the change of a companion object, Delete its removal. They do nothing if it is not there.
func (t *tx) Update(r subject.Resource, obj kind.Object) {
	if e := t.entry(r, obj.GetNamespace(), obj.GetName()); e != nil {
		old, err := e.Object()
		if err != nil {
			return
		}
		expect := e.Sequence
		if read, err := parseVersion(obj.GetResourceVersion()); err == nil && read != 0 {
			expect = read
		}
		t.add("update", eventv1.What_WHAT_UNSPECIFIED, r, obj, old, expect)
	}
}

// Delete adds a companion's removal.
func (t *tx) Delete(r subject.Resource, namespace, name string) {
	if e := t.entry(r, namespace, name); e != nil {
		if old, err := e.Decode(); err == nil {
			t.add("delete", eventv1.What_DELETED, r, old, old, e.Sequence)
		}
	}
}

func (t *tx) entry(r subject.Resource, namespace, name string) *view.Entry {
	table := t.Table(r)
	if table == nil {
		return nil
	}
	return table.Snapshot().Get(namespace, name)
}

// append stores the writes at once and returns the sequence of the first. errRace means: decide again.
func (t *tx) append(ctx context.Context) (uint64, error) {
	if t.fault != nil {
		return 0, t.fault
	}
	records := make([]journal.Record, len(t.writes))
	for i := range t.writes {
		var err error
		if records[i], err = t.record(&t.writes[i], i); err != nil {
			return 0, err
		}
	}
	sequences, err := t.server.journal(t.writes[0].kind).Append(ctx, records...)
	if err == nil {
		return sequences[0], nil
	}
	var conflict *journal.Conflict
	if !errors.As(err, &conflict) {
		return 0, errs.E("append", errs.KindOf(err), err)
	}
	return 0, t.lost(ctx, conflict)
}

// lost learns from a conflict what the next attempt has to know.
func (t *tx) lost(ctx context.Context, conflict *journal.Conflict) error {
	for i := range t.writes {
		w := &t.writes[i]
		if t.subject(w) != conflict.Subject {
			continue
		}
		if w.expect == 0 && conflict.Last != 0 {
			m, err := t.server.journal(w.kind).GetLast(ctx, conflict.Subject)
			if err != nil && !errs.Is(err, errs.NotFound) {
				return err
			}
			if err == nil && view.Gone(m.Data) {
				t.tombstones[conflict.Subject] = m.Sequence
				return errRace
			}
		}
		if err := t.Table(w.kind.SubjectResource()).WaitFor(ctx, conflict.Last); err != nil {
			return err
		}
		return errRace
	}
	return errRace
}

func (t *tx) subject(w *write) string {
	return subject.Object{Resource: w.kind.SubjectResource(), Namespace: w.obj.GetNamespace(), Name: w.obj.GetName()}.Subject()
}

func newID() string {
	id, err := uuid.NewV7()
	if err != nil { // no randomness left in the system
		panic(err)
	}
	return id.String()
}
