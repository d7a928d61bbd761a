package journal

import (
	"context"
	"sync"
	"time"

	"github.com/nats-io/nuid"

	"taffrail.dev/events/errs"
)

const (
	// roundRecords and roundBytes bound what is committed together.
	roundRecords = 512
	roundBytes   = 16 << 20
	// queueRequests bounds the requests that wait.
	queueRequests = 16384
	// window bounds the appends under way on a replicated journal.
	window = 1000
)

// Appender lets many goroutines append to one stream as fast as the stream allows.
// A write that is alone goes out at once. While a commit is under way, others wait and then go
// together: on a single server in an atomic batch, as it syncs to disk for each commit; on a
// replicated journal each on its own, many under way at once.
//
// Invariants: at most `lanes` rounds are under way. A subject is in at most one of
// them, and in one only once; requests on a subject are committed in the order in which they came. A
// request's records are committed together or not at all, and one request's failure is no other's.
// There is no goroutine of its own: the first waiter of a round commits it for all.
type Appender struct {
	to    rounds
	lanes int
	most  int // records of a round

	mu    sync.Mutex
	queue []*request
	busy  map[string]struct{} // subjects of the rounds under way
	under int                 // rounds under way
}

var _ Writer = (*Appender)(nil)

// rounds is a stream that takes several requests at once, each with its own outcome.
type rounds interface {
	// commit sets every request's sequences or error. No subject occurs twice. Every
	// record has an ID.
	commit(ctx context.Context, round []*request)
}

// request is one Append under way.
type request struct {
	records   []Record
	size      int
	sequences []uint64
	err       error

	state requestState // guarded by the Appender's mu
	// turn hands the request the round that it shall commit, or nil when it is done.
	turn chan []*request
}

type requestState int

const (
	waiting requestState = iota
	following
	leading
)

// NewAppender appends to a JetStream or memory journal. replicated says that the stream
// has more than one replica.
func NewAppender(j interface {
	Journal
	rounds
}, replicated bool) *Appender {
	a := &Appender{to: j, lanes: 1, most: roundRecords, busy: map[string]struct{}{}}
	if replicated {
		a.lanes, a.most = window, 1
	}
	return a
}

// Append stores all records or none, as Writer says. errs.TooManyRequests if too many wait.
func (a *Appender) Append(ctx context.Context, records ...Record) ([]uint64, error) {
	if len(records) == 0 {
		return nil, nil
	}
	if err := distinct(records); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, errs.E(appendOp, errs.Timeout, err)
	}
	r := newRequest(records)
	round, err := a.enter(r)
	if err != nil {
		return nil, err
	}
	if round == nil {
		if round, err = a.wait(ctx, r); err != nil {
			return nil, err
		}
	}
	if round != nil {
		a.lead(ctx, r, round)
	}
	return r.sequences, r.err
}

func newRequest(records []Record) *request {
	r := &request{records: records, turn: make(chan []*request, 1)}
	for i := range records {
		r.size += len(records[i].Data)
		if records[i].ID == "" { // so that a repeat after a lost answer is harmless
			if i == 0 {
				r.records = append([]Record(nil), records...)
			}
			r.records[i].ID = nuid.Next()
		}
	}
	return r
}

// enter begins a round of the request alone if it need not wait, else queues it.
func (a *Appender) enter(r *request) ([]*request, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.queue) == 0 && a.under < a.lanes && !a.blocked(r, nil) {
		round := []*request{r}
		a.begin(round)
		return round, nil
	}
	if len(a.queue) >= queueRequests {
		return nil, errs.F(appendOp, errs.TooManyRequests, "%d writes wait for the journal, try again later", len(a.queue))
	}
	a.queue = append(a.queue, r)
	return nil, nil
}

func (a *Appender) blocked(r *request, also map[string]struct{}) bool {
	for i := range r.records {
		if _, busy := a.busy[r.records[i].Subject]; busy {
			return true
		}
		if _, busy := also[r.records[i].Subject]; busy {
			return true
		}
	}
	return false
}

func (a *Appender) begin(round []*request) {
	a.under++
	for i, r := range round {
		r.state = following
		if i == 0 {
			r.state = leading
		}
		for j := range r.records {
			a.busy[r.records[j].Subject] = struct{}{}
		}
	}
}

// wait until the request is done, or is to commit the round that it returns.
func (a *Appender) wait(ctx context.Context, r *request) ([]*request, error) {
	select {
	case round := <-r.turn:
		return round, nil
	case <-ctx.Done():
	}
	a.mu.Lock()
	if r.state == waiting {
		a.remove(r)
	}
	state := r.state
	a.mu.Unlock()
	if state == leading { // the others rely on it
		return <-r.turn, nil
	}
	return nil, errs.E(appendOp, errs.Timeout, ctx.Err())
}

func (a *Appender) remove(r *request) {
	for i := range a.queue {
		if a.queue[i] == r {
			a.queue = append(a.queue[:i], a.queue[i+1:]...)
			return
		}
	}
}

// lead commits a round, appoints who commits the next, and tells the round's others.
func (a *Appender) lead(ctx context.Context, self *request, round []*request) {
	a.to.commit(context.WithoutCancel(ctx), round)
	a.mu.Lock()
	a.under--
	for _, r := range round {
		for i := range r.records {
			delete(a.busy, r.records[i].Subject)
		}
	}
	for a.under < a.lanes {
		next := a.gather()
		if len(next) == 0 {
			break
		}
		a.begin(next)
		next[0].turn <- next
	}
	a.mu.Unlock()
	for _, r := range round {
		if r != self {
			r.turn <- nil
		}
	}
}

// gather takes the next round off the queue: the oldest requests that share no subject.
func (a *Appender) gather() []*request {
	var round []*request
	records, size := 0, 0
	taken := map[string]struct{}{} // by the round, or by older requests that cannot be in it
	kept := a.queue[:0]
	for i, r := range a.queue {
		full := len(round) > 0 && (records+len(r.records) > a.most || size+r.size > roundBytes)
		if full {
			kept = append(kept, a.queue[i:]...)
			break
		}
		if a.blocked(r, taken) {
			kept = append(kept, r)
		} else {
			round = append(round, r)
			records += len(r.records)
			size += r.size
		}
		for j := range r.records {
			taken[r.records[j].Subject] = struct{}{}
		}
	}
	clear(a.queue[len(kept):])
	a.queue = kept
	return round
}

// commit of a journal in memory.
func (m *Memory) commit(ctx context.Context, round []*request) {
	for _, r := range round {
		r.sequences, r.err = m.Append(ctx, r.records...)
	}
}

// commitPause is the wait before a round's repeat.
func commitPause(try int) time.Duration { return time.Duration(try) * 2 * time.Millisecond }
