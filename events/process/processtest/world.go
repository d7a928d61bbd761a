package processtest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"sigs.k8s.io/yaml"

	"taffrail.dev/events/errs"
	"taffrail.dev/events/fold"
	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
	eventv1 "taffrail.dev/proto/gen/event/v1"
)

func itoa(n int) string { return strconv.Itoa(n) }

// world is one scenario under way: the objects, the clock, the controller and its
// keys.
type world struct {
	suite      Suite
	controller *process.Controller
	now        time.Time
	sequence   uint64
	state      []byte // of the last event
	actor      string // of the command being carried out
	objects    map[subject.Object]*object
	generated  map[string]int
	keys       []*key
	faults     []*fault
	out        strings.Builder
}

// object is an API object as JSON.
type object struct {
	content  map[string]any
	sequence uint64
}

// key is a key with something to do: now if woken, else at its time.
type key struct {
	name     subject.Object
	woken    bool
	at       time.Time
	cause    *fold.Event
	failures int
	err      error
}

// fault makes commands fail.
type fault struct {
	kind           errs.Kind
	verb, resource string
	left           int
}

func newWorld(s Suite) *world {
	if s.Start.IsZero() {
		s.Start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return &world{suite: s, controller: s.New(), now: s.Start, objects: map[subject.Object]*object{}, generated: map[string]int{}}
}

// step carries out a directive and returns what came of it.
func (w *world) step(line, body string) string {
	w.out.Reset()
	words := strings.Fields(line)
	if err := w.do(words[0], words[1:], body); err != nil {
		w.printf("error: %v", err)
	}
	return w.out.String()
}

func (w *world) printf(format string, args ...any) { fmt.Fprintf(&w.out, format+"\n", args...) }

func (w *world) do(directive string, args []string, body string) error {
	switch directive {
	case "apply":
		return w.apply(body)
	case "patch":
		return w.each(args, func(o subject.Object) error { return w.patch(o, body) })
	case "delete":
		return w.each(args, w.remove)
	case "turn":
		_, err := w.turn(len(args) == 1 && args[0] == "dry")
		return err
	case "settle":
		return w.settle(args)
	case "advance":
		return w.advance(args)
	case "fail":
		return w.fail(args)
	case "restart":
		return w.restart()
	case "get":
		return w.each(args, w.get)
	case "objects":
		w.list(args)
		return nil
	}
	return fmt.Errorf("unknown directive %q", directive)
}

func (w *world) each(args []string, fn func(subject.Object) error) error {
	if len(args) == 0 {
		return fmt.Errorf("needs an object")
	}
	for _, a := range args {
		o, err := parseObject(a)
		if err != nil {
			return err
		}
		if err := fn(o); err != nil {
			return err
		}
	}
	return nil
}

// parseObject undoes subject.Object.String.
func parseObject(s string) (subject.Object, error) {
	parts := strings.Split(s, "/")
	o := subject.Object{Resource: parseResource(parts[0])}
	switch len(parts) {
	case 2:
		o.Name = parts[1]
	case 3:
		o.Namespace, o.Name = parts[1], parts[2]
	default:
		return o, fmt.Errorf("%q is not like pods/default/web or nodes/a", s)
	}
	return o, nil
}

func parseResource(s string) subject.Resource {
	name, group, _ := strings.Cut(s, ".")
	return subject.Resource{Group: group, Name: name}
}

func (w *world) apply(body string) error {
	for _, doc := range strings.Split("\n"+body, "\n---") {
		if strings.TrimSpace(doc) == "" {
			continue
		}
		content := map[string]any{}
		if err := yaml.UnmarshalStrict([]byte(doc), &content); err != nil {
			return err
		}
		kind, err := w.kindNamed(content["apiVersion"], content["kind"])
		if err != nil {
			return err
		}
		o := subject.Object{Resource: kind.Resource, Namespace: text(content, "metadata", "namespace"), Name: text(content, "metadata", "name")}
		if err := w.put(o, content); err != nil {
			return err
		}
	}
	return nil
}

// patch merges a YAML patch into an object, whoever's part of it that is.
func (w *world) patch(o subject.Object, body string) error {
	old := w.objects[o]
	if old == nil {
		return fmt.Errorf("%s not found", o)
	}
	patch := map[string]any{}
	if err := yaml.UnmarshalStrict([]byte(body), &patch); err != nil {
		return err
	}
	content, _ := merge(old.content, patch, false).(map[string]any)
	return w.replace(o, content, "")
}

// put stores an applied object as it is, completing what the gateway sets.
func (w *world) put(o subject.Object, content map[string]any) error {
	old := w.objects[o]
	if old == nil {
		return w.store(o, content, eventv1.What_CREATED)
	}
	for _, field := range []string{"uid", "creationTimestamp", "generation"} {
		if _, given := meta(content)[field]; !given {
			meta(content)[field] = meta(old.content)[field]
		}
	}
	return w.replace(o, content, "")
}

func (w *world) get(o subject.Object) error {
	found := w.objects[o]
	if found == nil {
		w.printf("%s not found", o)
		return nil
	}
	data, err := yaml.Marshal(prune(found.content))
	if err == nil {
		w.out.Write(data)
	}
	return err
}

func (w *world) list(args []string) {
	var names []string
	for o := range w.objects {
		if len(args) == 0 || o.Resource == parseResource(args[0]) {
			names = append(names, o.String())
		}
	}
	slices.Sort(names)
	for _, n := range names {
		w.printf("%s", n)
	}
}

func (w *world) fail(args []string) error {
	f := &fault{left: 1}
	if len(args) < 3 {
		return fmt.Errorf("fail KIND VERB RESOURCE [N]")
	}
	f.kind, f.verb, f.resource = errs.Kind(args[0]), strings.ToUpper(args[1]), args[2]
	if len(args) > 3 {
		if err := json.Unmarshal([]byte(args[3]), &f.left); err != nil {
			return err
		}
	}
	w.faults = append(w.faults, f)
	return nil
}

// restart has a new controller fold the newest events of what exists.
func (w *world) restart() error {
	w.controller, w.keys = w.suite.New(), nil
	var all []subject.Object
	for o := range w.objects {
		all = append(all, o)
	}
	slices.SortFunc(all, func(a, b subject.Object) int { return int(w.objects[a].sequence) - int(w.objects[b].sequence) })
	for _, o := range all {
		e, err := w.event(o, w.objects[o].content, w.objects[o].sequence, eventv1.What_CREATED)
		if err != nil {
			return err
		}
		w.apply1(e)
	}
	for _, k := range w.keys {
		k.cause = nil
		w.printf("woke %s", k.name)
	}
	return nil
}
