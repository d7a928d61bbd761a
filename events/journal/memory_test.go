package journal_test

import (
	"testing"

	"taffrail.dev/events/journal"
	"taffrail.dev/events/journal/journaltest"
)

func TestMemory(t *testing.T) {
	t.Parallel()
	journaltest.Suite(t, func(*testing.T) *journaltest.Opened {
		return &journaltest.Opened{Journal: journal.NewMemory(nil)}
	})
}
