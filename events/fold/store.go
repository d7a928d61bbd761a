package fold

import (
	"maps"
	"slices"

	"taffrail.dev/events/subject"
)

// Store is a last-write map of one resource's live objects. Its owner is one
// goroutine; the objects in it are shared and must not be changed.
type Store[T any, P Decodable[T]] struct {
	resource   subject.Resource
	namespaces map[string]*names[P]
	order      []string // the namespaces, sorted; nil when one came or went
	size       int
	newest     uint64 // the last event's sequence
}

// names are the objects of a namespace.
type names[P any] struct {
	objects map[string]P
	order   []string // sorted; nil when one came or went
}

// NewStore makes an empty store: NewStore[corev1.Pod](subject.Pods).
func NewStore[T any, P Decodable[T]](resource subject.Resource) *Store[T, P] {
	return &Store[T, P]{resource: resource, namespaces: map[string]*names[P]{}}
}

// Apply folds an event of the store's resource and returns the object before and
// after it, nil where there is none. Events of other resources are ignored, and so are those
// that are no newer than one folded before, as they come in the order of their stream: before and
// after are then the same.
func (s *Store[T, P]) Apply(e *Event) (before, after P, err error) {
	key := e.Key()
	if key.Resource != s.resource {
		return nil, nil, nil
	}
	in := s.namespaces[key.Namespace]
	if in != nil {
		before = in.objects[key.Name]
	}
	if e.Sequence != 0 && e.Sequence <= s.newest {
		return before, before, nil
	}
	s.newest = max(s.newest, e.Sequence)
	if e.Gone() {
		if before != nil {
			s.remove(key, in)
		}
		return before, nil, nil
	}
	after, err = Decode[T, P](e)
	if err != nil {
		return before, before, err
	}
	if in == nil {
		in = &names[P]{objects: map[string]P{}}
		s.namespaces[key.Namespace], s.order = in, nil
	}
	if before == nil {
		s.size++
		in.order = nil
	}
	in.objects[key.Name] = after
	return before, after, nil
}

func (s *Store[T, P]) remove(key subject.Object, in *names[P]) {
	delete(in.objects, key.Name)
	in.order = nil
	s.size--
	if len(in.objects) == 0 {
		delete(s.namespaces, key.Namespace)
		s.order = nil
	}
}

// Get is an object, nil if there is none.
func (s *Store[T, P]) Get(namespace, name string) P {
	if in := s.namespaces[namespace]; in != nil {
		return in.objects[name]
	}
	return nil
}

// Len is the number of objects.
func (s *Store[T, P]) Len() int { return s.size }

// In is a namespace's objects by name; "" is the cluster-scoped ones.
func (s *Store[T, P]) In(namespace string) []P {
	in := s.namespaces[namespace]
	if in == nil {
		return nil
	}
	return in.appendTo(make([]P, 0, len(in.objects)))
}

func (n *names[P]) appendTo(out []P) []P {
	if n.order == nil {
		n.order = slices.Sorted(maps.Keys(n.objects))
	}
	for _, name := range n.order {
		out = append(out, n.objects[name])
	}
	return out
}

// All is every object, by namespace and name.
func (s *Store[T, P]) All() []P {
	if s.order == nil {
		s.order = slices.Sorted(maps.Keys(s.namespaces))
	}
	out := make([]P, 0, s.size)
	for _, namespace := range s.order {
		out = s.namespaces[namespace].appendTo(out)
	}
	return out
}
