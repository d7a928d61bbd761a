package rest

import (
	"bytes"
	"fmt"
	"reflect"
	"strconv"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"taffrail.dev/events/journal"
	"taffrail.dev/gateway/kind"
	commandv1 "taffrail.dev/proto/gen/command/v1"
	eventv1 "taffrail.dev/proto/gen/event/v1"
)

// record is a write's event, ready to append.
func (t *tx) record(w *write, index int) (journal.Record, error) {
	c := t.call
	if err := w.encode(); err != nil {
		return journal.Record{}, err
	}
	r := journal.Record{Subject: t.subject(w), Expect: w.expect, ID: c.eventID(index)}
	if w.expect == 0 {
		r.Expect = t.tombstones[r.Subject]
	}
	stored := w.kind.StoredKind()
	e := &eventv1.Event{
		Id: r.ID, Time: c.Now.UnixNano(), Actor: c.actor(), Verb: w.verb, Subresource: w.subresource,
		Object: &eventv1.ObjectRef{
			Group: stored.Group, Version: stored.Version, Kind: stored.Kind, Resource: w.kind.Resource,
			Namespace: w.obj.GetNamespace(), Name: w.obj.GetName(), Uid: string(w.obj.GetUID()),
		},
		Prior: r.Expect, Cause: c.Cause, Correlation: c.Correlation, What: w.what, Reason: c.Reason,
		Encoding: eventv1.Encoding_ENCODING_PROTOBUF, State: w.state,
	}
	if w.kind.Text != nil {
		e.Encoding = eventv1.Encoding_ENCODING_JSON
	}
	if e.Reason == "" && w.what == eventv1.What_SCALED {
		e.Reason = scaling(w.old, w.obj)
	}
	if !w.companion {
		detail(e, c.Detail)
		e.Admission = c.Admission
	}
	var err error
	if r.Data, err = proto.Marshal(e); err != nil {
		return r, fmt.Errorf("encode event: %w", err)
	}
	return r, nil
}

func detail(e *eventv1.Event, c *commandv1.Command) {
	switch {
	case c == nil:
	case c.GetScheduling() != nil:
		e.Detail = &eventv1.Event_Scheduling{Scheduling: c.GetScheduling()}
	case c.GetRollout() != nil:
		e.Detail = &eventv1.Event_Rollout{Rollout: c.GetRollout()}
	case c.GetContainer() != nil:
		e.Detail = &eventv1.Event_Container{Container: c.GetContainer()}
	case c.GetEviction() != nil:
		e.Detail = &eventv1.Event_Eviction{Eviction: c.GetEviction()}
	}
}

// eventID is unique; for a call with an id it follows from that, so that a repeat is recognized.
func (c *Call) eventID(index int) string {
	switch {
	case c.ID == "":
		return newID()
	case index == 0:
		return c.ID
	}
	return c.ID + "." + strconv.Itoa(index)
}

// encode makes the state that is stored: the object without its resourceVersion.
func (w *write) encode() (err error) {
	if w.state != nil {
		return nil
	}
	if w.what == eventv1.What_WHAT_UNSPECIFIED {
		w.what = whatOf(w.kind, w.obj, w.old, w.subresource)
	}
	version := w.obj.GetResourceVersion()
	w.obj.SetResourceVersion("")
	w.state, err = state(w.kind, w.obj)
	w.obj.SetResourceVersion(version)
	return err
}

// whatOf names a change of an object.
func whatOf(k *kind.Kind, obj, old kind.Object, subresource string) eventv1.What {
	if k.What != nil {
		if what := k.What(obj, old, subresource); what != eventv1.What_WHAT_UNSPECIFIED {
			return what
		}
	}
	switch {
	case old == nil:
		return eventv1.What_CREATED
	case obj.GetDeletionTimestamp() != nil && old.GetDeletionTimestamp() == nil:
		if subresource == "eviction" {
			return eventv1.What_EVICTED
		}
		return eventv1.What_DELETION_REQUESTED
	case subresource == "binding":
		return eventv1.What_BOUND
	case subresource == "status":
		return eventv1.What_STATUS_CHANGED
	case subresource == "scale":
		return eventv1.What_SCALED
	}
	if k.Spec != nil {
		if reflect.DeepEqual(k.Spec(obj), k.Spec(old)) {
			if sameMeta(obj, old) { // a companion's
				return eventv1.What_STATUS_CHANGED
			}
			return eventv1.What_METADATA_CHANGED
		}
		if from, to := replicas(old), replicas(obj); from != nil && to != nil && *from != *to && onlyReplicas(k, obj, old) {
			return eventv1.What_SCALED
		}
		return eventv1.What_SPEC_CHANGED
	}
	switch {
	case sameBut(obj, old, "ObjectMeta"):
		return eventv1.What_METADATA_CHANGED
	case sameBut(obj, old, "ObjectMeta", "Status"):
		return eventv1.What_STATUS_CHANGED
	}
	return eventv1.What_SPEC_CHANGED
}

// sameMeta says whether the metadata of two objects differ in nothing but their versions.
func sameMeta(a, b kind.Object) bool {
	meta := func(o kind.Object) metav1.ObjectMeta {
		m := reflect.ValueOf(o).Elem().FieldByName("ObjectMeta").Interface().(metav1.ObjectMeta)
		m.ResourceVersion = ""
		return m
	}
	return reflect.DeepEqual(meta(a), meta(b))
}

// sameBut says whether two objects differ in nothing but the fields named.
func sameBut(a, b kind.Object, fields ...string) bool {
	left, errLeft := without(a, fields).Marshal()
	right, errRight := without(b, fields).Marshal()
	return errLeft == nil && errRight == nil && bytes.Equal(left, right)
}

func without(o kind.Object, fields []string) kind.Object {
	c := o.DeepCopyObject().(kind.Object)
	for _, name := range fields {
		if f := reflect.ValueOf(c).Elem().FieldByName(name); f.IsValid() {
			f.SetZero()
		}
	}
	return c
}

// replicas is spec.replicas; nil for a kind without.
func replicas(o kind.Object) *int32 {
	if n, ok := replicasField(o); ok && !n.IsNil() {
		return n.Interface().(*int32)
	}
	return nil
}

func replicasField(o kind.Object) (reflect.Value, bool) {
	spec := reflect.ValueOf(o).Elem().FieldByName("Spec")
	if !spec.IsValid() || spec.Kind() != reflect.Struct {
		return reflect.Value{}, false
	}
	n := spec.FieldByName("Replicas")
	return n, n.IsValid() && n.Type() == reflect.TypeFor[*int32]()
}

func onlyReplicas(k *kind.Kind, obj, old kind.Object) bool {
	c := old.DeepCopyObject().(kind.Object)
	n, _ := replicasField(c)
	n.Set(reflect.ValueOf(replicas(obj)))
	return reflect.DeepEqual(k.Spec(c), k.Spec(obj))
}

func scaling(old, obj kind.Object) string {
	from, to := replicas(old), replicas(obj)
	if from == nil || to == nil {
		return ""
	}
	return fmt.Sprintf("scaled from %d to %d", *from, *to)
}

func newUID() types.UID { return types.UID(uuid.NewString()) }

// stamp is a time as objects carry it: whole seconds.
func stamp(t time.Time) metav1.Time { return metav1.NewTime(t.Truncate(time.Second)) }
