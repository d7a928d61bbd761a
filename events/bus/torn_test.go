package bus_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/sys/unix"

	"taffrail.dev/events/bus"
	"taffrail.dev/events/errs"
	"taffrail.dev/events/journal"
)

func streamFolder(dir string) string { return filepath.Join(dir, "nats/jetstream/$G/streams/STATE") }

// TestStagedInMemory begins a batch: the server assembles it in memory, and the folder goes with the bus.
func TestStagedInMemory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b, err := bus.Open(withTimeout(t), bus.Config{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	memory, err := os.Readlink(filepath.Join(streamFolder(dir), "batches"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(filepath.Dir(memory)) }) // a begun batch stays, to be gone on from
	var s unix.Statfs_t
	if err := unix.Statfs(memory, &s); err != nil || s.Type != unix.TMPFS_MAGIC {
		t.Errorf("%s is not in memory: type %x, %v", memory, s.Type, err)
	}
	nc := conn(t, b, bus.Gateway())
	m := &nats.Msg{Subject: path(1), Header: nats.Header{"Nats-Batch-Id": {"begun"}, "Nats-Batch-Sequence": {"1"}}, Data: []byte("x")}
	if _, err := nc.RequestMsg(m, 10*time.Second); err != nil {
		t.Fatal(err)
	}
	if batches, err := os.ReadDir(memory); err != nil || len(batches) != 1 {
		t.Errorf("%d batches are staged in %s, want the one begun: %v", len(batches), memory, err)
	}
}

// TestStagingIsSwept deletes a store whose process was killed: the next start of any sweeps up after it.
func TestStagingIsSwept(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "gone")
	kill(t, dir, 10, map[uint64]string{})
	memory, err := os.Readlink(filepath.Join(streamFolder(dir), "batches"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	open(t, bus.Config{DataDir: t.TempDir()})
	if _, err := os.Stat(memory); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there: %v", memory, err)
	}
}

// TestStagingIsKept hides a store from others, as one on mounts of its own is: while its bus is open nobody sweeps
// up after it. What somebody cleans away all the same is made again.
func TestStagingIsKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := state(t, open(t, bus.Config{DataDir: dir}))
	memory, err := os.Readlink(filepath.Join(streamFolder(dir), "batches"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(filepath.Dir(memory)) })
	elsewhere := filepath.Join(filepath.Dir(memory), "store")
	if err := errors.Join(os.Remove(elsewhere), os.Symlink("/nowhere", elsewhere)); err != nil {
		t.Fatal(err)
	}
	open(t, bus.Config{DataDir: t.TempDir()})
	if _, err := os.Stat(memory); err != nil {
		t.Errorf("swept up while it is used: %v", err)
	}
	if err := os.RemoveAll(filepath.Dir(memory)); err != nil {
		t.Fatal(err)
	}
	pair := []journal.Record{{Subject: path(1), Data: []byte("x")}, {Subject: path(2), Data: []byte("x")}}
	if _, err := j.Append(withTimeout(t), pair...); err != nil {
		t.Error(err)
	}
}

// TestTornBatch cuts the power in the middle of a commit: the last of a batch is not on disk, nor is what
// was staged. None of it is there at the next start, and its repeat is stored.
func TestTornBatch(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	batch := make([]journal.Record, 3)
	for i := range batch {
		batch[i] = journal.Record{Subject: path(10 + i), ID: fmt.Sprint("batch-", i), Data: make([]byte, 300)}
	}
	func() {
		b, err := bus.Open(withTimeout(t), bus.Config{DataDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		j := state(t, b)
		for _, records := range [][]journal.Record{{{Subject: path(1), Data: []byte("before")}}, batch} {
			if _, err := j.Append(context.Background(), records...); err != nil {
				t.Fatal(err)
			}
		}
	}()
	tear(t, dir, 100)

	j := state(t, open(t, bus.Config{DataDir: dir}))
	for _, r := range batch {
		if m, err := j.GetLast(withTimeout(t), r.Subject); !errs.Is(err, errs.NotFound) {
			t.Errorf("%s is there after all, at %d: %v", r.Subject, m.Sequence, err)
		}
	}
	last, err := j.Last(withTimeout(t))
	if err != nil {
		t.Fatal(err)
	}
	if got := subjectsThrough(t, j, last); !slices.Equal(got, []string{path(1)}) {
		t.Errorf("read %v through %d", got, last)
	}
	got, err := j.Append(withTimeout(t), batch...)
	if err != nil || got[0] <= last {
		t.Errorf("the repeat is at %v, after %d: %v", got, last, err)
	}
	if got := subjectsThrough(t, j, last+3); len(got) != 4 {
		t.Errorf("read %v", got)
	}
}

// tear takes the last bytes off the stream's newest block, and its index.
func tear(t *testing.T, dir string, bytes int64) {
	t.Helper()
	blocks, err := filepath.Glob(filepath.Join(streamFolder(dir), "msgs", "*.blk"))
	if err != nil || len(blocks) != 1 {
		t.Fatalf("blocks %v: %v", blocks, err)
	}
	info, err := os.Stat(blocks[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(blocks[0], info.Size()-bytes); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(streamFolder(dir), "msgs", "index.db")); err != nil {
		t.Fatal(err)
	}
}

// subjectsThrough reads as far as a sequence.
func subjectsThrough(t *testing.T, j journal.Reader, last uint64) (subjects []string) {
	t.Helper()
	err := j.Read(withTimeout(t), 1, nil, func(batch []journal.Message, through uint64) error {
		for _, m := range batch {
			subjects = append(subjects, m.Subject)
		}
		if through >= last {
			return errDone
		}
		return nil
	})
	if !errors.Is(err, errDone) {
		t.Fatalf("read: %v", err)
	}
	return subjects
}
