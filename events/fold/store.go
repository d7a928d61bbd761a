package fold

import (
	"cmp"
	"maps"
	"slices"

	"taffrail.dev/events/subject"
)

// Store is a last-write map of one resource's live objects. Its owner is one
// goroutine; the objects in it are shared and must not be changed.
type Store[T any, P Decodable[T]] struct {
	resource   subject.Resource
	namespaces map[string]map[string]P
	size       int
}

// NewStore makes an empty store: NewStore[corev1.Pod](subject.Pods).
func NewStore[T any, P Decodable[T]](resource subject.Resource) *Store[T, P] {
	return &Store[T, P]{resource: resource, namespaces: map[string]map[string]P{}}
}

// Apply folds an event of the store's resource and returns the object before and
// after it, nil where there is none. Events of other resources and events older than what the
// store has are ignored: before and after are then the same.
func (s *Store[T, P]) Apply(e *Event) (before, after P, err error) {
	key := e.Key()
	if key.Resource != s.resource {
		return nil, nil, nil
	}
	names := s.namespaces[key.Namespace]
	before = names[key.Name]
	if e.Gone() {
		if before != nil {
			delete(names, key.Name)
			s.size--
			if len(names) == 0 {
				delete(s.namespaces, key.Namespace)
			}
		}
		return before, nil, nil
	}
	after, err = Decode[T, P](e)
	if err != nil {
		return before, before, err
	}
	if names == nil {
		names = map[string]P{}
		s.namespaces[key.Namespace] = names
	}
	if before == nil {
		s.size++
	}
	names[key.Name] = after
	return before, after, nil
}

// Get is an object, nil if there is none.
func (s *Store[T, P]) Get(namespace, name string) P { return s.namespaces[namespace][name] }

// Len is the number of objects.
func (s *Store[T, P]) Len() int { return s.size }

// In is a namespace's objects by name; "" is the cluster-scoped ones.
func (s *Store[T, P]) In(namespace string) []P {
	names := s.namespaces[namespace]
	out := make([]P, 0, len(names))
	for _, name := range slices.Sorted(maps.Keys(names)) {
		out = append(out, names[name])
	}
	return out
}

// All is every object, by namespace and name.
func (s *Store[T, P]) All() []P {
	out := make([]P, 0, s.size)
	for _, namespace := range slices.SortedFunc(maps.Keys(s.namespaces), cmp.Compare[string]) {
		out = append(out, s.In(namespace)...)
	}
	return out
}
