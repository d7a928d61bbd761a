package view

import (
	"google.golang.org/protobuf/encoding/protowire"

	"taffrail.dev/events/errs"
	"taffrail.dev/events/subject"
	eventv1 "taffrail.dev/proto/gen/event/v1"
)

// Field numbers of event/v1 Event and ObjectRef that the view reads itself: decoding the whole
// envelope would cost more than folding it.
const (
	eventObject, eventPrior, eventWhat, eventState     = 6, 7, 10, 31
	refGroup, refResource, refNamespace, refName, refs = 1, 4, 5, 6, 7
)

// change is what the view needs of an event. state aliases the message.
type change struct {
	resource        subject.Resource
	namespace, name string
	sequence, prior uint64
	created, gone   bool
	state           []byte
}

// parse reads an envelope.
func parse(message []byte, sequence uint64) (change, error) {
	c := change{sequence: sequence}
	for rest := message; len(rest) > 0; {
		number, kind, n := protowire.ConsumeTag(rest)
		if n < 0 {
			return c, errs.E("parse event", errs.Internal, protowire.ParseError(n))
		}
		rest = rest[n:]
		switch {
		case number == eventWhat && kind == protowire.VarintType:
			what, m := protowire.ConsumeVarint(rest)
			c.created = eventv1.What(what) == eventv1.What_CREATED
			c.gone = eventv1.What(what) == eventv1.What_DELETED
			n = m
		case number == eventPrior && kind == protowire.VarintType:
			c.prior, n = protowire.ConsumeVarint(rest)
		case (number == eventObject || number == eventState) && kind == protowire.BytesType:
			value, m := protowire.ConsumeBytes(rest)
			if n = m; m >= 0 && number == eventState {
				c.state = value
			} else if m >= 0 {
				c.reference(value)
			}
		default:
			n = protowire.ConsumeFieldValue(number, kind, rest)
		}
		if n < 0 {
			return c, errs.E("parse event", errs.Internal, protowire.ParseError(n))
		}
		rest = rest[n:]
	}
	return c, nil
}

func (c *change) reference(message []byte) {
	fields(message, func(number protowire.Number, value []byte) bool {
		switch number {
		case refGroup:
			c.resource.Group = string(value)
		case refResource:
			c.resource.Name = string(value)
		case refNamespace:
			c.namespace = string(value)
		case refName:
			c.name = string(value)
		}
		return number < refs
	})
}

// Gone says whether an event is an object's tombstone.
func Gone(message []byte) bool {
	c, err := parse(message, 0)
	return err == nil && c.gone
}

// EventID is the id of an event, "" if it is none.
func EventID(message []byte) (id string) {
	fields(message, func(number protowire.Number, value []byte) bool {
		if number == 1 {
			id = string(value)
		}
		return number < 1
	})
	return id
}
