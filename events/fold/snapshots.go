package fold

import (
	"context"

	"taffrail.dev/events/journal"
	"taffrail.dev/events/subject"
)

// Snapshots is the bucket of snapshots.
type Snapshots struct{}

// load passes on the newest good snapshot of a stream, and returns its sequence; 0 if
// there is none.
func (s *Snapshots) load(context.Context, subject.Stream, func([]journal.Message, uint64) error) (uint64, error) {
	return 0, nil
}
