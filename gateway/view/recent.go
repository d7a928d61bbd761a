package view

import "sort"

// Event is one change of one object.
type Event struct {
	// Sequence of the event: the resourceVersion that a watcher has seen with it.
	Sequence uint64
	// Entry is the object after the event; for a deletion as it was last, at the
	// event's sequence.
	Entry *Entry
	// Prev is the object before, nil for a creation.
	Prev *Entry
	Gone bool

	// cost is about what the event keeps in memory.
	cost int
}

// eventOverhead is what an event takes beside the objects' bytes.
const eventOverhead = 256

// recent is a bounded run of a resource's latest events. Positions count all events that ever
// passed; what was dropped is known by its position alone.
type recent struct {
	events []*Event
	head   int
	// first is the position of events[head].
	first uint64
	bytes int
	// floor: every event after this sequence is here.
	floor uint64

	watchers map[*Watcher]struct{}
}

func (r *recent) end() uint64 { return r.first + uint64(len(r.events)-r.head) }

func (r *recent) push(e *Event, count, bytes int) {
	r.events = append(r.events, e)
	r.bytes += e.cost
	for live := len(r.events) - r.head; live > 1 && (live > count || r.bytes > bytes); live-- {
		dropped := r.events[r.head]
		r.events[r.head] = nil
		r.head++
		r.first++
		r.bytes -= dropped.cost
		r.floor = dropped.Sequence
	}
	if r.head > 256 && r.head*2 > len(r.events) {
		r.events = append([]*Event(nil), r.events[r.head:]...)
		r.head = 0
	}
}

// since is the events after a sequence, which must not be below the floor.
func (r *recent) since(sequence uint64) []*Event {
	live := r.events[r.head:]
	return live[sort.Search(len(live), func(i int) bool { return live[i].Sequence > sequence }):]
}

func (r *recent) wake() {
	for w := range r.watchers {
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
}

// Former is the object before the event as of the event's sequence: what a watcher sees of an object that
// leaves its selection.
func (e *Event) Former() *Entry {
	return &Entry{Key: e.Prev.Key, Sequence: e.Sequence, table: e.Prev.table, state: Splice(e.Prev.State(), e.Sequence)}
}
