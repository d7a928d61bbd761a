package processtest

import (
	"slices"
	"strconv"

	"taffrail.dev/events/command"
	"taffrail.dev/events/errs"
	"taffrail.dev/events/fold"
	"taffrail.dev/events/subject"
	commandv1 "taffrail.dev/proto/gen/command/v1"
	eventv1 "taffrail.dev/proto/gen/event/v1"
)

const op = "send command"

// waitsFor is the finalizer that a deletion of a propagation policy waits for.
var waitsFor = map[string]string{"Foreground": "foregroundDeletion", "Orphan": "orphan"}

// gateway carries out a command on the objects.
func (w *world) gateway(o subject.Object, c *commandv1.Command) error {
	var content map[string]any
	if len(c.GetBody()) > 0 {
		var err error
		if content, err = w.body(c); err != nil {
			return err
		}
	}
	if c.GetVerb() == commandv1.Verb_CREATE && c.GetSubresource() == "" {
		return w.create(o, content)
	}
	old := w.objects[o]
	if old == nil {
		return errs.F(op, errs.NotFound, "%s %q not found", o.Resource, o.Name)
	}
	if uid := c.GetExpectedUid(); uid != "" && uid != text(old.content, "metadata", "uid") {
		return errs.F(op, errs.Conflict, "%s: uid %s is not %s", o, text(old.content, "metadata", "uid"), uid)
	}
	if s := c.GetExpectedSequence(); s != 0 && s != old.sequence {
		return errs.F(op, errs.Conflict, "%s is at sequence %d, not %d", o, old.sequence, s)
	}
	switch c.GetVerb() {
	case commandv1.Verb_DELETE:
		if f := waitsFor[c.GetPropagation()]; f != "" && meta(old.content)["deletionTimestamp"] == nil {
			next := copyOf(old.content)
			next["metadata"] = copyOf(meta(old.content))
			fins, _ := meta(next)["finalizers"].([]any)
			meta(next)["finalizers"] = append(slices.Clone(fins), f)
			w.objects[o] = &object{content: next, sequence: old.sequence}
		}
		return w.deleteObject(o, c.GetGraceSeconds() == 0)
	case commandv1.Verb_UPDATE:
		if rv := text(content, "metadata", "resourceVersion"); rv != "" && rv != strconv.FormatUint(old.sequence, 10) {
			return errs.F(op, errs.Conflict, "%s: the object has been modified", o)
		}
		return w.replace(o, content, c.GetSubresource())
	case commandv1.Verb_PATCH:
		strategic := c.GetContentType() == command.StrategicPatch
		merged, _ := merge(old.content, content, strategic).(map[string]any)
		return w.replace(o, merged, c.GetSubresource())
	case commandv1.Verb_CREATE:
		return w.createSub(o, c.GetSubresource(), content)
	}
	return nil
}

func (w *world) create(o subject.Object, content map[string]any) error {
	if o.Name == "" {
		o.Name = text(content, "metadata", "name")
	}
	if prefix := text(content, "metadata", "generateName"); o.Name == "" && prefix != "" {
		w.generated[prefix]++
		o.Name = prefix + itoa(w.generated[prefix])
	}
	if w.objects[o] != nil {
		return errs.F(op, errs.AlreadyExists, "%s %q already exists", o.Resource, o.Name)
	}
	meta(content)["name"] = o.Name
	if o.Namespace != "" {
		meta(content)["namespace"] = o.Namespace
	}
	return w.store(o, content, eventv1.What_CREATED)
}

func (w *world) createSub(o subject.Object, sub string, body map[string]any) error {
	switch sub {
	case "binding":
		next, err := toMap(w.objects[o].content)
		if err != nil {
			return err
		}
		section(next, "spec")["nodeName"] = text(body, "target", "name")
		return w.store(o, next, eventv1.What_BOUND)
	case "eviction":
		return w.deleteObject(o, false)
	}
	return nil
}

func section(content map[string]any, name string) map[string]any {
	s, ok := content[name].(map[string]any)
	if !ok {
		s = map[string]any{}
		content[name] = s
	}
	return s
}

// replace writes an object or a part of it; nothing happens if nothing changes.
func (w *world) replace(o subject.Object, content map[string]any, sub string) error {
	old := w.objects[o].content
	next := content
	what := eventv1.What_METADATA_CHANGED
	switch sub {
	case "status", "approval":
		next = copyOf(old)
		next["status"] = content["status"]
		what = eventv1.What_STATUS_CHANGED
	case "scale":
		next = copyOf(old)
		spec := copyOf(section(next, "spec"))
		spec["replicas"] = section(content, "spec")["replicas"]
		next["spec"] = spec
		what = eventv1.What_SCALED
	}
	if !equal(old["spec"], next["spec"]) {
		if what == eventv1.What_METADATA_CHANGED {
			what = eventv1.What_SPEC_CHANGED
		}
		m := copyOf(meta(next))
		generation, _ := meta(old)["generation"].(float64)
		m["generation"] = generation + 1
		next = copyOf(next)
		next["metadata"] = m
	} else if what == eventv1.What_METADATA_CHANGED && equal(old["metadata"], next["metadata"]) {
		what = eventv1.What_STATUS_CHANGED
	}
	delete(meta(next), "resourceVersion")
	if equal(old, next) {
		return nil
	}
	_, had := meta(old)["finalizers"]
	if fins, _ := meta(next)["finalizers"].([]any); had && len(fins) == 0 && meta(next)["deletionTimestamp"] != nil {
		return w.remove(o)
	}
	return w.store(o, next, what)
}

func copyOf(m map[string]any) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		out[k] = v
	}
	return out
}

// deleteObject asks for an object's end: finalizers, and the grace of a bound pod, put it off.
func (w *world) deleteObject(o subject.Object, now bool) error {
	old := w.objects[o].content
	fins, _ := meta(old)["finalizers"].([]any)
	graceful := o.Resource == subject.Pods && text(old, "spec", "nodeName") != "" && !now
	if len(fins) == 0 && !graceful {
		return w.remove(o)
	}
	if meta(old)["deletionTimestamp"] != nil {
		return nil
	}
	next := copyOf(old)
	m := copyOf(meta(old))
	m["deletionTimestamp"] = stampTime(w.now)
	next["metadata"] = m
	return w.store(o, next, eventv1.What_DELETION_REQUESTED)
}

// remove ends an object at once.
func (w *world) remove(o subject.Object) error {
	old := w.objects[o]
	if old == nil {
		return errs.F(op, errs.NotFound, "%s %q not found", o.Resource, o.Name)
	}
	return w.store(o, old.content, eventv1.What_DELETED)
}

// store writes an object's next state and folds the event.
func (w *world) store(o subject.Object, content map[string]any, what eventv1.What) error {
	w.sequence++
	m := meta(content)
	delete(m, "resourceVersion")
	for field, value := range map[string]any{
		"uid": "uid-" + itoa(int(w.sequence)), "creationTimestamp": stampTime(w.now), "generation": float64(1),
	} {
		if m[field] == nil {
			m[field] = value
		}
	}
	e, err := w.event(o, content, w.sequence, what)
	if err != nil {
		return err
	}
	w.state = e.GetState()
	if what == eventv1.What_DELETED {
		delete(w.objects, o)
	} else {
		clean, err := toMap(content)
		if err != nil {
			return err
		}
		w.objects[o] = &object{content: clean, sequence: w.sequence}
	}
	line := itoa(int(w.sequence)) + " " + o.String() + " " + what.String()
	for _, k := range w.apply1(e) {
		line += " woke " + k
	}
	w.printf("%s", line)
	return nil
}

func (w *world) event(o subject.Object, content map[string]any, sequence uint64, what eventv1.What) (*fold.Event, error) {
	kind, err := w.kindOf(o.Resource, "")
	if err != nil {
		return nil, err
	}
	state, err := kind.encode(content)
	if err != nil {
		return nil, err
	}
	return &fold.Event{Stream: subject.StreamOf(o.Resource), Sequence: sequence, Event: &eventv1.Event{
		Id: "event-" + strconv.FormatUint(sequence, 10), Time: w.now.UnixNano(), What: what,
		Object: &eventv1.ObjectRef{
			Group: o.Group, Resource: o.Resource.Name, Namespace: o.Namespace, Name: o.Name,
			Kind: kind.Kind, Uid: text(content, "metadata", "uid"),
		},
		Actor:    &eventv1.Actor{User: w.actor},
		Encoding: eventv1.Encoding_ENCODING_PROTOBUF, State: state,
	}}, nil
}
