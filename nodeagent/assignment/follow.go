// Package assignment follows what a node is told, and keeps a copy of it on disk, so that the
// node goes on when it is cut off and when it starts again.
package assignment

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"

	"github.com/nats-io/nats.go"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"taffrail.dev/events/journal"
	"taffrail.dev/events/subject"
	eventv1 "taffrail.dev/proto/gen/event/v1"
	nodev1 "taffrail.dev/proto/gen/node/v1"
)

// Change is one object that the node has to know, or no longer.
type Change struct {
	Object subject.Object
	// ToAll says that every node was told.
	ToAll   bool
	Removed bool
	// Sequence is the object's resourceVersion, the cause of what the node does about it; Correlation
	// is the root of its chain.
	Sequence, Correlation uint64
	State                 []byte
	// Message is the assignment itself.
	Message *nodev1.Assignment
}

// Follower reads a node's assignment.
type Follower struct {
	// Node is the node's name, Dir the copy's folder.
	Node, Dir string
	// Assign is the ASSIGN stream, read with one filter at a time.
	Assign journal.Reader
	// Conn, if set, is watched: after a reconnection everything is read anew, as the stream, which
	// is in memory, may be another.
	Conn *nats.Conn
	Log  *zap.Logger
}

// Load tells what the copy on disk holds.
func (f *Follower) Load(on func(Change)) error {
	if err := os.MkdirAll(f.Dir, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(f.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(f.Dir, e.Name()))
		if err != nil {
			return err
		}
		a, err := subject.ParseAssignment(e.Name())
		var m nodev1.Assignment
		if err == nil {
			err = proto.Unmarshal(b, &m)
		}
		if err != nil {
			// A write that a crash cut short; it is told again.
			f.Log.Warn("dropping an unreadable part of the last assignment", zap.String("file", e.Name()), zap.Error(err))
			_ = os.Remove(filepath.Join(f.Dir, e.Name()))
			continue
		}
		on(change(a, &m))
	}
	return nil
}

func change(a subject.Assignment, m *nodev1.Assignment) Change {
	return Change{Object: a.Object, ToAll: a.Node == "", Removed: m.GetRemoved(), Sequence: m.GetSequence(), Correlation: m.GetCorrelation(), State: m.GetState(), Message: m}
}

// Run follows the assignment until ctx ends. on is told each change, one at a time; complete is called whenever a
// full statement has been read and what it lacks was told as removed.
func (f *Follower) Run(ctx context.Context, on func(Change), complete func()) error {
	var reconnected chan nats.Status
	if f.Conn != nil {
		reconnected = f.Conn.StatusChanged(nats.CONNECTED)
	}
	for ctx.Err() == nil {
		session, stop := context.WithCancel(ctx)
		var readers sync.WaitGroup
		var errs [2]error
		s := &statement{f: f, on: on, complete: complete}
		for i, filter := range []string{subject.AssignNodeFilter(f.Node), subject.AssignAllFilter()} {
			readers.Go(func() {
				errs[i] = f.Assign.Read(session, 1, []string{filter}, s.take)
				stop()
			})
		}
		select {
		case <-session.Done():
		case <-reconnected:
			f.Log.Info("reading the assignment anew after a reconnection")
		}
		stop()
		readers.Wait()
		if err := errors.Join(errs[0], errs[1]); err != nil && ctx.Err() == nil && !errors.Is(err, context.Canceled) {
			return err
		}
	}
	return nil
}

// statement is one reading from the stream's begin.
type statement struct {
	f        *Follower
	on       func(Change)
	complete func()

	mu   sync.Mutex // guards what follows, and orders the calls of on
	seen map[string]bool
	// Of the node's part and of everybody's: whether its mark was read, all that there was when
	// reading began, and both. What was told since the mark comes behind it.
	marked, caughtUp, closed [2]bool
}

func (s *statement) take(batch []journal.Message, _ uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen == nil {
		s.seen = map[string]bool{}
	}
	for _, m := range batch {
		a, err := subject.ParseAssignment(m.Subject)
		if err != nil {
			s.f.Log.Warn("unknown assignment", zap.String("subject", m.Subject))
			continue
		}
		part := 0
		if a.Node == "" {
			part = 1
		}
		if a.Mark {
			s.marked[part] = true
		} else if err := s.one(a, m); err != nil {
			return err
		}
		s.caughtUp[part] = s.caughtUp[part] || m.Pending == 0
		if s.marked[part] && s.caughtUp[part] {
			if err := s.close(part); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *statement) one(a subject.Assignment, m journal.Message) error {
	var msg nodev1.Assignment
	if err := proto.Unmarshal(m.Data, &msg); err != nil {
		s.f.Log.Warn("an assignment cannot be read", zap.String("subject", m.Subject), zap.Error(err))
		return nil
	}
	file := filepath.Join(s.f.Dir, m.Subject)
	if msg.GetRemoved() {
		delete(s.seen, m.Subject)
		if err := os.Remove(file); err != nil && !os.IsNotExist(err) {
			return err
		}
	} else {
		s.seen[m.Subject] = true
		if err := replace(file, m.Data); err != nil {
			return err
		}
	}
	s.on(change(a, &msg))
	return nil
}

func replace(file string, data []byte) error {
	// Not synced: the copy matters to an agent that starts while cut off, and is checked when read.
	if err := os.WriteFile(file+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

// close takes absence for removal: a full statement has been read, and all that was told since.
func (s *statement) close(part int) error {
	if s.closed[part] {
		return nil
	}
	s.closed[part] = true
	entries, err := os.ReadDir(s.f.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		a, err := subject.ParseAssignment(e.Name())
		if err != nil || (a.Node == "") != (part == 1) || s.seen[e.Name()] {
			continue
		}
		if err := os.Remove(filepath.Join(s.f.Dir, e.Name())); err != nil {
			return err
		}
		s.on(change(a, &nodev1.Assignment{Removed: true, Object: &eventv1.ObjectRef{Group: a.Object.Group,
			Resource: a.Object.Resource.Name, Namespace: a.Object.Namespace, Name: a.Object.Name}}))
	}
	if s.closed[0] && s.closed[1] && s.complete != nil {
		s.complete()
	}
	return nil
}
