package bus_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"taffrail.dev/events/bus"
	"taffrail.dev/events/errs"
	"taffrail.dev/events/fold"
	"taffrail.dev/events/journal"
	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
)

func withTimeout(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func conn(t testing.TB, b *bus.Bus, r bus.Role) *nats.Conn {
	t.Helper()
	nc, err := b.Conn(r)
	if err != nil {
		t.Fatal(err)
	}
	return nc
}

// read collects messages until n have come.
func read(t testing.TB, j journal.Reader, n int, filters ...string) []journal.Message {
	t.Helper()
	var got []journal.Message
	err := j.Read(withTimeout(t), 1, filters, func(batch []journal.Message, _ uint64) error {
		if got = append(got, batch...); len(got) >= n {
			return errDone
		}
		return nil
	})
	if !errors.Is(err, errDone) {
		t.Fatalf("read %d of %d: %v", len(got), n, err)
	}
	return got
}

func TestBadConfigs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]bus.Config{
		"nothing": {}, "both": {DataDir: "x", URL: "nats://y"}, "credentials without URL": {DataDir: "x", User: "u"},
		"listening elsewhere": {URL: "nats://y", Listen: ":0"}, "no such credentials": {URL: "nats://127.0.0.1:1", Credentials: "/nowhere"},
		"listen where": {DataDir: t.TempDir(), Listen: "no port"},
	} {
		if _, err := bus.Open(withTimeout(t), c); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := bus.Open(withTimeout(t), bus.Config{URL: "nats://127.0.0.1:1"}); !errs.Is(err, errs.Unavailable) {
		t.Errorf("nobody listens: %v", err)
	}
}

func TestDataDir(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := open(t, bus.Config{DataDir: dir})
	if _, err := bus.Open(withTimeout(t), bus.Config{DataDir: dir}); !errs.Is(err, errs.AlreadyExists) || !strings.Contains(err.Error(), "another instance") {
		t.Errorf("opened twice: %v", err)
	}
	b.Close()
	open(t, bus.Config{DataDir: dir}).Close()
	if err := os.WriteFile(filepath.Join(dir, "nats", "version"), []byte("taffrail-journal 99"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := bus.Open(withTimeout(t), bus.Config{DataDir: dir}); !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), "journal 99") {
		t.Errorf("another version: %v", err)
	}
	if _, err := bus.Open(withTimeout(t), bus.Config{DataDir: "/proc/no"}); !errs.Is(err, errs.Unavailable) {
		t.Errorf("a data dir that cannot be: %v", err)
	}
}

func TestStreamsAreAsDeclared(t *testing.T) {
	t.Parallel()
	b := open(t, bus.Config{DataDir: t.TempDir()})
	js, err := jetstream.New(conn(t, b, bus.Operator()))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range bus.Streams(1) {
		s, err := js.Stream(withTimeout(t), want.Name)
		if err != nil {
			t.Fatal(err)
		}
		got := s.CachedInfo().Config
		if got.Storage != want.Storage || got.MaxMsgsPerSubject != want.MaxMsgsPerSubject || !got.AllowAtomicPublish || !got.AllowDirect ||
			got.DenyPurge != want.DenyPurge || got.DenyDelete != want.DenyDelete || got.MaxAge != want.MaxAge || got.PersistMode != jetstream.DefaultPersistMode {
			t.Errorf("%s is %+v", want.Name, got)
		}
	}
}

// TestAStoreOfOnePerSubject keeps the last lease alone.
func TestLastPerSubject(t *testing.T) {
	t.Parallel()
	b := open(t, bus.Config{DataDir: t.TempDir()})
	j, err := b.Journal(bus.Gateway(), subject.Leases, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	on := subject.Object{Resource: subject.CoordinationLeases, Namespace: "n", Name: "l"}.Subject()
	last := uint64(0)
	for range 3 {
		got, err := j.Append(withTimeout(t), journal.Record{Subject: on, Expect: last})
		if err != nil {
			t.Fatal(err)
		}
		last = got[0]
	}
	if got := read(t, j, 1); len(got) != 1 || got[0].Sequence != 3 {
		t.Errorf("%+v", got)
	}
}

func TestFullDisk(t *testing.T) {
	t.Parallel()
	b := open(t, bus.Config{DataDir: t.TempDir(), MaxStore: 1 << 20})
	j := state(t, b)
	for _, w := range []journal.Writer{j, journal.NewAppender(j, false)} {
		var err error
		for i := 0; err == nil && i < 100; i++ {
			_, err = w.Append(withTimeout(t), journal.Record{Subject: path(i), Expect: journal.Any, Data: make([]byte, 100<<10)})
		}
		if !errs.Is(err, errs.Unavailable) || !strings.Contains(err.Error(), "disk full or limit") {
			t.Fatalf("got %v", err)
		}
	}
	if last, err := j.Last(withTimeout(t)); err != nil || last == 0 {
		t.Errorf("reading: %d %v", last, err)
	}
}

func TestTooLarge(t *testing.T) {
	t.Parallel()
	j := state(t, open(t, bus.Config{DataDir: t.TempDir()}))
	for _, w := range []journal.Writer{j, journal.NewAppender(j, false)} {
		if _, err := w.Append(withTimeout(t), journal.Record{Subject: path(1), Data: make([]byte, 9<<20)}); !errs.Is(err, errs.TooLarge) {
			t.Errorf("got %v", err)
		}
	}
}

func TestSnapshotsInTheBucket(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	spec := process.Spec{Name: "deployment", Reads: []subject.Resource{subject.Pods}}
	for range 2 { // made, then found
		b := open(t, bus.Config{DataDir: dir})
		j := state(t, b)
		for i := range 30 {
			if _, err := j.Append(withTimeout(t), journal.Record{Subject: path(i % 7), Expect: journal.Any, Data: []byte("x")}); err != nil {
				t.Fatal(err)
			}
		}
		store, err := b.Snapshots(withTimeout(t), bus.Gateway())
		if err != nil {
			t.Fatal(err)
		}
		s := fold.Snapshots{Bucket: fold.NewBucket(store)}
		if _, taken, err := s.Take(withTimeout(t), subject.State, j, 1); err != nil || !taken {
			t.Fatalf("take: %v %v", taken, err)
		}
		reader, err := b.Snapshots(withTimeout(t), bus.Service(spec))
		if err != nil {
			t.Fatal(err)
		}
		names, err := fold.NewBucket(reader).List(withTimeout(t), "STATE/")
		if err != nil || len(names) == 0 {
			t.Fatalf("a service lists %v, %v", names, err)
		}
		slices.Sort(names)
		r, err := fold.NewBucket(reader).Open(withTimeout(t), names[len(names)-1])
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		if _, err := fold.ReadSnapshot(r, subject.State, func(journal.Message) error { n++; return nil }); err != nil || n != 7 {
			t.Fatalf("a service reads %d messages, %v", n, err)
		}
		b.Close()
	}
}
