package dispatcher_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	corev1 "k8s.io/api/core/v1"

	"taffrail.dev/events/bus"
	"taffrail.dev/events/envelope"
	"taffrail.dev/events/fold"
	"taffrail.dev/events/journal"
	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
	eventv1 "taffrail.dev/proto/gen/event/v1"
	nodev1 "taffrail.dev/proto/gen/node/v1"
	"taffrail.dev/services/dispatcher"
)

// site is a bus in this process with a dispatcher on it.
type site struct {
	t             *testing.T
	bus           *bus.Bus
	write, assign *journal.JetStream
	begun         int
}

func openSite(t *testing.T, dir string) *site {
	t.Helper()
	b, err := bus.Open(t.Context(), bus.Config{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, bus: b}
	s.write = s.journal(bus.Gateway(), subject.State)
	s.assign = s.journal(bus.Assigner(dispatcher.Spec()), subject.Assign)
	return s
}

func (s *site) journal(role bus.Role, stream subject.Stream) *journal.JetStream {
	s.t.Helper()
	j, err := s.bus.Journal(role, stream, journal.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	return j
}

// start runs a dispatcher; the returned function ends it.
func (s *site) start() (stop func()) {
	s.begun++
	epoch := fmt.Sprint(s.begun)
	ctx, cancel := context.WithCancel(context.Background())
	state := s.journal(bus.Assigner(dispatcher.Spec()), subject.State)
	feed := fold.NewFeed(fold.FeedConfig{Streams: map[subject.Stream]journal.Reader{subject.State: state}})
	d := dispatcher.New(process.Deps{Source: feed}, s.assign, func() string { return epoch })
	done := make(chan error, 2)
	go func() { done <- feed.Run(ctx) }()
	go func() { done <- d.Run(ctx) }()
	return func() { cancel(); <-done; <-done }
}

func (s *site) put(o object, resource subject.Resource, what eventv1.What, n int) journal.Record {
	state, err := o.Marshal()
	if err != nil {
		s.t.Fatal(err)
	}
	data, err := envelope.Encode(&eventv1.Event{
		Id: fmt.Sprintf("%s-%s-%d", o.GetName(), what, n), What: what, State: state, Encoding: eventv1.Encoding_ENCODING_PROTOBUF,
		Object: &eventv1.ObjectRef{Group: resource.Group, Resource: resource.Name, Namespace: o.GetNamespace(), Name: o.GetName()},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	key := subject.Object{Resource: resource, Namespace: o.GetNamespace(), Name: o.GetName()}
	return journal.Record{Subject: key.Subject(), Expect: journal.Any, Data: data}
}

func (s *site) append(records ...journal.Record) {
	s.t.Helper()
	for len(records) > 0 {
		n := min(len(records), 200)
		if _, err := s.write.Append(s.t.Context(), records[:n]...); err != nil {
			s.t.Fatal(err)
		}
		records = records[n:]
	}
}

// until reads ASSIGN from its beginning until what it says, the pods told and the marks,
// satisfies ok.
func (s *site) until(ok func(pods map[string]bool, marks map[string]string) bool) {
	s.t.Helper()
	pods, marks := map[string]bool{}, map[string]string{}
	enough := errors.New("enough")
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	defer cancel()
	err := s.assign.Read(ctx, 1, nil, func(messages []journal.Message, _ uint64) error {
		for _, m := range messages {
			a, err := subject.ParseAssignment(m.Subject)
			if err != nil {
				return err
			}
			if a.Mark {
				var mark nodev1.Mark
				if err := proto.Unmarshal(m.Data, &mark); err != nil {
					return err
				}
				marks[a.Node] = mark.GetEpoch()
				continue
			}
			var told nodev1.Assignment
			if err := proto.Unmarshal(m.Data, &told); err != nil {
				return err
			}
			if a.Object.Resource == subject.Pods {
				if delete(pods, a.Object.Name); !told.GetRemoved() {
					pods[a.Object.Name] = true
				}
			}
		}
		if ok(pods, marks) {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		s.t.Fatalf("%v: %d pods told, marks %v", err, len(pods), marks)
	}
}

// TestJetStream runs on a real server: more than fits one append, a restart of the
// dispatcher with changes meanwhile, and a restart of the server, whose memory stream is lost.
func TestJetStream(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openSite(t, dir)
	var records []journal.Record
	for _, n := range []string{"a", "b"} {
		records = append(records, s.put(node(n), subject.Nodes, created, 0))
	}
	records = append(records, s.put(config("settings", "1"), subject.ConfigMaps, created, 0))
	for i := range 700 {
		records = append(records, s.put(pod(fmt.Sprintf("p%d", i), []string{"a", "b"}[i%2], nil), subject.Pods, created, 0))
	}
	s.append(records...)
	stop := s.start()
	marked := func(epoch string, want int) func(map[string]bool, map[string]string) bool {
		return func(pods map[string]bool, marks map[string]string) bool {
			return len(pods) == want && marks["a"] == epoch && marks["b"] == epoch && marks[""] == epoch
		}
	}
	s.until(marked("1", 700))

	// One pod alone goes out at once.
	began := time.Now()
	s.append(s.put(pod("alone", "a", nil), subject.Pods, created, 0))
	s.until(marked("1", 701))
	t.Logf("one pod told after %v, reading all included", time.Since(began))

	stop()
	for i := range 10 {
		s.append(s.put(pod(fmt.Sprintf("p%d", i), "a", nil), subject.Pods, deleted, 1))
	}
	stop = s.start()
	s.until(marked("2", 691))
	stop()

	s.bus.Close()
	s = openSite(t, dir)
	defer s.bus.Close()
	s.begun = 2
	defer s.start()()
	s.until(marked("3", 691))
	s.append(s.put(pod("p0", "b", func(p *corev1.Pod) { p.Labels = map[string]string{"again": "yes"} }), subject.Pods, created, 2))
	s.until(marked("3", 692))
}
