package bus_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"taffrail.dev/events/bus"
	"taffrail.dev/events/errs"
	"taffrail.dev/events/journal"
	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
	commandv1 "taffrail.dev/proto/gen/command/v1"
)

// written is a credentials file.
func written(t *testing.T, seed []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "seed.nk")
	if err := os.WriteFile(file, seed, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// denied says whether the server refuses a role what act does.
func denied(t *testing.T, nc *nats.Conn, act func() error) bool {
	t.Helper()
	before, _ := nc.LastError(), error(nil)
	if err := act(); err != nil {
		return true
	}
	if err := nc.FlushTimeout(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	after := nc.LastError()
	return after != nil && !errors.Is(before, after) && errors.Is(after, nats.ErrPermissionViolation)
}

func TestPermissions(t *testing.T) {
	t.Parallel()
	b := open(t, bus.Config{DataDir: t.TempDir()})
	service := bus.Service(process.Spec{Name: "deployment", Reads: []subject.Resource{subject.Pods}})
	pub := func(s string) func(nc *nats.Conn) error {
		return func(nc *nats.Conn) error { return nc.Publish(s, nil) }
	}
	sub := func(s string) func(nc *nats.Conn) error {
		return func(nc *nats.Conn) error { _, err := nc.SubscribeSync(s); return err }
	}
	for _, test := range []struct {
		name string
		role bus.Role
		act  func(nc *nats.Conn) error
		ok   bool
	}{
		{"a node sends its commands", bus.Node("a.1"), pub(subject.Command(subject.NodeActor, "a.1")), true},
		{"a node sends another's commands", bus.Node("a.1"), pub(subject.Command(subject.NodeActor, "b")), false},
		{"a node sends a service's commands", bus.Node("a.1"), pub(subject.Command("deployment")), false},
		{"a node writes the journal", bus.Node("a.1"), pub(path(1)), false},
		{"a node writes assignments", bus.Node("a.1"), pub("assign.all.mark"), false},
		{"a node reads its assignment", bus.Node("a.1"), pub("$JS.API.CONSUMER.CREATE.ASSIGN.x." + subject.AssignNodeFilter("a.1")), true},
		{"a node reads another's assignment", bus.Node("a.1"), pub("$JS.API.CONSUMER.CREATE.ASSIGN.x." + subject.AssignNodeFilter("b")), false},
		{"a node reads all assignments", bus.Node("a.1"), pub("$JS.API.CONSUMER.CREATE.ASSIGN.x"), false},
		{"a node gets an assignment", bus.Node("a.1"), pub("$JS.API.DIRECT.GET.ASSIGN"), false},
		{"a node reads the state", bus.Node("a.1"), pub("$JS.API.CONSUMER.CREATE.STATE.x"), false},
		{"a node listens to commands", bus.Node("a.1"), sub("command.>"), false},
		{"a node listens to others' answers", bus.Node("a.1"), sub("_INBOX.>"), false},
		{"a service sends its commands", service, pub(subject.Command("deployment")), true},
		{"a service sends another's", service, pub(subject.Command("scheduler")), false},
		{"a service writes the journal", service, pub(path(1)), false},
		{"a service reads what it declares", service, pub("$JS.API.CONSUMER.CREATE.STATE.x"), true},
		{"a service reads what it does not", service, pub("$JS.API.CONSUMER.CREATE.LEASES.x"), false},
		{"a service deletes the journal", service, pub("$JS.API.STREAM.DELETE.STATE"), false},
		{"the gateway writes the journal", bus.Gateway(), pub(path(1)), true},
		{"the gateway takes commands", bus.Gateway(), sub("command.>"), true},
		{"the gateway purges the journal", bus.Gateway(), pub("$JS.API.STREAM.PURGE.STATE"), false},
		{"the gateway deletes the audit", bus.Gateway(), pub("$JS.API.STREAM.DELETE.AUDIT"), false},
	} {
		nc := conn(t, b, test.role)
		if got := !denied(t, nc, func() error { return test.act(nc) }); got != test.ok {
			t.Errorf("%s: %v, want %v", test.name, got, test.ok)
		}
	}
}

// TestNodeReads reads, over TCP and with a granted key, exactly what the node is told.
func TestNodeReads(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	config := bus.Config{DataDir: dir, Listen: "127.0.0.1:0"}
	b := open(t, config)
	seed, err := b.Grant(bus.Node("a"))
	if err != nil {
		t.Fatal(err)
	}
	creds := written(t, seed)
	b.Close() // the grant outlives the process
	b = open(t, config)
	assigner := bus.Assigner(process.Spec{Name: "dispatcher"})
	writer, err := b.Journal(assigner, subject.Assign, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	pod := subject.Object{Resource: subject.Pods, Namespace: "default", Name: "web"}
	told := func(node string, mark bool) string {
		return subject.Assignment{Node: node, Mark: mark, Object: pod}.Subject()
	}
	for _, s := range []string{told("a", false), told("b", false), told("", false), told("a", true)} {
		if _, err := writer.Append(withTimeout(t), journal.Record{Subject: s, Expect: journal.Any, Data: []byte(s)}); err != nil {
			t.Fatal(err)
		}
	}
	remote := open(t, bus.Config{URL: b.URL(), Credentials: creds, Join: true})
	j, err := remote.Journal(bus.Node("a"), subject.Assign, journal.Options{FilterAtServer: true})
	if err != nil {
		t.Fatal(err)
	}
	got := read(t, j, 2, subject.AssignNodeFilter("a"))
	if len(got) != 2 || got[0].Subject != told("a", false) || got[1].Subject != told("a", true) {
		t.Errorf("%+v", got)
	}
	if got := read(t, j, 1, subject.AssignAllFilter()); got[0].Subject != told("", false) {
		t.Errorf("%+v", got)
	}
	if _, err := bus.Open(withTimeout(t), bus.Config{URL: b.URL(), User: "x", Password: "y"}); err == nil {
		t.Error("a stranger joined")
	}
	if _, err := remote.Grant(bus.Node("b")); !errs.Is(err, errs.Invalid) {
		t.Errorf("grant on a remote bus: %v", err)
	}
}

func TestCommands(t *testing.T) {
	t.Parallel()
	b := open(t, bus.Config{DataDir: t.TempDir()})
	c := bus.NewCommander(conn(t, b, bus.Node("a")), subject.NodeActor, "a")
	served := make(chan error, 1)
	ctx, cancel := context.WithCancel(withTimeout(t))
	defer cancel()
	go func() {
		served <- bus.ServeCommands(ctx, conn(t, b, bus.Gateway()), func(_ context.Context, actor []string, c *commandv1.Command) *commandv1.Result {
			switch c.GetId() {
			case "refuse":
				return &commandv1.Result{Code: 409, Reason: "AlreadyExists", Message: "it is there", Sequence: 7}
			case "bare":
				return &commandv1.Result{Code: 403}
			case "slow":
				cancel()
			}
			return &commandv1.Result{Sequence: 5, Message: actor[0] + " " + actor[1] + " " + c.GetReason()}
		})
	}()
	do := func(id string) (*commandv1.Result, error) {
		return c.Do(withTimeout(t), &commandv1.Command{Id: id, Reason: "why"})
	}
	// The first may come before the gateway listens: it is repeated.
	if r, err := do("fine"); err != nil || r.GetSequence() != 5 || r.GetMessage() != "node a why" {
		t.Errorf("%v %v", r, err)
	}
	if _, err := do("refuse"); !errs.Is(err, errs.AlreadyExists) || err.Error() != "send command: it is there" {
		t.Errorf("%v", err)
	}
	if _, err := do("bare"); !errs.Is(err, errs.Forbidden) {
		t.Errorf("%v", err)
	}
	// What is no command, such as a stream's message, is refused.
	m, err := conn(t, b, bus.Node("a")).RequestWithContext(withTimeout(t), subject.Command(subject.NodeActor, "a"), []byte("x"))
	if err != nil || len(m.Data) == 0 {
		t.Errorf("%v %v", m, err)
	}
	if r, err := do("slow"); err != nil || r.GetSequence() != 5 { // answered although the gateway is told to end
		t.Errorf("%v %v", r, err)
	}
	if err := <-served; !errors.Is(err, context.Canceled) {
		t.Errorf("serve: %v", err)
	}
	if _, err := do("late"); !errs.Is(err, errs.Unavailable) {
		t.Errorf("no gateway: %v", err)
	}
}
