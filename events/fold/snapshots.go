package fold

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"taffrail.dev/events/errs"
	"taffrail.dev/events/journal"
	"taffrail.dev/events/subject"
)

// Bucket is where snapshots are kept; an Object Store bucket is one by NewBucket.
type Bucket interface {
	// List is the names with a prefix.
	List(ctx context.Context, prefix string) ([]string, error)
	Open(ctx context.Context, name string) (io.ReadCloser, error)
	// Put stores all that r has, or nothing.
	Put(ctx context.Context, name string, r io.Reader) error
	Delete(ctx context.Context, name string) error
}

// Snapshots keeps the newest snapshots of streams in a bucket.
type Snapshots struct {
	Bucket Bucket
	// Log gets snapshots that are refused; nil for none.
	Log *zap.Logger
}

// kept is how many snapshots of a stream are kept.
const kept = 2

func snapshotName(stream subject.Stream, sequence uint64) string {
	return fmt.Sprintf("%s/%020d", stream, sequence)
}

// names of a stream's snapshots, newest first.
func (s *Snapshots) names(ctx context.Context, stream subject.Stream) ([]string, error) {
	names, err := s.Bucket.List(ctx, string(stream)+"/")
	slices.Sort(names)
	slices.Reverse(names)
	return names, err
}

// newest is the name and the sequence of the newest snapshot that is whole and of what
// the stream has, up to last; "" if there is none. Others are passed over.
func (s *Snapshots) newest(ctx context.Context, stream subject.Stream, last uint64) (string, uint64, error) {
	names, err := s.names(ctx, stream)
	if err != nil {
		return "", 0, err
	}
	for _, name := range names {
		sequence, err := s.read(ctx, stream, name, func(journal.Message) error { return nil })
		if err == nil && sequence <= last {
			return name, sequence, nil
		}
		if err == nil {
			err = errs.F(snapshotOp, errs.Invalid, "it is at %d, its stream only at %d", sequence, last)
		}
		if ctx.Err() != nil {
			return "", 0, ctx.Err()
		}
		if s.Log != nil {
			s.Log.Error("snapshot refused", zap.String("snapshot", name), zap.Error(err))
		}
	}
	return "", 0, nil
}

func (s *Snapshots) read(ctx context.Context, stream subject.Stream, name string, fn func(journal.Message) error) (uint64, error) {
	r, err := s.Bucket.Open(ctx, name)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	return ReadSnapshot(r, stream, fn)
}

const loadBatch = 1024

// load passes on the newest good snapshot of a stream, and returns its sequence; 0 if
// there is none. It is verified before anything of it is passed on.
func (s *Snapshots) load(ctx context.Context, stream subject.Stream, last uint64, fn func([]journal.Message, uint64) error) (uint64, error) {
	name, _, err := s.newest(ctx, stream, last)
	if err != nil || name == "" {
		return 0, err
	}
	batch := make([]journal.Message, 0, loadBatch)
	sequence, err := s.read(ctx, stream, name, func(m journal.Message) error {
		if batch = append(batch, m); len(batch) < loadBatch {
			return nil
		}
		full := batch
		batch = make([]journal.Message, 0, loadBatch)
		return fn(full, m.Sequence)
	})
	if err != nil {
		return 0, err
	}
	return sequence, fn(batch, sequence)
}

// Take makes and stores a new snapshot of a stream at its end, out of the newest one and
// what came since, if that is `least` messages at least, and drops old ones. It returns the
// newest snapshot's sequence, 0 if there is none, and whether it was taken now.
func (s *Snapshots) Take(ctx context.Context, stream subject.Stream, j journal.Reader, least uint64) (uint64, bool, error) {
	through, err := j.Last(ctx)
	if err != nil {
		return 0, false, err
	}
	name, from, err := s.newest(ctx, stream, through)
	if err != nil || through < from+max(least, 1) {
		return from, false, err
	}
	t := taking{snapshots: s, stream: stream, journal: j, base: name, from: from, through: through}
	if err := t.survey(ctx); err != nil {
		return from, false, err
	}
	r, w := io.Pipe()
	written := make(chan struct{})
	go func() {
		w.CloseWithError(WriteSnapshot(w, stream, through, t.messages(ctx)))
		close(written)
	}()
	err = s.Bucket.Put(ctx, snapshotName(stream, through), r)
	r.CloseWithError(errs.F("take snapshot", errs.Unavailable, "the bucket gave up")) // ends the writer
	<-written
	if err != nil {
		return from, false, err
	}
	return through, true, s.dropOld(ctx, stream)
}

func (s *Snapshots) dropOld(ctx context.Context, stream subject.Stream) error {
	names, err := s.names(ctx, stream)
	if err != nil {
		return err
	}
	for _, name := range names[min(kept, len(names)):] {
		if err := s.Bucket.Delete(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// NewBucket is an Object Store bucket.
func NewBucket(store jetstream.ObjectStore) Bucket { return objects{store} }

type objects struct{ store jetstream.ObjectStore }

func (o objects) List(ctx context.Context, prefix string) ([]string, error) {
	all, err := o.store.List(ctx)
	if errors.Is(err, jetstream.ErrNoObjectsFound) {
		return nil, nil
	}
	if err != nil {
		return nil, errs.E("list snapshots", errs.Unavailable, err)
	}
	var names []string
	for _, info := range all {
		if strings.HasPrefix(info.Name, prefix) {
			names = append(names, info.Name)
		}
	}
	return names, nil
}

func (o objects) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	r, err := o.store.Get(ctx, name)
	if err != nil {
		return nil, errs.E("open snapshot", errs.Unavailable, err)
	}
	return r, nil
}

func (o objects) Put(ctx context.Context, name string, r io.Reader) error {
	if _, err := o.store.Put(ctx, jetstream.ObjectMeta{Name: name}, r); err != nil {
		return errs.E("store snapshot", errs.Unavailable, err)
	}
	return nil
}

func (o objects) Delete(ctx context.Context, name string) error {
	if err := o.store.Delete(ctx, name); err != nil {
		return errs.E("delete snapshot", errs.Unavailable, err)
	}
	return nil
}

// Load passes on the newest good snapshot of a stream that is not past `last`, in batches with the sequence they reach,
// and returns its sequence; 0 if there is none. It is verified before anything of it is passed on.
func (s *Snapshots) Load(ctx context.Context, stream subject.Stream, last uint64, fn func([]journal.Message, uint64) error) (uint64, error) {
	return s.load(ctx, stream, last, fn)
}
