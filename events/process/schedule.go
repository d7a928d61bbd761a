package process

import (
	"container/heap"
	"time"

	"taffrail.dev/events/fold"
	"taffrail.dev/events/subject"
	commandv1 "taffrail.dev/proto/gen/command/v1"
)

// state is where a key is.
type state int

const (
	resting state = iota // nothing to do, unless its timer rings
	queued               // woken, waits for its turn
	sending              // its commands are under way
	folding              // answered; waits until the effects are folded
	backing              // failed; waits for its time
)

// key is one key of a controller.
//
// Invariants: a key is in the queue iff queued. It has a time in the timers iff it is
// folding, backing, or resting with an after. dirty is only true of a key that is sending, folding
// or backing. A key that rests without an after is forgotten.
type key struct {
	object subject.Object
	state  state
	order  uint64 // of its waking
	dirty  bool   // woken meanwhile
	cause  *fold.Event
	after  time.Time // of the plan; zero for none

	unanswered       int
	failed, stubborn bool // in this turn: a command failed; of a kind that time alone may cure
	prompt           bool // while backing: an event ends the wait
	failures         int
	err              error
	expected         fold.Position

	// Of the turn whose commands are under way.
	turn    Turn
	notes   func([]Answer) []*commandv1.Command
	then    func([]Answer) Plan
	answers []Answer

	timers entry
}

// entry is a key's place among the timers.
type entry struct {
	at    time.Time
	index int // -1 if not among them
}

func (k *key) expect(stream subject.Stream, sequence uint64) {
	if k.expected == nil {
		k.expected = fold.Position{}
	}
	k.expected[stream] = max(k.expected[stream], sequence)
}

func (k *key) foldedBy(positions fold.Position) bool {
	for stream, sequence := range k.expected {
		if positions[stream] < sequence {
			return false
		}
	}
	return true
}

// schedule says which key's turn it is. It is pure but for its own state.
type schedule struct {
	keys    map[subject.Object]*key
	queue   keyHeap
	timers  timerHeap
	folding map[*key]struct{}
	woken   uint64
}

func newSchedule(before func(a, b subject.Object) bool) *schedule {
	return &schedule{keys: map[subject.Object]*key{}, queue: keyHeap{before: before}, folding: map[*key]struct{}{}}
}

func (s *schedule) waiting() int { return len(s.queue.keys) }

// wake makes a key worth deciding because of an event.
func (s *schedule) wake(o subject.Object, cause *fold.Event) {
	k := s.keys[o]
	if k == nil {
		k = &key{object: o, timers: entry{index: -1}}
		s.keys[o] = k
	}
	k.cause = cause
	switch {
	case k.state == resting, k.state == backing && k.prompt:
		s.enqueue(k)
	case k.state != queued:
		k.dirty = true
	}
}

func (s *schedule) enqueue(k *key) {
	s.stop(k)
	k.state, k.dirty = queued, false
	s.woken++
	k.order = s.woken
	heap.Push(&s.queue, k)
}

// next takes the key whose turn it is, nil if none waits.
func (s *schedule) next() *key {
	if len(s.queue.keys) == 0 {
		return nil
	}
	k := heap.Pop(&s.queue).(*key)
	k.state = sending
	return k
}

// begin starts a key's turn of n commands.
func (s *schedule) begin(k *key, n int) {
	k.state, k.unanswered, k.failed, k.stubborn = sending, n, false, false
}

// await has a key wait for its effects, until a deadline; true if they are folded
// already.
func (s *schedule) await(k *key, positions fold.Position, deadline time.Time) bool {
	if k.foldedBy(positions) {
		return true
	}
	k.state = folding
	s.folding[k] = struct{}{}
	s.start(k, deadline)
	return false
}

// folded is the keys for which that position of a stream was the last to wait for.
func (s *schedule) folded(stream subject.Stream, through uint64) []*key {
	var done []*key
	for k := range s.folding {
		if want, waits := k.expected[stream]; waits && want <= through {
			delete(k.expected, stream)
			if len(k.expected) == 0 {
				done = append(done, k)
			}
		}
	}
	return done
}

// rest ends a turn that did not fail: the key is decided again if it was woken, rings at
// its after, or is forgotten.
func (s *schedule) rest(k *key) {
	s.stop(k)
	switch {
	case k.dirty:
		s.enqueue(k)
	case !k.after.IsZero():
		k.state = resting
		s.start(k, k.after)
	default:
		k.state = resting
		delete(s.keys, k.object)
	}
}

// retry has a failed key wait; an event ends the wait if prompt.
func (s *schedule) retry(k *key, at time.Time, prompt bool) {
	s.stop(k)
	if prompt && k.dirty {
		s.enqueue(k)
		return
	}
	k.state, k.prompt = backing, prompt
	s.start(k, at)
}

// due queues the keys whose time has come, and returns those that waited for
// folding in vain.
func (s *schedule) due(now time.Time) []*key {
	var late []*key
	for len(s.timers) > 0 && !s.timers[0].timers.at.After(now) {
		k := s.timers[0]
		if k.state == folding {
			s.stop(k)
			late = append(late, k)
			continue
		}
		s.enqueue(k)
	}
	return late
}

// untilNext is how long until a key is due.
func (s *schedule) untilNext(now time.Time) time.Duration {
	if len(s.timers) == 0 {
		return time.Hour
	}
	return max(0, s.timers[0].timers.at.Sub(now))
}

func (s *schedule) start(k *key, at time.Time) {
	k.timers.at = at
	heap.Push(&s.timers, k)
}

func (s *schedule) stop(k *key) {
	delete(s.folding, k)
	if k.timers.index >= 0 {
		heap.Remove(&s.timers, k.timers.index)
	}
}
