package namespace

import (
	corev1 "k8s.io/api/core/v1"

	"taffrail.dev/events/fold"
	"taffrail.dev/events/subject"
	"taffrail.dev/services/metadata"
)

// state is the namespaces and the names of everything in them.
type state struct {
	namespaces *fold.Store[corev1.Namespace, *corev1.Namespace]
	content    map[string]map[subject.Object]item
}

// item is what is known of an object in a namespace.
type item struct {
	deleting   bool
	finalizers []string
}

func newState() *state {
	return &state{
		namespaces: fold.NewStore[corev1.Namespace](subject.Namespaces),
		content:    map[string]map[subject.Object]item{},
	}
}

// Apply folds an event. An object wakes its namespace only if that is being deleted.
func (s *state) Apply(e *fold.Event) []subject.Object {
	key := e.Key()
	if key.Resource == subject.Namespaces {
		_, after, err := s.namespaces.Apply(e)
		if err != nil || after == nil || after.DeletionTimestamp == nil {
			return nil
		}
		return []subject.Object{key}
	}
	if key.Namespace == "" {
		return nil
	}
	s.put(key, e)
	if n := s.namespaces.Get("", key.Namespace); n != nil && n.DeletionTimestamp != nil {
		return []subject.Object{{Resource: subject.Namespaces, Name: key.Namespace}}
	}
	return nil
}

func (s *state) put(key subject.Object, e *fold.Event) {
	objects := s.content[key.Namespace]
	if e.Gone() {
		delete(objects, key)
		if len(objects) == 0 {
			delete(s.content, key.Namespace)
		}
		return
	}
	if objects == nil {
		objects = map[subject.Object]item{}
		s.content[key.Namespace] = objects
	}
	// What cannot be read still has to be deleted.
	m, err := metadata.Decode(e.GetEncoding(), e.GetState())
	if err != nil {
		m = metadata.Metadata{}
	}
	objects[key] = item{deleting: m.Deleting(), finalizers: m.Finalizers}
}
