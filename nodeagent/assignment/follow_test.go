package assignment_test

import (
	"context"
	"slices"
	"testing"

	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"taffrail.dev/events/journal"
	"taffrail.dev/events/subject"
	"taffrail.dev/nodeagent/assignment"
	nodev1 "taffrail.dev/proto/gen/node/v1"
)

const node = "worker-1"

func pod(name string) subject.Assignment {
	return subject.Assignment{Node: node, Object: subject.Object{Resource: subject.Pods, Namespace: "default", Name: name}}
}

func service(name string) subject.Assignment {
	return subject.Assignment{Object: subject.Object{Resource: subject.Services, Namespace: "default", Name: name}}
}

var (
	nodeMark = subject.Assignment{Node: node, Mark: true}
	allMark  = subject.Assignment{Mark: true}
)

// follow reads what is told until it is whole, on what an earlier follower left in dir: which
// objects were removed.
func follow(t *testing.T, dir string, told ...subject.Assignment) (removed []string) {
	t.Helper()
	assign := journal.NewMemory(nil)
	for _, a := range told {
		data, err := proto.Marshal(&nodev1.Assignment{State: []byte(a.Object.Name)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := assign.Append(t.Context(), journal.Record{Subject: a.Subject(), Data: data, Expect: journal.Any}); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	f := &assignment.Follower{Node: node, Dir: dir, Assign: assign, Log: zap.NewNop()}
	if err := f.Load(func(assignment.Change) {}); err != nil {
		t.Fatal(err)
	}
	err := f.Run(ctx, func(c assignment.Change) {
		if c.Removed {
			removed = append(removed, c.Object.Name)
		}
	}, cancel)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(removed)
	return removed
}

// An agent that starts again reads the mark before what was told since: that is no removal.
func TestToldSinceTheMark(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	told := []subject.Assignment{service("old"), pod("old"), allMark, nodeMark, pod("new"), service("new")}
	for range 3 {
		if removed := follow(t, dir, told...); len(removed) != 0 {
			t.Errorf("removed %v", removed)
		}
	}
}

// What a full statement lacks is gone, wherever its mark is.
func TestAbsenceIsRemoval(t *testing.T) {
	t.Parallel()
	for name, told := range map[string][]subject.Assignment{
		"marks last":  {pod("a"), service("s"), nodeMark, allMark},
		"marks first": {nodeMark, allMark, pod("a"), service("s")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			follow(t, dir, pod("a"), pod("b"), service("s"), service("gone"), nodeMark, allMark)
			if removed := follow(t, dir, told...); !slices.Equal(removed, []string{"b", "gone"}) {
				t.Errorf("removed %v", removed)
			}
		})
	}
}
