package flow

// Answers to an arrival.
const (
	entered = iota
	waits
	queueFull
	noSeat
)

// limits are what a level is configured to; queues 0 rejects what finds no seat.
type limits struct {
	exempt               bool
	queues, hand, length int
}

// fair is the state of one priority level: a pure core that is told the time.
//
//  1. seats is the sum of the widths of those inside; it exceeds limit only while one wider than limit is
//     inside alone, while limit has shrunk, or in an exempt level.
//  2. A queue is in active, and in queues, exactly while it has requests.
//  3. virtual grows, per second, by the seats in demand up to limit, divided by the active queues.
//  4. No ticket waits while the one that is next by virtual time would fit.
type fair struct {
	limits
	limit   int
	seats   int
	inside  line
	waiting int
	// waitingSeats are those of the tickets that wait.
	waitingSeats int
	active       []*queue
	queues       map[int]*queue
	idle         []*queue // to be used again
	virtual      float64
	at           int64
	numbers      uint64
	demand       demand
	counts       struct{ dispatched, rejected, timedOut, cancelled int }
}

func newFair(l limits, limit int, now int64) *fair {
	return &fair{limits: l, limit: limit, queues: map[int]*queue{}, at: now, demand: demand{at: now, since: now}}
}

func (f *fair) advance(now int64) {
	seconds := float64(now-f.at) / 1e9
	if f.at = now; len(f.active) > 0 {
		f.virtual += seconds * float64(min(f.seats+f.waitingSeats, f.limit)) / float64(len(f.active))
	}
}

// note tells the statistics of what is asked for now.
func (f *fair) note() { f.demand.set(f.at, f.seats+f.waitingSeats) }

// fits says whether a request may enter: one wider than all seats may when it is alone.
func (f *fair) fits(width int) bool {
	return f.exempt || f.seats+width <= f.limit || f.seats == 0 && width > f.limit && f.inside.length == 0
}

// arrive takes a request: it is inside, it waits, or it is refused.
func (f *fair) arrive(now int64, t *ticket, hash uint64) int {
	f.advance(now)
	f.numbers++
	t.arrived, t.number = now, f.numbers
	defer f.note()
	if f.exempt || f.limits.queues == 0 {
		if !f.fits(t.width) {
			f.counts.rejected++
			return noSeat
		}
		f.enter(t)
		return entered
	}
	q := f.pick(hash)
	if q.waiting.length >= f.length && (f.waiting > 0 || !f.fits(t.width)) {
		f.retire(q)
		f.counts.rejected++
		return queueFull
	}
	t.queue = q
	if f.waiting == 0 && f.fits(t.width) {
		f.enter(t)
		return entered
	}
	q.waiting.push(t)
	q.waitingSeats += t.width
	f.waiting++
	f.waitingSeats += t.width
	f.dispatch()
	if t.started != 0 {
		return entered
	}
	return waits
}

// pick is the queue of a flow that has the least to do, of the hand that is dealt to it.
func (f *fair) pick(hash uint64) *queue {
	var space [most]int
	hand := deal(hash, f.limits.queues, f.hand, &space)
	var best *queue
	for _, index := range hand {
		q := f.queues[index]
		if q == nil {
			return f.open(index)
		}
		if best == nil || q.waitingSeats+q.seats < best.waitingSeats+best.seats {
			best = q
		}
	}
	return best
}

func (f *fair) open(index int) *queue {
	var q *queue
	if n := len(f.idle); n > 0 {
		q, f.idle = f.idle[n-1], f.idle[:n-1]
	} else {
		q = new(queue)
	}
	*q = queue{index: index, position: len(f.active), start: f.virtual}
	f.active = append(f.active, q)
	f.queues[index] = q
	return q
}

// retire ends a queue that has no requests.
func (f *fair) retire(q *queue) {
	if q.waiting.length+q.inside > 0 {
		return
	}
	last := len(f.active) - 1
	f.active[q.position] = f.active[last]
	f.active[q.position].position = q.position
	f.active[last] = nil
	f.active = f.active[:last]
	delete(f.queues, q.index)
	if len(f.idle) < 128 {
		f.idle = append(f.idle, q)
	}
}

func (f *fair) enter(t *ticket) {
	t.started = max(f.at, 1)
	f.seats += t.width
	f.counts.dispatched++
	f.inside.push(t)
	if q := t.queue; q != nil {
		q.seats += t.width
		q.inside++
		q.start += estimate * float64(t.width)
	}
}

// dispatch lets in whom there are seats for: always the request that would end first by the virtual clock. If that one
// does not fit, none enters, or wide ones would wait for ever.
func (f *fair) dispatch() {
	for f.waiting > 0 {
		var next *queue
		for _, q := range f.active {
			if q.waiting.length > 0 && (next == nil || before(q, next)) {
				next = q
			}
		}
		t := next.waiting.first
		if !f.fits(t.width) {
			return
		}
		f.unwait(t)
		f.enter(t)
		if t.ready != nil {
			close(t.ready)
		}
	}
}

func before(a, b *queue) bool {
	if x, y := a.finish(), b.finish(); x != y {
		return x < y
	}
	return a.waiting.first.number < b.waiting.first.number
}

func (f *fair) unwait(t *ticket) {
	t.queue.waiting.remove(t)
	t.queue.waitingSeats -= t.width
	f.waiting--
	f.waitingSeats -= t.width
}

// leave ends a request that is inside: its queue is charged what it took instead of the estimate.
func (f *fair) leave(now int64, t *ticket) {
	f.advance(now)
	f.inside.remove(t)
	f.seats -= t.width
	if q := t.queue; q != nil {
		q.seats -= t.width
		q.inside--
		q.start -= (estimate - float64(f.at-t.started)/1e9) * float64(t.width)
		f.retire(q)
	}
	f.dispatch()
	f.note()
}

// give takes a request out of its queue; false says that it is inside already.
func (f *fair) give(now int64, t *ticket, late bool) bool {
	if t.started != 0 {
		return false
	}
	f.advance(now)
	f.unwait(t)
	f.retire(t.queue)
	if late {
		f.counts.timedOut++
	} else {
		f.counts.cancelled++
	}
	f.dispatch()
	f.note()
	return true
}

// resize changes the number of seats.
func (f *fair) resize(now int64, limit int) {
	f.advance(now)
	f.limit = limit
	f.dispatch()
	f.note()
}
