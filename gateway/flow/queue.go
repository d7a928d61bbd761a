package flow

// estimate is how long, in seconds, a request is taken to keep its seats until it is known.
const estimate = 0.003

// ticket is one request's place in a level. Its queue's lists and a level's list of those inside own it.
type ticket struct {
	width   int
	arrived int64 // nanoseconds of the door's clock
	started int64 // 0 while it waits
	number  uint64
	queue   *queue // nil in a level without queues
	// prev and next are its neighbours, of those that wait in the queue or of those that are inside.
	prev, next *ticket
	// ready is closed when a ticket that waited may enter; nil for one that never waited.
	ready chan struct{}
	seat  *Seat
}

// line is tickets in the order of their arrival.
type line struct {
	first, last *ticket
	length      int
}

func (l *line) push(t *ticket) {
	if t.prev, t.next = l.last, nil; l.last == nil {
		l.first = t
	} else {
		l.last.next = t
	}
	l.last = t
	l.length++
}

func (l *line) remove(t *ticket) {
	if t.prev == nil {
		l.first = t.next
	} else {
		t.prev.next = t.next
	}
	if t.next == nil {
		l.last = t.prev
	} else {
		t.next.prev = t.prev
	}
	t.prev, t.next = nil, nil
	l.length--
}

// queue is one of a level's queues while it has requests.
type queue struct {
	index    int
	position int // among the level's active ones
	waiting  line
	// seats are those of the requests that wait and those of the requests inside, inside how many the latter are.
	waitingSeats, seats, inside int
	// start is the reading of the level's virtual clock at which the next request of this queue starts.
	start float64
}

// finish is when, by the virtual clock, the queue's first request would end.
func (q *queue) finish() float64 { return q.start + estimate*float64(q.waiting.first.width) }

// most is the largest hand that the rules of a level allow: more would not fit 60 bits.
const most = 24

// deal draws `hand` of `queues` cards, all different, evenly by a hash.
func deal(hash uint64, queues, hand int, out *[most]int) []int {
	hand = min(hand, queues, most)
	dealt, sorted := out[:0], [most]int{}
	for i := range hand {
		left := uint64(queues - i)
		card := int(hash % left)
		hash /= left
		// Cards dealt before are no longer in the deck: those not above the card move it up.
		at := 0
		for ; at < i && sorted[at] <= card; at++ {
			card++
		}
		copy(sorted[at+1:i+1], sorted[at:i])
		sorted[at] = card
		dealt = append(dealt, card)
	}
	return dealt
}
