package endpoints

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"taffrail.dev/events/fold"
	"taffrail.dev/events/subject"
	"taffrail.dev/services/brief"
	"taffrail.dev/services/selection"
)

// state is the Services and pods, joined by selector, and what is published so far.
type state struct {
	services *fold.Store[corev1.Service, *corev1.Service]
	pods     *fold.Store[brief.Pod, *brief.Pod]
	legacy   *fold.Store[corev1.Endpoints, *corev1.Endpoints]
	stored   *fold.Store[discoveryv1.EndpointSlice, *discoveryv1.EndpointSlice]
	selected *selection.Join
	// slices are the EndpointSlices of a Service, by name.
	slices map[subject.Object]map[string]*discoveryv1.EndpointSlice
	// zones of the nodes, and the pods bound to each.
	zones  map[string]string
	onNode map[string]map[subject.Object]struct{}
}

func newState() *state {
	return &state{
		services: fold.NewStore[corev1.Service](subject.Services),
		pods:     fold.NewStore[brief.Pod](subject.Pods),
		legacy:   fold.NewStore[corev1.Endpoints](subject.Endpoints),
		stored:   fold.NewStore[discoveryv1.EndpointSlice](subject.EndpointSlices),
		selected: selection.NewJoin(),
		slices:   map[subject.Object]map[string]*discoveryv1.EndpointSlice{},
		zones:    map[string]string{}, onNode: map[string]map[subject.Object]struct{}{},
	}
}

func keyOf(namespace, name string) subject.Object {
	return subject.Object{Resource: subject.Services, Namespace: namespace, Name: name}
}

// Apply folds an event. A pod wakes only the Services that select it, before or after, and
// only by a change that endpoints show.
func (s *state) Apply(e *fold.Event) []subject.Object {
	key := e.Key()
	switch key.Resource {
	case subject.Services:
		before, after, err := s.services.Apply(e)
		if err != nil || before == after {
			return nil
		}
		switch {
		case after == nil || after.Spec.Type == corev1.ServiceTypeExternalName:
			s.selected.Unselect(key)
		case before == nil || before.Spec.Type != after.Spec.Type || !maps.Equal(before.Spec.Selector, after.Spec.Selector):
			s.selected.Select(key, selection.Exactly(after.Spec.Selector))
		}
		return []subject.Object{key}
	case subject.Pods:
		return s.applyPod(e)
	case subject.Nodes:
		return s.applyNode(e)
	case subject.EndpointSlices:
		before, after, err := s.stored.Apply(e)
		if err != nil || before == after {
			return nil
		}
		return s.indexSlice(before, after)
	case subject.Endpoints:
		if before, after, err := s.legacy.Apply(e); err != nil || before == after {
			return nil
		}
		return []subject.Object{keyOf(key.Namespace, key.Name)}
	}
	return nil
}

func (s *state) applyPod(e *fold.Event) []subject.Object {
	before, after, err := s.pods.Apply(e)
	if err != nil || before == after {
		return nil
	}
	key := e.Key()
	if before != nil && (after == nil || after.Node() != before.Node()) {
		delete(s.onNode[before.Node()], key)
		if len(s.onNode[before.Node()]) == 0 {
			delete(s.onNode, before.Node())
		}
	}
	if after == nil {
		return s.selected.Drop(key.Namespace, key.Name)
	}
	if node := after.Node(); node != "" {
		if s.onNode[node] == nil {
			s.onNode[node] = map[subject.Object]struct{}{}
		}
		s.onNode[node][key] = struct{}{}
	}
	woken := s.selected.Put(key.Namespace, key.Name, after.Labels)
	if before != nil && before.Labels == after.Labels && sameEndpoint(before, after) {
		return nil
	}
	return woken
}

// applyNode wakes the Services of a node's pods when its zone changes.
func (s *state) applyNode(e *fold.Event) []subject.Object {
	name, zone := e.Key().Name, ""
	if !e.Gone() {
		node, err := fold.Decode[corev1.Node, *corev1.Node](e)
		if err != nil {
			return nil
		}
		zone = node.Labels[corev1.LabelTopologyZone]
	}
	if s.zones[name] == zone {
		return nil
	}
	if zone == "" {
		delete(s.zones, name)
	} else {
		s.zones[name] = zone
	}
	var woken []subject.Object
	for pod := range s.onNode[name] {
		if p := s.pods.Get(pod.Namespace, pod.Name); p != nil {
			woken = append(woken, s.selected.Put(pod.Namespace, pod.Name, p.Labels)...)
		}
	}
	return woken
}

func (s *state) indexSlice(before, after *discoveryv1.EndpointSlice) []subject.Object {
	var woken []subject.Object
	for _, slice := range []*discoveryv1.EndpointSlice{before, after} {
		if slice == nil || slice.Labels[discoveryv1.LabelServiceName] == "" {
			continue
		}
		key := keyOf(slice.Namespace, slice.Labels[discoveryv1.LabelServiceName])
		if slice == before {
			delete(s.slices[key], slice.Name)
			if len(s.slices[key]) == 0 {
				delete(s.slices, key)
			}
		} else {
			if s.slices[key] == nil {
				s.slices[key] = map[string]*discoveryv1.EndpointSlice{}
			}
			s.slices[key][slice.Name] = slice
		}
		if !slices.Contains(woken, key) {
			woken = append(woken, key)
		}
	}
	return woken
}

// slicesOf are a Service's slices that a controller manages, by name.
func (s *state) slicesOf(key subject.Object, by string) []*discoveryv1.EndpointSlice {
	var out []*discoveryv1.EndpointSlice
	for _, name := range slices.Sorted(maps.Keys(s.slices[key])) {
		if slice := s.slices[key][name]; slice.Labels[discoveryv1.LabelManagedBy] == by && slice.DeletionTimestamp == nil {
			out = append(out, slice)
		}
	}
	return out
}
