package fold_test

import (
	"bytes"
	"context"
	"io"
	"iter"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"taffrail.dev/events/errs"
	"taffrail.dev/events/fold"
	"taffrail.dev/events/journal"
	"taffrail.dev/events/subject"
	eventv1 "taffrail.dev/proto/gen/event/v1"
)

// shelf is a bucket in memory.
type shelf struct {
	mu      sync.Mutex
	objects map[string][]byte
}

func (s *shelf) List(_ context.Context, prefix string) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for name := range s.objects {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	return names, nil
}

func (s *shelf) Open(_ context.Context, name string) (io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return io.NopCloser(bytes.NewReader(s.objects[name])), nil
}

func (s *shelf) Put(_ context.Context, name string, r io.Reader) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.objects == nil {
		s.objects = map[string][]byte{}
	}
	s.objects[name] = data
	return nil
}

func (s *shelf) Delete(_ context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.objects, name)
	return nil
}

func (s *shelf) names() []string { return slices.Sorted(maps.Keys(s.objects)) }

func each(messages ...journal.Message) iter.Seq2[journal.Message, error] {
	return func(yield func(journal.Message, error) bool) {
		for _, m := range messages {
			if !yield(m, nil) {
				return
			}
		}
	}
}

func TestSnapshotRoundTrip(t *testing.T) {
	t.Parallel()
	want := []journal.Message{
		{Subject: "state.a", Sequence: 2, Data: []byte("x")},
		{Subject: "state.b", Sequence: 5, Data: []byte{}},
		{Subject: "state.c", Sequence: 9, Data: bytes.Repeat([]byte("long"), 100_000)},
	}
	var b bytes.Buffer
	if err := fold.WriteSnapshot(&b, subject.State, 10, each(want...)); err != nil {
		t.Fatal(err)
	}
	good := b.Bytes()
	var got []journal.Message
	sequence, err := fold.ReadSnapshot(bytes.NewReader(good), subject.State, func(m journal.Message) error {
		got = append(got, m)
		return nil
	})
	if err != nil || sequence != 10 || !reflect.DeepEqual(got, want) {
		t.Fatalf("sequence %d, %v, %d messages", sequence, err, len(got))
	}
	ignore := func(journal.Message) error { return nil }
	if _, err := fold.ReadSnapshot(bytes.NewReader(good), subject.Leases, ignore); !errs.Is(err, errs.Invalid) {
		t.Errorf("of another stream: %v", err)
	}
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 0x10
		if _, err := fold.ReadSnapshot(bytes.NewReader(bad), subject.State, ignore); !errs.Is(err, errs.Invalid) {
			t.Errorf("byte %d flipped: %v", i, err)
		}
		if _, err := fold.ReadSnapshot(bytes.NewReader(good[:i]), subject.State, ignore); !errs.Is(err, errs.Invalid) {
			t.Errorf("cut at %d: %v", i, err)
		}
	}
	for _, bad := range [][]journal.Message{{{Subject: "a", Sequence: 3}, {Subject: "b", Sequence: 3}}, {{Subject: "a", Sequence: 11}}, {{Sequence: 1}}} {
		if err := fold.WriteSnapshot(io.Discard, subject.State, 10, each(bad...)); err == nil {
			t.Errorf("wrote %v", bad)
		}
	}
}

func FuzzReadSnapshot(f *testing.F) {
	var b bytes.Buffer
	if err := fold.WriteSnapshot(&b, subject.State, 10, each(journal.Message{Subject: "state.a", Sequence: 2, Data: []byte("x")})); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		_, err := fold.ReadSnapshot(bytes.NewReader(data), subject.State, func(journal.Message) error { return nil })
		if err != nil && !errs.Is(err, errs.Invalid) {
			t.Fatal(err)
		}
	})
}

// bootstrap folds a journal as a process that starts does.
func bootstrap(t *testing.T, j journal.Reader, s *fold.Snapshots) []pod {
	t.Helper()
	feed := fold.NewFeed(fold.FeedConfig{Streams: map[subject.Stream]journal.Reader{subject.State: j}, Snapshots: s})
	st := newStore()
	follow(t, feed, []subject.Resource{subject.Pods}, func(b fold.Batch) error {
		apply(t, st, b.Events)
		if b.Ready {
			return errDone
		}
		return nil
	})
	return content(st)
}

// TestSnapshotAndTail takes snapshots of a growing journal, each out of the one before, and
// finds the same state by every way.
func TestSnapshotAndTail(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	j, bucket := journal.NewMemory(nil), &shelf{}
	snapshots := &fold.Snapshots{Bucket: bucket}
	source := events(t, history(t, 300, 8))
	for i, e := range source {
		appendTo(t, j, e.Event)
		if i%50 == 40 {
			if sequence, taken, err := snapshots.Take(ctx, subject.State, j, 10); err != nil || !taken || sequence != uint64(i)+1 {
				t.Fatalf("take: %d %v %v", sequence, taken, err)
			}
			if sequence, taken, err := snapshots.Take(ctx, subject.State, j, 10); err != nil || taken || sequence != uint64(i)+1 {
				t.Fatalf("take again: %d %v %v", sequence, taken, err)
			}
		}
		if i%25 == 0 {
			if got, want := bootstrap(t, j, snapshots), bootstrap(t, j, nil); !reflect.DeepEqual(got, want) {
				t.Fatalf("after %d: by snapshot %v, by replay %v", i, got, want)
			}
		}
	}
	want := bootstrap(t, j, nil)
	names := bucket.names()
	if len(names) != 2 {
		t.Fatalf("kept %v", names)
	}
	for n := range names { // the newest damaged, then both
		bucket.objects[names[len(names)-1-n]][100] ^= 1
		if got := bootstrap(t, j, snapshots); !reflect.DeepEqual(got, want) {
			t.Fatalf("with %d damaged snapshots: %v", n+1, got)
		}
	}
	// A snapshot of more than the stream has is of another stream of that name.
	ahead := journal.NewMemory(nil)
	appendTo(t, ahead, eventOn(podNamed("x", 1), eventv1.What_CREATED, 1))
	bucket.objects[names[0]][100] ^= 1
	if got := bootstrap(t, ahead, snapshots); len(got) != 1 {
		t.Fatalf("a snapshot ahead of its stream was used: %v", got)
	}
}
