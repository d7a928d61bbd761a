package report

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"taffrail.dev/events/errs"
	commandv1 "taffrail.dev/proto/gen/command/v1"
)

// gateway answers commands by a function and hands them to the test.
type gateway struct {
	mu     sync.Mutex
	answer func(c *commandv1.Command) (*commandv1.Result, error)
	got    chan *commandv1.Command
}

func newGateway() *gateway {
	return &gateway{got: make(chan *commandv1.Command, 64), answer: func(*commandv1.Command) (*commandv1.Result, error) { return &commandv1.Result{}, nil }}
}

func (g *gateway) Do(_ context.Context, c *commandv1.Command) (*commandv1.Result, error) {
	g.got <- c
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.answer(c)
}

func (g *gateway) next(t *testing.T) *commandv1.Command {
	t.Helper()
	select {
	case c := <-g.got:
		return c
	case <-time.After(10 * time.Second):
		t.Fatal("no command came")
		return nil
	}
}

// run runs a report until the test ends.
func run(t *testing.T, f func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

func status(uid, phase string, sequence uint64) Status {
	return Status{
		Pod:    &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-" + uid, UID: types.UID(uid)}},
		Status: corev1.PodStatus{Phase: corev1.PodPhase(phase)}, Sequence: sequence,
	}
}

func TestTheNewestStatusIsToldWithItsCause(t *testing.T) {
	t.Parallel()
	g := newGateway()
	hold := make(chan struct{})
	g.answer = func(*commandv1.Command) (*commandv1.Result, error) { <-hold; return &commandv1.Result{}, nil }
	p := NewPods(g, zap.NewNop())
	run(t, p.Run)
	p.Tell(status("a", "Pending", 7))
	first := g.next(t)
	if first.GetCause() != 7 || first.GetExpectedUid() != "a" || !strings.Contains(string(first.GetBody()), `"phase":"Pending"`) {
		t.Errorf("%v", first)
	}
	p.Tell(status("a", "Running", 7))
	p.Tell(status("a", "Succeeded", 7))
	close(hold)
	if second := g.next(t); !strings.Contains(string(second.GetBody()), `"phase":"Succeeded"`) {
		t.Errorf("%s, want the newest", second.GetBody())
	}
}

func TestAStatusIsToldAgainAfterAFailureAndGivenUpWithItsPod(t *testing.T) {
	t.Parallel()
	g := newGateway()
	failures := []error{errs.F("command", errs.Unavailable, "no gateway"), errs.F("command", errs.NotFound, "no pod")}
	g.answer = func(*commandv1.Command) (*commandv1.Result, error) {
		if len(failures) == 0 {
			return &commandv1.Result{}, nil
		}
		err := failures[0]
		failures = failures[1:]
		return nil, err
	}
	p := NewPods(g, zap.NewNop())
	run(t, p.Run)
	p.Tell(status("a", "Running", 1))
	g.next(t)
	g.next(t) // again, and refused for good
	p.Tell(status("b", "Running", 1))
	if c := g.next(t); c.GetExpectedUid() != "b" {
		t.Errorf("%v, want the other pod's", c)
	}
}

func TestConditionsOfOthersStay(t *testing.T) {
	t.Parallel()
	s := status("a", "Running", 1)
	before := corev1.PodStatus{Phase: corev1.PodPending, Reason: "Waiting", Conditions: []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionTrue}}}
	s.Status.Conditions = append(before.Conditions, corev1.PodCondition{Type: corev1.PodReady, Status: corev1.ConditionTrue})
	c, err := statusCommand(s, &before)
	if err != nil {
		t.Fatal(err)
	}
	text := string(c.GetBody())
	if !strings.Contains(text, `"reason":null`) || strings.Contains(text, `"type":"PodScheduled","status"`) || strings.Contains(text, `"status":"True","type":"PodScheduled"`) {
		t.Errorf("%s", text)
	}
	if again, err := statusCommand(s, &s.Status); again != nil || err != nil {
		t.Errorf("nothing changed: %v %v", again, err)
	}
}

func TestRepeatsOfAnEventAreCounted(t *testing.T) {
	t.Parallel()
	g := newGateway()
	e := NewEvents("worker", g, zap.NewNop())
	run(t, e.Run)
	event := Event{About: corev1.ObjectReference{Kind: "Pod", Namespace: "shop", Name: "web", UID: "a"}, Type: "Warning", Reason: "BackOff", Message: "Back-off restarting"}
	for range 2 {
		if !e.Tell(event) {
			t.Fatal("dropped")
		}
	}
	first, second := g.next(t), g.next(t)
	if first.GetVerb() != commandv1.Verb_CREATE || second.GetVerb() != commandv1.Verb_PATCH || !strings.Contains(string(second.GetBody()), `"count":2`) {
		t.Errorf("%v, then %s", first.GetVerb(), second.GetBody())
	}
	if first.GetObject().GetName() != second.GetObject().GetName() {
		t.Error("the repeat has another name")
	}
}

// source is a node's health, set by the test.
type source struct {
	mu  sync.Mutex
	err error
}

func (s *source) Health() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}
func (s *source) RuntimeVersion(context.Context) (string, error) { return "containerd://2.4.2", nil }
func (s *source) Images(context.Context) ([]corev1.ContainerImage, error) {
	return nil, nil
}

func TestANodeRegistersAndBecomesReady(t *testing.T) {
	t.Parallel()
	g := newGateway()
	g.answer = func(c *commandv1.Command) (*commandv1.Result, error) {
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "worker", UID: "u"}}
		object, err := node.Marshal()
		if c.GetVerb() == commandv1.Verb_UPDATE {
			return nil, errs.F("command", errs.NotFound, "no lease")
		}
		return &commandv1.Result{Object: object}, err
	}
	s := &source{err: errors.New("container runtime network not ready")}
	n := NewNode(NodeConfig{Name: "worker", DataDir: t.TempDir(), Port: 10250, Source: s, Commands: g, Log: zap.NewNop()})
	run(t, n.Run)
	var steps []string
	for range 4 {
		c := g.next(t)
		steps = append(steps, fmt.Sprint(c.GetVerb(), " ", c.GetObject().GetResource()))
		if c.GetSubresource() == "status" && !strings.Contains(string(c.GetBody()), "KubeletNotReady") {
			t.Errorf("%s, want not ready", c.GetBody())
		}
	}
	if got := strings.Join(steps, ", "); got != "CREATE nodes, UPDATE leases, CREATE leases, PATCH nodes" {
		t.Error(got)
	}
	s.mu.Lock()
	s.err = nil
	s.mu.Unlock()
	n.Changed()
	if c := g.next(t); !strings.Contains(string(c.GetBody()), "KubeletReady") {
		t.Errorf("%s, want ready", c.GetBody())
	}
}
