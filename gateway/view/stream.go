package view

import (
	"context"
	"sync"
	"sync/atomic"

	"go.uber.org/zap"

	"taffrail.dev/events/journal"
	"taffrail.dev/events/subject"
)

// stream folds one journal.
type stream struct {
	name     subject.Stream
	reader   journal.Reader
	progress progress
	barrier  barrier

	// goal is the stream's last sequence when the fold began; ready is closed when
	// it is reached.
	goal atomic.Uint64
	// from is the sequence of the snapshot that the fold began with; 0 for none.
	from  atomic.Uint64
	ready chan struct{}
	once  sync.Once
}

func newStream(name subject.Stream, reader journal.Reader) *stream {
	return &stream{name: name, reader: reader, ready: make(chan struct{}), barrier: barrier{kick: make(chan struct{}, 1)}}
}

func (s *stream) lag() Lag {
	l := Lag{Stream: s.name, Through: s.progress.reached(), Last: s.goal.Load()}
	select {
	case <-s.ready:
		l.Ready = true
	default:
	}
	l.Last = max(l.Last, l.Through, s.barrier.known.Load())
	return l
}

func (s *stream) follow(ctx context.Context, v *View) error {
	last, err := s.reader.Last(ctx)
	if err != nil {
		return err
	}
	s.goal.Store(last)
	s.wire(v)
	from, err := s.load(ctx, v, last)
	if err != nil {
		return err
	}
	s.advance(from)
	return s.reader.Read(ctx, from+1, nil, func(batch []journal.Message, through uint64) error {
		s.fold(v, batch)
		s.advance(through)
		return nil
	})
}

func (s *stream) fold(v *View, batch []journal.Message) {
	touched := map[*Table]struct{}{}
	for _, m := range batch {
		c, err := parse(m.Data, m.Sequence)
		if err != nil {
			v.cfg.Log.Error("event does not parse", zap.String("stream", string(s.name)), zap.Uint64("sequence", m.Sequence), zap.Error(err))
			continue
		}
		if t := v.of(&c); t != nil {
			t.put(c)
			touched[t] = struct{}{}
		}
	}
	for t := range touched {
		t.commit()
	}
}

func (s *stream) advance(through uint64) {
	s.progress.advance(through)
	if through >= s.goal.Load() {
		s.once.Do(func() { close(s.ready) })
	}
}

// wire gives the tables what is told of their changes.
func (s *stream) wire(v *View) {
	for _, t := range *v.tables.Load() {
		if t.stream == s {
			t.observers = v.observersOf(t.Resource)
		}
	}
}

// of is the table that a change goes to; nil for none.
func (v *View) of(c *change) *Table {
	t := v.Table(c.resource)
	if t == nil && text(c.state) {
		t = v.add(c.resource, nil)
	}
	return t
}

// load begins with the newest snapshot, and returns the sequence after which to go on.
func (s *stream) load(ctx context.Context, v *View, last uint64) (uint64, error) {
	if v.cfg.Snapshots == nil || last == 0 {
		return 0, nil
	}
	from, err := v.cfg.Snapshots.Load(ctx, s.name, last, func(batch []journal.Message, _ uint64) error {
		for _, m := range batch {
			c, err := parse(m.Data, m.Sequence)
			if err != nil || c.gone {
				continue
			}
			if t := v.of(&c); t != nil {
				t.load(c)
			}
		}
		return nil
	})
	if err != nil || from == 0 {
		return 0, err
	}
	s.from.Store(from)
	for _, t := range *v.tables.Load() {
		if t.stream == s {
			t.loaded(from)
		}
	}
	return from, nil
}
