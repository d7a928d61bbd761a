package dispatcher

import (
	corev1 "k8s.io/api/core/v1"

	"taffrail.dev/events/fold"
	"taffrail.dev/events/subject"
	"taffrail.dev/services/brief"
)

// State is what the journal says nodes should know. One goroutine owns it.
type State struct {
	// objects are the last events of everything that may have to be told, bare: of pods
	// only those that are bound.
	objects map[subject.Object]*fold.Event
	pods    map[subject.Object]bound
	// needs counts, per node, the pods that name an object.
	needs map[string]map[subject.Object]int
	// nodes counts, per node, its Node object and its pods.
	nodes map[string]int
}

// bound is a pod on a node and what it names.
type bound struct {
	node  string
	names []subject.Object
}

// NewState makes an empty state.
func NewState() *State {
	return &State{
		objects: map[subject.Object]*fold.Event{}, pods: map[subject.Object]bound{},
		needs: map[string]map[subject.Object]int{}, nodes: map[string]int{},
	}
}

// Apply folds an event and returns the assignments that it may have changed,
// configuration before the pods that name it.
func (s *State) Apply(e *fold.Event) []subject.Assignment {
	key := e.Key()
	switch key.Resource {
	case subject.Pods:
		return s.applyPod(key, e)
	case subject.ConfigMaps, subject.Secrets:
		s.keep(key, e)
		var out []subject.Assignment
		for node, named := range s.needs {
			if named[key] > 0 {
				out = append(out, subject.Assignment{Node: node, Object: key})
			}
		}
		return out
	case subject.Nodes:
		return s.applyNode(key, e)
	}
	s.keep(key, e)
	return []subject.Assignment{{Object: key}}
}

func (s *State) keep(key subject.Object, e *fold.Event) {
	if e.Gone() {
		delete(s.objects, key)
	} else {
		s.objects[key] = e.Bare()
	}
}

func (s *State) applyNode(key subject.Object, e *fold.Event) []subject.Assignment {
	_, had := s.objects[key]
	s.keep(key, e)
	out := []subject.Assignment{{Object: key}}
	switch has := !e.Gone(); {
	case has && !had:
		out = append(out, s.count(key.Name, 1)...)
	case had && !has:
		s.count(key.Name, -1)
	}
	return out
}

// count counts what makes a node worth telling and returns its mark if it is new.
func (s *State) count(node string, change int) []subject.Assignment {
	s.nodes[node] += change
	switch {
	case s.nodes[node] == 0:
		delete(s.nodes, node)
	case s.nodes[node] == 1 && change == 1:
		return []subject.Assignment{{Node: node, Mark: true}}
	}
	return nil
}

func (s *State) applyPod(key subject.Object, e *fold.Event) []subject.Assignment {
	before, had := s.pods[key]
	var after bound
	if !e.Gone() {
		pod, err := fold.Decode[brief.Pod](e)
		if err != nil {
			return nil
		}
		if after.node = pod.Node(); after.node != "" {
			whole, err := fold.Decode[corev1.Pod](e)
			if err != nil {
				return nil
			}
			after.names = needsOf(whole)
		}
	}
	if after.node == "" {
		delete(s.pods, key)
		delete(s.objects, key)
	} else {
		s.pods[key] = after
		s.objects[key] = e.Bare()
	}
	out := append(s.need(after, 1), s.need(before, -1)...)
	var marks []subject.Assignment
	if after.node != "" && after.node != before.node {
		marks = s.count(after.node, 1)
	}
	if had && after.node != before.node {
		s.count(before.node, -1)
		out = append(out, subject.Assignment{Node: before.node, Object: key})
	}
	if after.node != "" {
		out = append(out, subject.Assignment{Node: after.node, Object: key})
	}
	return append(out, marks...)
}

// need counts what a pod names on its node, and returns what is needed now that was
// not, or no longer.
func (s *State) need(b bound, change int) []subject.Assignment {
	if b.node == "" {
		return nil
	}
	named := s.needs[b.node]
	if named == nil {
		named = map[subject.Object]int{}
		s.needs[b.node] = named
	}
	var out []subject.Assignment
	for _, o := range b.names {
		was := named[o] > 0
		if named[o] += change; named[o] == 0 {
			delete(named, o)
		}
		if was != (named[o] > 0) {
			out = append(out, subject.Assignment{Node: b.node, Object: o})
		}
	}
	if len(named) == 0 {
		delete(s.needs, b.node)
	}
	return out
}

// Want is the event whose state a is to tell; nil if nothing.
func (s *State) Want(a subject.Assignment) *fold.Event {
	switch {
	case a.Node == "":
		switch a.Object.Resource {
		case subject.Services, subject.EndpointSlices, subject.Nodes:
			return s.objects[a.Object]
		}
		return nil
	case a.Object.Resource == subject.Pods:
		if s.pods[a.Object].node != a.Node {
			return nil
		}
	case s.needs[a.Node][a.Object] == 0:
		return nil
	}
	return s.objects[a.Object]
}

// All is everything that is to be told, configuration before pods, and at the end the
// marks of all nodes.
func (s *State) All() []subject.Assignment {
	var out []subject.Assignment
	for key := range s.objects {
		switch key.Resource {
		case subject.Services, subject.EndpointSlices, subject.Nodes:
			out = append(out, subject.Assignment{Object: key})
		}
	}
	for node, named := range s.needs {
		for key := range named {
			out = append(out, subject.Assignment{Node: node, Object: key})
		}
	}
	for key, b := range s.pods {
		out = append(out, subject.Assignment{Node: b.node, Object: key})
	}
	return append(out, s.Marks()...)
}

// Marks are the marks of all nodes and of what all are told.
func (s *State) Marks() []subject.Assignment {
	out := []subject.Assignment{{Mark: true}}
	for node := range s.nodes {
		out = append(out, subject.Assignment{Node: node, Mark: true})
	}
	return out
}
