package fold

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"taffrail.dev/events/envelope"
	"taffrail.dev/events/errs"
	"taffrail.dev/events/journal"
	"taffrail.dev/events/subject"
)

// gathering is how long a feed waits for more subscribers before it begins, so that
// those who start together share one reading from the beginning.
const gathering = 50 * time.Millisecond

// Feed is the source of a process: it reads every stream once, decodes each event
// once, and hands them to whoever follows. A follower that comes late or falls far behind reads
// the journal by itself until it has caught up.
type Feed struct {
	config FeedConfig
	hubs   map[subject.Stream]*hub
	joined chan struct{} // a follower came
	once   sync.Once
	ended  chan struct{} // closed when Run ends
	cause  error         // what Run ended with, once ended is closed
}

var _ Source = (*Feed)(nil)

// FeedConfig is what a feed reads.
type FeedConfig struct {
	Streams map[subject.Stream]journal.Reader
	// Snapshots bootstrap a stream; nil for none.
	Snapshots *Snapshots
	// Log gets events that cannot be decoded, which are left out; nil for none.
	Log *zap.Logger
}

// NewFeed makes a feed; Run runs it.
func NewFeed(c FeedConfig) *Feed {
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	f := &Feed{config: c, hubs: map[subject.Stream]*hub{}, joined: make(chan struct{}, 1), ended: make(chan struct{})}
	for stream := range c.Streams {
		f.hubs[stream] = newHub()
	}
	return f
}

// Run reads the streams until ctx ends or one cannot be read. It begins when the
// first follower has come.
func (f *Feed) Run(ctx context.Context) error {
	err := f.run(ctx)
	f.once.Do(func() {
		f.cause = err
		close(f.ended)
	})
	return err
}

func (f *Feed) run(ctx context.Context) error {
	if err := f.gather(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan error, len(f.hubs))
	for stream := range f.hubs {
		go func() { results <- f.read(ctx, stream) }()
	}
	var first error
	for range f.hubs {
		if err := <-results; first == nil {
			first = err
			cancel()
		}
	}
	return first
}

// gather waits until followers have come and no more come at once.
func (f *Feed) gather(ctx context.Context) error {
	var quiet <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-quiet:
			return nil
		case <-f.joined:
			quiet = time.After(gathering)
		}
	}
}

func (f *Feed) read(ctx context.Context, stream subject.Stream) error {
	h := f.hubs[stream]
	h.mu.Lock()
	h.started = true
	h.mu.Unlock()
	return f.replay(ctx, stream, 0, func(events []*Event, through uint64) error {
		return h.add(ctx, events, through)
	})
}

// replay reads a stream after a sequence, by snapshot where that is the beginning.
func (f *Feed) replay(ctx context.Context, stream subject.Stream, after uint64, fn func([]*Event, uint64) error) error {
	if after == 0 && f.config.Snapshots != nil {
		last, err := f.config.Streams[stream].Last(ctx)
		if err != nil {
			return err
		}
		through, err := f.config.Snapshots.load(ctx, stream, last, func(messages []journal.Message, through uint64) error {
			return fn(f.decode(stream, messages), through)
		})
		if err != nil {
			return err
		}
		after = through
	}
	return f.config.Streams[stream].Read(ctx, after+1, nil, func(messages []journal.Message, through uint64) error {
		return fn(f.decode(stream, messages), through)
	})
}

func (f *Feed) decode(stream subject.Stream, messages []journal.Message) []*Event {
	events := make([]*Event, 0, len(messages))
	for _, m := range messages {
		e, err := envelope.Decode(m.Subject, m.Data)
		if err != nil {
			f.config.Log.Error("event of the journal left out", zap.String("stream", string(stream)),
				zap.Uint64("sequence", m.Sequence), zap.Error(err))
			continue
		}
		events = append(events, &Event{Event: e, Stream: stream, Sequence: m.Sequence})
	}
	return events
}

// Follow hands fn the events of the resources, until ctx ends, fn fails or the feed
// ends; then the error wraps what the feed ended with.
func (f *Feed) Follow(ctx context.Context, resources []subject.Resource, fn func(Batch) error) error {
	s := &subscription{feed: f, wants: interest{}, fn: fn, wake: make(chan struct{}, 1), places: map[subject.Stream]*place{}}
	for _, r := range resources {
		s.wants[r] = struct{}{}
		stream := subject.StreamOf(r)
		if f.hubs[stream] == nil {
			return errs.F("follow "+r.String(), errs.Internal, "the feed does not read %s", stream)
		}
		s.places[stream] = &place{follower: follower{wake: s.wake}}
	}
	s.streams = slices.Sorted(maps.Keys(s.places))
	return s.run(ctx)
}

// subscription is one Follow under way.
type subscription struct {
	feed    *Feed
	wants   interest
	fn      func(Batch) error
	wake    chan struct{}
	streams []subject.Stream
	places  map[subject.Stream]*place
	ready   bool
}

// place is a subscription's place in one stream.
type place struct {
	follower
	target uint64 // where it is ready
}

func (s *subscription) run(ctx context.Context) error {
	for _, stream := range s.streams {
		p := s.places[stream]
		s.feed.hubs[stream].join(&p.follower)
		defer s.feed.hubs[stream].leave(&p.follower)
	}
	select {
	case s.feed.joined <- struct{}{}:
	default:
	}
	for _, stream := range s.streams {
		last, err := s.feed.config.Streams[stream].Last(ctx)
		if err != nil {
			return err
		}
		s.places[stream].target = last
	}
	for {
		for _, stream := range s.streams {
			if err := s.advance(ctx, stream); err != nil {
				return err
			}
		}
		if !s.ready && s.caughtUp() { // nothing to read at all
			if err := s.pass(s.streams[0], nil, 0); err != nil {
				return err
			}
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.feed.ended:
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return errs.F("follow", errs.Unavailable, "the feed ended: %w", s.feed.cause)
		}
	}
}

// advance takes what a stream's hub has, by way of the journal if it must.
func (s *subscription) advance(ctx context.Context, stream subject.Stream) error {
	p, h := s.places[stream], s.feed.hubs[stream]
	before := p.position
	events, through, ok := h.take(&p.follower)
	if ok {
		if through == before {
			return nil
		}
		return s.pass(stream, events, through)
	}
	err := s.feed.replay(ctx, stream, p.position, func(events []*Event, through uint64) error {
		h.mu.Lock()
		p.position = max(p.position, through)
		caught := p.position >= h.complete
		h.mu.Unlock()
		if err := s.pass(stream, events, through); err != nil {
			return err
		}
		if caught {
			return errCaughtUp
		}
		return nil
	})
	if errors.Is(err, errCaughtUp) {
		return s.advance(ctx, stream)
	}
	return err
}

var errCaughtUp = errors.New("caught up")

func (s *subscription) caughtUp() bool {
	for _, p := range s.places {
		if p.position < p.target {
			return false
		}
	}
	return true
}

func (s *subscription) pass(stream subject.Stream, events []*Event, through uint64) error {
	s.ready = s.ready || s.caughtUp()
	if through == 0 {
		through = s.places[stream].position
	}
	return s.fn(Batch{Events: s.wants.of(events), Stream: stream, Through: through, Ready: s.ready})
}
