package dispatcher

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	"taffrail.dev/events/fold"
	"taffrail.dev/events/journal"
	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
)

// Name is the service's.
const Name = "dispatcher"

const (
	// probeEvery is how often ASSIGN is looked at while there is nothing to tell.
	probeEvery = 2 * time.Second
	// Waits between repeats of a failed append.
	firstWait = 50 * time.Millisecond
	lastWait  = 5 * time.Second
	// maxConflicts in a row are met by looking again at once.
	maxConflicts = 8
)

// Spec declares the service: its effect is on ASSIGN, so it writes no API object.
func Spec() process.Spec {
	return process.Spec{Name: Name, Reads: []subject.Resource{
		subject.Pods, subject.ConfigMaps, subject.Secrets, subject.Services, subject.EndpointSlices, subject.Nodes,
	}}
}

// Dispatcher is the service.
type Dispatcher struct {
	assign journal.Journal
	epoch  func() string
	deps   process.Deps
}

// New makes the service. assign is the journal of ASSIGN, epoch makes a new unique
// text for each full statement.
func New(deps process.Deps, assign journal.Journal, epoch func() string) *Dispatcher {
	if deps.Log == nil {
		deps.Log = zap.NewNop()
	}
	return &Dispatcher{assign: assign, epoch: epoch, deps: deps}
}

// Run dispatches until ctx ends or the source fails. It returns ctx's error when ctx
// ended.
func (d *Dispatcher) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	l := &loop{
		Dispatcher: d, log: d.deps.Log.With(zap.String("service", Name)), metrics: newMetrics(d.deps.Metrics),
		state: NewState(), ledger: newLedger(), appended: make(chan appended, 1),
	}
	batches, followed := make(chan fold.Batch), make(chan error, 1)
	var running sync.WaitGroup
	running.Go(func() {
		followed <- d.deps.Source.Follow(ctx, Spec().Reads, func(b fold.Batch) error {
			select {
			case batches <- b:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	})
	err := l.run(ctx, batches, followed)
	cancel()
	l.appending.Wait()
	running.Wait()
	return err
}

// loop is a dispatcher under way. One goroutine owns it; appends run beside it, one at
// a time, so that a mark is never ahead of what it closes.
type loop struct {
	*Dispatcher
	log     *zap.Logger
	metrics *metrics
	state   *State
	ledger  *ledger
	ready   bool // the fold has caught up
	stated  bool // a full statement of the current epoch is queued or made

	flying    *batch
	appended  chan appended
	appending sync.WaitGroup
	failures  int
	retry     <-chan time.Time
}

// appended is the answer of an append.
type appended struct {
	sequences []uint64
	err       error
}

func (l *loop) run(ctx context.Context, batches <-chan fold.Batch, followed <-chan error) error {
	probe := time.NewTicker(probeEvery)
	defer probe.Stop()
	for {
		if l.flying == nil && l.retry == nil && l.ready {
			l.work(ctx)
		}
		select {
		case b := <-batches:
			l.fold(b)
		case answer := <-l.appended:
			l.answered(ctx, answer)
		case <-l.retry:
			l.retry = nil
		case <-probe.C:
			l.probe(ctx)
		case err := <-followed:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (l *loop) fold(b fold.Batch) {
	for _, e := range b.Events {
		changed := l.state.Apply(e)
		if l.stated {
			l.ledger.enqueue(e, changed...)
		}
	}
	if b.Stream == subject.State {
		l.ledger.through = max(l.ledger.through, b.Through)
	}
	l.ready = l.ready || b.Ready
}

// work begins a statement if one is due, and the next append if there is something
// to tell.
func (l *loop) work(ctx context.Context) {
	if !l.stated {
		if err := l.restate(ctx); err != nil {
			l.fail(err)
			return
		}
	}
	for len(l.ledger.queue) > 0 && l.flying == nil {
		l.flying = l.ledger.cut(l.state)
	}
	l.metrics.queue.Set(float64(len(l.ledger.queue)))
	if l.flying == nil {
		return
	}
	records := l.flying.records
	l.appending.Go(func() {
		sequences, err := l.assign.Append(ctx, records...)
		l.appended <- appended{sequences, err}
	})
}

// restate reads what ASSIGN holds and queues the difference to all that is to be told,
// and behind it the marks of a new epoch.
func (l *loop) restate(ctx context.Context) error {
	if err := l.ledger.reload(ctx, l.assign); err != nil {
		return err
	}
	l.stated, l.failures = true, 0
	l.ledger.epoch = l.epoch()
	l.ledger.queue, l.ledger.queued = nil, map[subject.Assignment]*fold.Event{}
	for a := range l.ledger.told {
		l.ledger.enqueue(nil, a)
	}
	l.ledger.enqueue(nil, l.state.All()...)
	l.metrics.statements.Inc()
	l.log.Info("stating all assignments", zap.Int("held", len(l.ledger.told)), zap.Int("nodes", len(l.state.nodes)))
	if l.deps.Ready != nil {
		l.deps.Ready()
		l.deps.Ready = nil
	}
	return nil
}

func (l *loop) answered(ctx context.Context, answer appended) {
	b := l.flying
	l.flying = nil
	if answer.err == nil {
		l.failures = 0
		l.metrics.told(b)
		if l.ledger.settle(b, answer.sequences) {
			l.lost()
		}
		return
	}
	l.requeue(b)
	var conflict *journal.Conflict
	if l.failures < maxConflicts && errors.As(answer.err, &conflict) {
		if err := l.ledger.relearn(ctx, l.assign, conflict.Subject); err == nil {
			l.failures++
			return
		}
	}
	l.fail(answer.err)
}

// lost has all stated again.
func (l *loop) lost() {
	l.log.Warn("assignments were lost, stating them again")
	l.stated = false
}

// requeue puts a failed batch back in front.
func (l *loop) requeue(b *batch) {
	rest, queued := l.ledger.queue, l.ledger.queued
	l.ledger.queue, l.ledger.queued = nil, map[subject.Assignment]*fold.Event{}
	for i, a := range b.assignments {
		l.ledger.enqueue(b.causes[i], a)
	}
	for _, a := range rest {
		l.ledger.enqueue(queued[a], a)
	}
}

// fail waits before the next try, longer each time.
func (l *loop) fail(err error) {
	wait := min(firstWait<<min(l.failures, 10), lastWait)
	l.failures++
	l.metrics.failures.Inc()
	l.log.Warn("telling nodes failed", zap.Error(err), zap.Duration("retry_in", wait))
	l.retry = time.After(wait)
}

// probe notices, while nothing is to be told, that ASSIGN was lost.
func (l *loop) probe(ctx context.Context) {
	if l.flying != nil || !l.stated {
		return
	}
	if last, err := l.assign.Last(ctx); err == nil && last < l.ledger.newest {
		l.lost()
	}
}
