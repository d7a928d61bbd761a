package flow

import (
	"container/heap"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"taffrail.dev/gateway/access"
)

// sim drives the levels of a door on a clock of its own: no goroutine, no real time, no chance.
type sim struct {
	t      *testing.T
	door   *Door
	now    int64
	events agenda
	count  int
	actors map[string]*actor
}

type event struct {
	at    int64
	order int
	fn    func()
}

type agenda []event

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	return a[i].at < a[j].at || a[i].at == a[j].at && a[i].order < a[j].order
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)   { *a = append(*a, x.(event)) }
func (a *agenda) Pop() any {
	last := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return last
}

// actor sends one kind of request every so often.
type actor struct {
	name          string
	asks          *access.Attributes
	every, takes  time.Duration
	width         int
	waits         []time.Duration
	done, refused int
	waiting       []*ticket
	level         *level
	hash          uint64
}

func (s *sim) in(d time.Duration, fn func()) {
	s.count++
	heap.Push(&s.events, event{s.now + int64(d), s.count, fn})
}

func (s *sim) add(a *actor) {
	s.actors[a.name] = a
	a.hash = uint64(len(s.actors)) * 0x9e3779b97f4a7c15
	schema := s.door.Find(a.asks)
	level := schema.level
	a.level = level
	var send func()
	send = func() {
		s.in(a.every, send)
		t := &ticket{width: max(1, min(a.width, schema.widest))}
		switch level.fair.arrive(s.now, t, a.hash) {
		case entered:
			s.entered(level, a, t)
		case waits:
			a.waiting = append(a.waiting, t)
			s.in(usualWait, func() {
				if level.fair.give(s.now, t, true) {
					a.refused++
					a.waiting = slices.DeleteFunc(a.waiting, func(o *ticket) bool { return o == t })
					s.settle(level)
				}
			})
		default:
			a.refused++
		}
		s.settle(level)
	}
	s.in(a.every, send)
}

func (s *sim) entered(l *level, a *actor, t *ticket) {
	a.waits = append(a.waits, time.Duration(t.started-t.arrived))
	s.in(a.takes, func() {
		a.done++
		l.fair.leave(s.now, t)
		s.settle(l)
	})
}

// settle starts what has been let in, and checks the level.
func (s *sim) settle(l *level) {
	for _, name := range slices.Sorted(maps.Keys(s.actors)) {
		a := s.actors[name]
		if a.level != l {
			continue
		}
		a.waiting = slices.DeleteFunc(a.waiting, func(t *ticket) bool {
			if t.started == 0 {
				return false
			}
			s.entered(l, a, t)
			return true
		})
	}
	if s.count%16 == 0 {
		l.fair.check(s.t)
	}
}

func (s *sim) run(d time.Duration) {
	for end := s.now + int64(d); len(s.events) > 0 && s.events[0].at <= end; {
		e := heap.Pop(&s.events).(event)
		s.now = e.at
		e.fn()
	}
}

// check that the invariants of fair hold.
func (f *fair) check(t *testing.T) {
	t.Helper()
	seats, inside, waiting, waitingSeats := 0, 0, 0, 0
	for x := f.inside.first; x != nil; x = x.next {
		seats += x.width
		inside++
	}
	for i, q := range f.active {
		if q.position != i || f.queues[q.index] != q || q.waiting.length+q.inside == 0 {
			t.Fatalf("queue %d is out of place", q.index)
		}
		waiting += q.waiting.length
		waitingSeats += q.waitingSeats
	}
	if seats != f.seats || inside != f.inside.length || waiting != f.waiting || waitingSeats != f.waitingSeats || len(f.queues) != len(f.active) {
		t.Fatalf("counts: %d/%d seats, %d/%d waiting", seats, f.seats, waiting, f.waiting)
	}
}

func (a *actor) worst() time.Duration { return slices.Max(append([]time.Duration{0}, a.waits...)) }

func newSim(t *testing.T, seats int) *sim {
	s := &sim{t: t, door: New(Config{Objects: objects{}, Seats: seats}), actors: map[string]*actor{}}
	for _, l := range s.door.levels {
		l.fair = newFair(l.fair.limits, l.current, 0)
	}
	var adjust func()
	adjust = func() {
		s.in(adjustEvery, adjust)
		s.door.adjust(s.now)
		for _, l := range s.door.levels {
			s.settle(l)
		}
	}
	s.in(adjustEvery, adjust)
	return s
}

// TestFlood has a tenant ask for ten times what there is, beside nodes, a leader and a tenant who is modest.
func TestFlood(t *testing.T) {
	t.Parallel()
	s := newSim(t, 100)
	account := func(name string) *access.Attributes {
		return pods(person("system:serviceaccount:"+name+":a", "system:serviceaccounts"), "list")
	}
	// 1000 a second of 50 ms, four seats each: 200 seats, where there are 100.
	s.add(&actor{name: "flood", asks: account("flood"), every: time.Millisecond, takes: 50 * time.Millisecond, width: 4})
	s.add(&actor{name: "modest", asks: account("modest"), every: 100 * time.Millisecond, takes: 50 * time.Millisecond})
	s.add(&actor{name: "leader", asks: lease(person("system:kube-scheduler")), every: 2 * time.Second, takes: 5 * time.Millisecond})
	for i := range 50 {
		node := fmt.Sprintf("node-%02d", i)
		s.add(&actor{name: node, asks: lease(access.NodeUser(node)), every: 10*time.Second + time.Duration(i)*time.Millisecond, takes: 5 * time.Millisecond})
	}
	s.run(time.Minute)
	for name, a := range s.actors {
		t.Logf("%s: %d done, %d refused, waited %v at most", name, a.done, a.refused, a.worst())
		bound := 10 * time.Millisecond
		switch name {
		case "flood":
			if a.refused == 0 {
				t.Error("a flood was let through")
			}
			continue
		case "modest":
			bound = 150 * time.Millisecond
		}
		if a.refused > 0 || a.worst() > bound || a.done == 0 {
			t.Errorf("%s: %d done, %d refused, waited %v", name, a.done, a.refused, a.worst())
		}
	}
	low := s.door.levels["workload-low"]
	if low.current <= low.nominal || low.current > 100 {
		t.Errorf("the flooded level has %d seats, %d are its own", low.current, low.nominal)
	}
}

// TestFairness has three flows, two of which want all: what each is served is by seats and seconds, not by requests.
func TestFairness(t *testing.T) {
	t.Parallel()
	s := newSim(t, 30)
	tenant := func(name string) *access.Attributes { return pods(person(name), "list") }
	s.add(&actor{name: "short", asks: tenant("short"), every: 2 * time.Millisecond, takes: 20 * time.Millisecond})
	s.add(&actor{name: "long", asks: tenant("long"), every: 10 * time.Millisecond, takes: 200 * time.Millisecond})
	s.add(&actor{name: "little", asks: tenant("little"), every: 500 * time.Millisecond, takes: 20 * time.Millisecond})
	s.run(time.Minute)
	short, long := float64(s.actors["short"].done)*0.02, float64(s.actors["long"].done)*0.2
	if ratio := short / long; ratio < 0.8 || ratio > 1.25 {
		t.Errorf("seat-seconds: short %.0f, long %.0f", short, long)
	}
	if a := s.actors["little"]; a.refused > 0 || a.worst() > time.Second { // behind 300 that wait, of 200 ms each
		t.Errorf("little: %d refused, waited %v", a.refused, a.worst())
	}
}

// TestShares has every level ask for all: each has what it is configured to.
func TestShares(t *testing.T) {
	t.Parallel()
	s := newSim(t, 245)
	for name, asks := range map[string]*access.Attributes{
		"system": pods(access.NodeUser("a"), "list"), "node-high": lease(access.NodeUser("a")),
		"leader-election": lease(person("system:kube-scheduler")), "workload-high": pods(person("system:kube-scheduler"), "list"),
		"workload-low": pods(person("system:serviceaccount:a:b", "system:serviceaccounts"), "list"), "global-default": pods(person("x"), "list"),
	} {
		s.add(&actor{name: name, asks: asks, every: 2 * time.Millisecond, takes: 250 * time.Millisecond})
	}
	s.run(25 * time.Second)
	for name, want := range map[string]int{"system": 30, "node-high": 40, "leader-election": 10, "workload-high": 40, "workload-low": 100, "global-default": 20} {
		l := s.door.levels[name]
		if l.current < want-1 || l.current > want+2 || l.fair.seats > l.current {
			t.Errorf("%s: %d seats of %d, %d taken", name, l.current, want, l.fair.seats)
		}
	}
}
