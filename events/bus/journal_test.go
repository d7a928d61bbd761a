package bus_test

import (
	"context"
	"testing"

	"taffrail.dev/events/bus"
	"taffrail.dev/events/journal"
	"taffrail.dev/events/journal/journaltest"
	"taffrail.dev/events/subject"
)

// open opens an embedded bus on a data dir and closes it at the test's end.
func open(t testing.TB, c bus.Config) *bus.Bus {
	t.Helper()
	b, err := bus.Open(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func state(t testing.TB, b *bus.Bus) *journal.JetStream {
	t.Helper()
	j, err := b.Journal(bus.Gateway(), subject.State, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func TestJetStream(t *testing.T) {
	t.Parallel()
	journaltest.Suite(t, func(t *testing.T) *journaltest.Opened {
		config := bus.Config{DataDir: t.TempDir()}
		b := open(t, config)
		o := &journaltest.Opened{Journal: state(t, b)}
		o.Reopen = func(t *testing.T) {
			b.Close()
			b = open(t, config)
			o.Journal = state(t, b)
		}
		return o
	})
}
