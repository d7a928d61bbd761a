package process

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"taffrail.dev/events/fold"
	"taffrail.dev/events/subject"
	commandv1 "taffrail.dev/proto/gen/command/v1"
)

const (
	defaultParallel = 64
	// foldPatience bounds the wait for a command's effect to be folded; then the
	// key is decided on what there is.
	foldPatience = 30 * time.Second
)

// Run follows the controller's resources, decides and sends, until ctx ends or the
// source fails. Commands under way are awaited. It returns ctx's error when ctx ended.
func (c *Controller) Run(ctx context.Context, d Deps) error {
	l, err := newLoop(c, d)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	batches := make(chan fold.Batch)
	followed := make(chan error, 1)
	go func() {
		followed <- d.Source.Follow(ctx, c.Spec.Reads, func(b fold.Batch) error {
			select {
			case batches <- b:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	err, over := l.run(ctx, batches, followed)
	cancel()
	if !over {
		<-followed
	}
	l.sending.Wait()
	return err
}

// loop is a controller under way. One goroutine owns it.
type loop struct {
	*Controller
	deps      Deps
	log       *zap.Logger
	metrics   *metrics
	schedule  *schedule
	reads     map[subject.Resource]struct{}
	positions fold.Position
	ready     bool
	parallel  int

	pending []sent    // commands whose turn has begun, to be sent
	flying  int       // commands under way
	answers chan sent // their answers
	sending sync.WaitGroup
	timer   *time.Timer
}

// sent is one command of a key's turn, or a note on one (without a key), and its answer.
type sent struct {
	key     *key
	index   int // among the turn's commands
	command *commandv1.Command
	result  *commandv1.Result
	err     error
	took    time.Duration
}

func newLoop(c *Controller, d Deps) (*loop, error) {
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Log == nil {
		d.Log = zap.NewNop()
	}
	parallel := c.Parallel
	if parallel <= 0 {
		parallel = defaultParallel
	}
	m, err := newMetrics(c.Spec.Name, d.Metrics)
	if err != nil {
		return nil, err
	}
	l := &loop{
		Controller: c, deps: d, log: d.Log.With(zap.String("service", c.Spec.Name)), metrics: m,
		schedule: newSchedule(c.Before), reads: map[subject.Resource]struct{}{}, positions: fold.Position{},
		parallel: parallel, answers: make(chan sent, parallel), timer: time.NewTimer(time.Hour),
	}
	for _, r := range c.Spec.Reads {
		l.reads[r] = struct{}{}
	}
	return l, nil
}

// run is the loop; over says that the source has ended.
func (l *loop) run(ctx context.Context, batches <-chan fold.Batch, followed <-chan error) (err error, over bool) {
	defer l.timer.Stop()
	for {
		l.work(ctx)
		select {
		case b := <-batches:
			l.fold(b)
		case s := <-l.answers:
			l.answered(s)
		case <-l.timer.C:
		case err := <-followed:
			if ctx.Err() != nil {
				err = ctx.Err()
			}
			return err, true
		case <-ctx.Done():
			return ctx.Err(), false
		}
		l.drain(batches)
	}
}

// drain takes what else has come already, so that decisions are made on the newest
// state and not one per event.
func (l *loop) drain(batches <-chan fold.Batch) {
	for {
		select {
		case s := <-l.answers:
			l.answered(s)
		case b := <-batches:
			l.fold(b)
		default:
			return
		}
	}
}

func (l *loop) fold(b fold.Batch) {
	for _, e := range b.Events {
		for _, woken := range l.State.Apply(e) {
			l.schedule.wake(woken, e)
		}
	}
	l.positions[b.Stream] = max(l.positions[b.Stream], b.Through)
	if len(b.Events) > 0 {
		l.metrics.folded(b, l.deps.Now())
	}
	for _, k := range l.schedule.folded(b.Stream, l.positions[b.Stream]) {
		l.settle(k)
	}
	if b.Ready && !l.ready {
		l.ready = true
		l.log.Info("caught up", zap.Int("keys", l.schedule.waiting()))
		if l.deps.Ready != nil {
			l.deps.Ready()
		}
	}
}

// work lets time pass, decides and sends while there is room, and sets the timer.
func (l *loop) work(ctx context.Context) {
	now := l.deps.Now()
	for _, k := range l.schedule.due(now) {
		if k.state == folding {
			l.log.Warn("effect of a command not folded in time", zap.String("key", k.object.String()))
			l.settle(k)
		}
	}
	for l.ready {
		l.send(ctx)
		if l.flying >= l.parallel || len(l.pending) > 0 {
			break
		}
		k := l.schedule.next()
		if k == nil {
			break
		}
		l.decide(k, now)
	}
	l.metrics.queue.Set(float64(l.schedule.waiting()))
	l.timer.Reset(l.schedule.untilNext(now))
}

func (l *loop) decide(k *key, now time.Time) {
	turn := Turn{Key: k.object, Now: now, Cause: k.cause, Failures: k.failures, Err: k.err}
	k.cause = nil
	plan := l.Decide(turn)
	l.metrics.decisions.Inc()
	k.after, k.expected = time.Time{}, nil
	if !l.begin(k, turn, plan, now) {
		k.failures, k.err = 0, nil
		l.schedule.rest(k)
	}
}

// begin carries out a plan, the turn's first or one that follows; false if it has no commands.
func (l *loop) begin(k *key, turn Turn, plan Plan, now time.Time) bool {
	if plan.After > 0 {
		k.after = now.Add(plan.After)
	}
	if len(plan.Commands) == 0 {
		return false
	}
	l.schedule.begin(k, len(plan.Commands))
	k.turn, k.notes, k.then, k.answers = turn, plan.Notes, plan.Then, make([]Answer, len(plan.Commands))
	for i, c := range plan.Commands {
		stamp(c, turn)
		l.pending = append(l.pending, sent{key: k, index: i, command: c})
	}
	return true
}

// stamp gives a command its id and, where the decision left them out, the event that
// it reacts to and the root of that event's chain.
func stamp(c *commandv1.Command, t Turn) {
	if c.Id == "" {
		c.Id = newID()
	}
	if t.Cause == nil {
		return
	}
	if c.Cause == 0 {
		c.Cause = t.Cause.Sequence
	}
	if c.Correlation == 0 {
		c.Correlation = t.Cause.Root()
	}
}
