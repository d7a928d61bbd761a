// Package envelope encodes events for the journal and checks those that come out
// of it.
package envelope

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"taffrail.dev/events/errs"
	"taffrail.dev/events/subject"
	eventv1 "taffrail.dev/proto/gen/event/v1"
)

// Object names the event's object.
func Object(e *eventv1.Event) subject.Object {
	o := e.GetObject()
	return subject.Object{
		Resource:  subject.Resource{Group: o.GetGroup(), Name: o.GetResource()},
		Namespace: o.GetNamespace(), Name: o.GetName(),
	}
}

// Validate says what an event lacks to be one; the error is errs.Invalid.
func Validate(e *eventv1.Event) error {
	bad := func(format string, args ...any) error { return errs.F("validate event", errs.Invalid, format, args...) }
	o := e.GetObject()
	switch {
	case e.GetId() == "":
		return bad("no id")
	case o.GetResource() == "" || o.GetName() == "":
		return bad("no object: %v", Object(e))
	case e.GetWhat() == eventv1.What_WHAT_UNSPECIFIED:
		return bad("%v: what happened is not said", Object(e))
	case eventv1.What_name[int32(e.GetWhat())] == "":
		return bad("%v: unknown what %d", Object(e), e.GetWhat())
	case e.GetEncoding() != eventv1.Encoding_ENCODING_PROTOBUF && e.GetEncoding() != eventv1.Encoding_ENCODING_JSON:
		return bad("%v: unknown encoding %d", Object(e), e.GetEncoding())
	}
	return nil
}

// Encode is an event's bytes; errs.Invalid if it is none.
func Encode(e *eventv1.Event) ([]byte, error) {
	if err := Validate(e); err != nil {
		return nil, err
	}
	data, err := proto.Marshal(e)
	if err != nil {
		return nil, errs.E("encode event", errs.Invalid, err)
	}
	return data, nil
}

// Decode is the event of a message, which must be about the object of its subject.
func Decode(on string, data []byte) (*eventv1.Event, error) {
	const op = "decode event"
	e := &eventv1.Event{}
	if err := proto.Unmarshal(data, e); err != nil {
		return nil, errs.F(op, errs.Invalid, "on %s: %w", on, err)
	}
	if err := Validate(e); err != nil {
		return nil, errs.F(op, errs.Invalid, "on %s: %w", on, err)
	}
	want := Object(e).Subject()
	if e.GetWhat() == eventv1.What_REFUSED {
		want = Object(e).Audit()
	}
	if want != on {
		return nil, errs.E(op, errs.Invalid, fmt.Errorf("on %s: it is about %s", on, want))
	}
	return e, nil
}
