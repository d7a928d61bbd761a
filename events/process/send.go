package process

import (
	"context"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"taffrail.dev/events/envelope"
	"taffrail.dev/events/errs"
	"taffrail.dev/events/subject"
	eventv1 "taffrail.dev/proto/gen/event/v1"
)

const (
	backoffFirst = 50 * time.Millisecond
	backoffLast  = 30 * time.Second
	// promptTries is how many failures in a row of a kind that newer events cure are
	// retried as soon as such an event comes.
	promptTries = 5
)

func newID() string { return uuid.Must(uuid.NewV7()).String() }

// send starts pending commands while there is room.
func (l *loop) send(ctx context.Context) {
	n := min(len(l.pending), l.parallel-l.flying)
	for _, s := range l.pending[:n] {
		l.flying++
		l.sending.Go(func() {
			began := time.Now()
			s.result, s.err = l.deps.Commands.Do(ctx, s.command)
			s.took = time.Since(began)
			l.answers <- s // has room for all that fly
		})
	}
	if l.pending = l.pending[n:]; len(l.pending) == 0 {
		l.pending = nil
	}
}

// answered notes a command's answer and, when it is its turn's last, has the key wait
// until its effects are folded.
func (l *loop) answered(s sent) {
	l.flying--
	l.metrics.command(s)
	k := s.key
	if k == nil { // a note
		if s.err != nil {
			l.log.Debug("note failed", zap.String("object", objectOf(s.command.GetObject()).String()), zap.Error(s.err))
		}
		return
	}
	k.unanswered--
	l.judge(k, s)
	if k.unanswered > 0 {
		return
	}
	turn, then, answers := k.turn, k.then, k.answers
	l.note(k)
	if then != nil && !k.failed && l.begin(k, turn, then(answers), l.deps.Now()) {
		return
	}
	if l.schedule.await(k, l.positions, l.deps.Now().Add(foldPatience)) {
		l.settle(k)
	}
}

// judge enters an answer into its turn.
func (l *loop) judge(k *key, s sent) {
	k.answers[s.index] = Answer{Command: s.command, Result: s.result, Err: s.err}
	if s.err != nil {
		k.answers[s.index].Result = nil
		k.failed, k.err = true, s.err
		k.stubborn = k.stubborn || !cured(s.err)
		l.log.Debug("command failed", zap.Stringer("key", k.object), zap.Stringer("verb", s.command.GetVerb()),
			zap.Stringer("object", objectOf(s.command.GetObject())), zap.Error(s.err))
	}
	// A refusal too may name the sequence that it is about.
	if o := objectOf(s.command.GetObject()); o.Resource.In(l.reads) && s.result.GetSequence() > 0 {
		k.expect(subject.StreamOf(o.Resource), s.result.GetSequence())
	}
}

// note has what a turn notes about its commands sent, before the commands of later turns.
func (l *loop) note(k *key) {
	notes, answers, turn := k.notes, k.answers, k.turn
	k.notes, k.then, k.answers, k.turn = nil, nil, nil, Turn{}
	if notes == nil {
		return
	}
	for _, c := range notes(answers) {
		stamp(c, turn)
		l.pending = append(l.pending, sent{command: c})
	}
}

func objectOf(ref *eventv1.ObjectRef) subject.Object {
	return envelope.Object(&eventv1.Event{Object: ref})
}

// cured says whether a failure may be over as soon as newer events are folded.
func cured(err error) bool {
	switch errs.KindOf(err) {
	case errs.Conflict, errs.AlreadyExists, errs.NotFound:
		return true
	}
	return false
}

// settle ends a key's turn.
func (l *loop) settle(k *key) {
	if !k.failed {
		k.failures, k.err = 0, nil
		l.schedule.rest(k)
		return
	}
	k.failures++
	wait := backoff(k.failures)
	l.log.Log(failureLevel(k.failures), "decision failed, retrying", zap.String("key", k.object.String()),
		zap.Int("failures", k.failures), zap.Duration("wait", wait), zap.Error(k.err))
	prompt := !k.stubborn && k.failures <= promptTries
	l.schedule.retry(k, l.deps.Now().Add(wait), prompt)
}

// backoff is the wait after so many failures in a row: doubled each time.
func backoff(failures int) time.Duration {
	wait := backoffFirst
	for range failures - 1 {
		if wait *= 2; wait >= backoffLast {
			return backoffLast
		}
	}
	return wait
}
