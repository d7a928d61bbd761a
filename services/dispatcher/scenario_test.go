package dispatcher_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"taffrail.dev/events/fold"
	"taffrail.dev/events/journal"
	"taffrail.dev/events/subject"
	eventv1 "taffrail.dev/proto/gen/event/v1"
	nodev1 "taffrail.dev/proto/gen/node/v1"
	"taffrail.dev/services/dispatcher"
)

var rewrite = flag.Bool("update", false, "rewrite what came of each step of the scenarios")

// TestScenarios plays testdata: each step is a directive, its body, a line ----, and
// the messages that it put on ASSIGN.
//
//	start           a dispatcher begins, from nothing but the journal and ASSIGN
//	apply           create or replace the objects of the body
//	delete OBJECT…  objects go
//	again OBJECT…   the last event of the objects comes once more
//	lose [quiet]    ASSIGN is lost; it is noticed by looking, or (quiet) by the next append
//	refuse N        the next N appends fail
//	retry           the wait after a failure is over
//	stale NODE OBJECT   somebody else's message gets in between
func TestScenarios(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := play(string(text))
			if *rewrite {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != string(text) {
				t.Errorf("got\n%s\nrun with -update to accept", got)
			}
		})
	}
}

func play(text string) string {
	s := &stage{assign: &volatile{current: journal.NewMemory(nil)}, last: map[subject.Object]*fold.Event{}}
	var out strings.Builder
	for _, step := range strings.Split(strings.TrimRight(text, "\n"), "\n\n") {
		input, _, _ := strings.Cut(step, "\n----")
		lines := strings.Split(input, "\n")
		for strings.HasPrefix(lines[0], "#") {
			lines = lines[1:]
		}
		result := s.step(lines[0], strings.Join(lines[1:], "\n"))
		out.WriteString(input + "\n----\n" + result + "\n")
	}
	return out.String()
}

// stage is one scenario under way.
type stage struct {
	assign     *volatile
	dispatcher *dispatcher.Stepper
	events     []*fold.Event
	last       map[subject.Object]*fold.Event
	begun      int
	seen       uint64
}

func (s *stage) step(line, body string) string {
	ctx := context.Background()
	words := strings.Fields(line)
	var note string
	switch words[0] {
	case "start":
		s.start()
	case "apply":
		note = s.apply(body)
	case "delete", "again":
		for _, name := range words[1:] {
			before := s.last[parse(name)]
			if words[0] == "again" {
				s.fold(before)
				continue
			}
			e := proto.CloneOf(before.Event)
			e.What = eventv1.What_DELETED
			s.add(e)
		}
	case "lose":
		s.assign.lose()
		s.seen = 0
		if len(words) == 1 {
			s.dispatcher.Probe(ctx)
		}
	case "refuse":
		_, _ = fmt.Sscan(words[1], &s.assign.refuse)
	case "retry":
		s.dispatcher.Retry()
	case "stale":
		a := subject.Assignment{Node: words[1], Object: parse(words[2])}
		data, _ := proto.Marshal(&nodev1.Assignment{Sequence: 1})
		_, _ = s.assign.now().Append(ctx, journal.Record{Subject: a.Subject(), Expect: journal.Any, Data: data})
	}
	if s.dispatcher != nil && s.dispatcher.Work(ctx) {
		note += "waits to try again\n"
	}
	return s.news(ctx) + note
}

// start begins a dispatcher that folds all there was, as one batch.
func (s *stage) start() {
	s.begun++
	begun, n := s.begun, 0
	s.dispatcher = dispatcher.NewStepper(s.assign, func() string { n++; return fmt.Sprintf("%d.%d", begun, n) })
	s.dispatcher.Fold(fold.Batch{Events: s.events, Stream: subject.State, Through: uint64(len(s.events)), Ready: true})
}

func (s *stage) add(e *eventv1.Event) {
	event := &fold.Event{Event: e, Stream: subject.State, Sequence: uint64(len(s.events)) + 1}
	s.events = append(s.events, event)
	s.last[event.Key()] = event
	s.fold(event)
}

func (s *stage) fold(e *fold.Event) {
	if s.dispatcher != nil {
		s.dispatcher.Fold(fold.Batch{Events: []*fold.Event{e}, Stream: subject.State, Through: uint64(len(s.events))})
	}
}

func parse(name string) subject.Object {
	parts := strings.Split(name, "/")
	resource, group, _ := strings.Cut(parts[0], ".")
	o := subject.Object{Resource: subject.Resource{Group: group, Name: resource}, Name: parts[len(parts)-1]}
	if len(parts) == 3 {
		o.Namespace = parts[1]
	}
	return o
}

func (s *stage) apply(body string) string {
	for _, document := range strings.Split(body, "\n---\n") {
		data, err := yaml.YAMLToJSON([]byte(document))
		if err != nil {
			return err.Error()
		}
		var meta metav1.PartialObjectMetadata
		if err := json.Unmarshal(data, &meta); err != nil {
			return err.Error()
		}
		kinds := map[string]struct {
			resource subject.Resource
			object   object
		}{
			"Pod": {subject.Pods, &corev1.Pod{}}, "ConfigMap": {subject.ConfigMaps, &corev1.ConfigMap{}}, "Secret": {subject.Secrets, &corev1.Secret{}},
			"Node": {subject.Nodes, &corev1.Node{}}, "Service": {subject.Services, &corev1.Service{}},
			"EndpointSlice": {subject.EndpointSlices, &discoveryv1.EndpointSlice{}},
		}
		k := kinds[meta.Kind]
		if err := yaml.UnmarshalStrict([]byte(document), k.object); err != nil {
			return err.Error()
		}
		state, err := k.object.Marshal()
		if err != nil {
			return err.Error()
		}
		s.add(&eventv1.Event{
			What: eventv1.What_SPEC_CHANGED, Encoding: eventv1.Encoding_ENCODING_PROTOBUF, State: state,
			Object: &eventv1.ObjectRef{Group: k.resource.Group, Resource: k.resource.Name, Namespace: meta.Namespace, Name: meta.Name},
		})
	}
	return ""
}

// news are the messages since the last step: assignments sorted, then marks.
func (s *stage) news(ctx context.Context) string {
	var told, marks []string
	last, _ := s.assign.Last(ctx)
	for ; s.seen < last; s.seen++ {
		m, _ := s.assign.Get(ctx, s.seen+1)
		a, _ := subject.ParseAssignment(m.Subject)
		to := "all"
		if a.Node != "" {
			to = "node " + a.Node
		}
		if a.Mark {
			var mark nodev1.Mark
			_ = proto.Unmarshal(m.Data, &mark)
			marks = append(marks, fmt.Sprintf("%s: mark %s through %d", to, mark.GetEpoch(), mark.GetSequence()))
			continue
		}
		var assignment nodev1.Assignment
		_ = proto.Unmarshal(m.Data, &assignment)
		line := fmt.Sprintf("%s: %s %d", to, a.Object, assignment.GetSequence())
		if assignment.GetRemoved() {
			line += " removed"
		}
		told = append(told, fmt.Sprintf("%s (root %d, %d bytes)", line, assignment.GetCorrelation(), len(assignment.GetState())))
	}
	out := ""
	slices.Sort(told)
	slices.Sort(marks)
	for _, lines := range [][]string{told, marks} {
		for _, line := range lines {
			out += line + "\n"
		}
	}
	return out
}
