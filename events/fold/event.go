// Package fold turns a stream of events into state: events decoded for all who keep them, typed
// last-write maps over them, and the feed that brings them in order.
package fold

import (
	"strconv"
	"sync"
	"weak"

	"taffrail.dev/events/subject"
	eventv1 "taffrail.dev/proto/gen/event/v1"
)

// Event is one event of the journal. It is shared by every fold of the process
// and must not be changed.
type Event struct {
	*eventv1.Event
	Stream   subject.Stream
	Sequence uint64

	mu sync.Mutex // guards decoded, and is held while it is decoded
	// decoded has a weak.Pointer to what the event was decoded as, of each type: it lasts as
	// long as a fold keeps it, not as long as the event.
	decoded []any
}

// Key names the event's object.
func (e *Event) Key() subject.Object {
	o := e.GetObject()
	return subject.Object{
		Resource:  subject.Resource{Group: o.GetGroup(), Name: o.GetResource()},
		Namespace: o.GetNamespace(), Name: o.GetName(),
	}
}

func (e *Event) resource() subject.Resource {
	return subject.Resource{Group: e.GetObject().GetGroup(), Name: e.GetObject().GetResource()}
}

// size is about what the event takes in memory.
func (e *Event) size() int { return len(e.GetState()) + 512 }

// Gone says whether the object ended with this event.
func (e *Event) Gone() bool { return e.GetWhat() == eventv1.What_DELETED }

// Root is the correlation that a reaction to this event carries: the root of its
// chain, or the event itself.
func (e *Event) Root() uint64 {
	if c := e.GetCorrelation(); c != 0 {
		return c
	}
	return e.Sequence
}

// Decodable is a pointer to a Kubernetes API type.
type Decodable[T any] interface {
	*T
	Unmarshal([]byte) error
	SetResourceVersion(string)
}

// Decode is the object after the event, resourceVersion set and managedFields left out: a service decides
// on none, and they are a good part of an object. While anybody keeps it, all of the process are given the
// same one, so it must not be changed. For a deletion it is the object as it was last.
func Decode[T any, P Decodable[T]](e *Event) (P, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	at := len(e.decoded)
	for i := range e.decoded {
		if known, ok := e.decoded[i].(weak.Pointer[T]); ok {
			if p := known.Value(); p != nil {
				return p, nil
			}
			at = i
		}
	}
	p := P(new(T))
	if err := p.Unmarshal(e.unmanaged()); err != nil {
		return nil, err
	}
	p.SetResourceVersion(strconv.FormatUint(e.Sequence, 10))
	if at == len(e.decoded) {
		e.decoded = append(e.decoded, nil)
	}
	e.decoded[at] = weak.Make((*T)(p))
	return p, nil
}
