// Package journal is the contract of one stream of the journal: append with
// expected sequences, read in order, look up. JetStream implements it for real,
// Memory for tests, and both pass the suite in journaltest.
package journal

import (
	"context"
	"fmt"
	"time"
)

// Any, as a Record's Expect, appends whatever came before.
const Any = ^uint64(0)

// Record is one message to append.
type Record struct {
	Subject string
	// Expect is the last sequence that the subject must have at the append: 0 if
	// it must have none, Any for no check.
	Expect uint64
	// ID makes a repeat harmless within the stream's duplicate window: it is
	// answered with the first one's sequence. Empty for none.
	ID string
	// TTL after which the message goes by itself; 0 for never.
	TTL  time.Duration
	Data []byte
}

// Message is one message of a stream.
type Message struct {
	Subject  string
	Sequence uint64
	// Time at which the stream stored it.
	Time time.Time
	Data []byte
	// Pending is how many messages a reader had yet to be given when it was given this one, at least: 0 is
	// the newest that there was. With filters at the server it counts what matches, else all.
	Pending uint64
}

// Conflict is a lost race on one subject.
type Conflict struct {
	Subject string
	// Expected is what the record asked for, Last what the subject has (0 for
	// none).
	Expected, Last uint64
}

func (c *Conflict) Error() string {
	return fmt.Sprintf("subject %s is at sequence %d, not %d", c.Subject, c.Last, c.Expected)
}

// Writer appends to one stream.
type Writer interface {
	// Append stores all records, in order and at once, or none, and returns their
	// sequences once they are durable. No subject may occur twice. A failed
	// expectation is a *Conflict (errs.Conflict) that names the first subject that failed
	// it. After any other error the records may or may not have been stored: a repeat with the
	// same IDs is safe.
	Append(ctx context.Context, records ...Record) ([]uint64, error)
}

// Reader reads one stream.
type Reader interface {
	// Last is the sequence of the stream's last message, 0 if it never had one. It
	// is at least every sequence acknowledged before the call.
	Last(ctx context.Context) (uint64, error)
	// Get is the message of a sequence; errs.NotFound if there is none.
	Get(ctx context.Context, sequence uint64) (Message, error)
	// GetLast is a subject's last message; errs.NotFound if there is none.
	GetLast(ctx context.Context, subject string) (Message, error)
	// Read calls fn with batches of messages whose subjects match any filter (none: all), from
	// sequence `from` on, in order, each once, and follows the stream until ctx ends or fn
	// fails. through is the sequence up to which nothing is missing: also
	// called with no messages to report progress past others' messages and fences. fn owns the slice, not
	// the Data. A gap or a broken connection is mended inside.
	Read(ctx context.Context, from uint64, filters []string, fn func(batch []Message, through uint64) error) error
}

// Journal is one stream.
type Journal interface {
	Writer
	Reader
}
