package bus

import (
	"sync"
	"syscall"

	"github.com/nats-io/nats-server/v2/server"

	"taffrail.dev/events/errs"
	"taffrail.dev/events/journal"
)

// spare is how much of the disk the journal leaves free: a server whose write fails for want
// of room takes no more writes until it is started again, so it must not come to that. It covers what
// is written beside the appends: indexes, consumers, snapshots.
const spare = 32 << 20

// disk is where the embedded server keeps its streams, as those see it who append.
type disk struct {
	dir    string
	server *server.Server
	staged *staging

	mu     sync.Mutex
	broken map[string]error // by stream
}

var _ journal.Storage = (*disk)(nil)

// Room refuses what would leave less than spare free. A batch is on disk twice while it is committed.
func (d *disk) Room(stream string, bytes int) error {
	d.mu.Lock()
	err := d.broken[stream]
	d.mu.Unlock()
	if err != nil {
		return err
	}
	d.staged.mend(stream)
	var s syscall.Statfs_t
	if err := syscall.Statfs(d.dir, &s); err != nil {
		return errs.F("look at the journal's disk", errs.Unavailable, "%s: %w", d.dir, err)
	}
	const mib = 1 << 20
	if free := int64(s.Bavail) * s.Bsize; free < spare+2*int64(bytes) {
		return errs.F("append to journal", errs.Unavailable, "the journal's disk is full: %d MiB are free in %s, of which %d MiB are kept free; writes go on once there is room",
			free/mib, d.dir, spare/mib)
	}
	return nil
}

// Broken asks the server. What it has once said of a stream is so until it is started again.
func (d *disk) Broken(stream string) error {
	health := d.server.Healthz(&server.HealthzOptions{Details: true})
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range health.Errors {
		if e.Stream == stream && d.broken[stream] == nil {
			d.broken[stream] = errs.F("append to journal", errs.Unavailable, "the journal's disk failed, and the journal takes no writes until it is started again: %s", e.Error)
		}
	}
	return d.broken[stream]
}
