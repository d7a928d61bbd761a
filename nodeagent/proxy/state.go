package proxy

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"taffrail.dev/events/subject"
	eventv1 "taffrail.dev/proto/gen/event/v1"
	nodev1 "taffrail.dev/proto/gen/node/v1"
)

// ref is a namespace and a name.
type ref struct{ namespace, name string }

func (r ref) String() string { return r.namespace + "/" + r.name }

// state folds assignments: the last word on each object counts. Services whose servers may
// have changed are dirty until turn.
type state struct {
	here     place
	services map[ref]*corev1.Service
	slices   map[ref]map[string]*discoveryv1.EndpointSlice // by service, then by name
	of       map[ref]ref                                   // a slice's service
	dirty    map[ref]bool
	table    *table
}

func newState(node string) *state {
	return &state{
		here: place{node: node}, services: map[ref]*corev1.Service{},
		slices: map[ref]map[string]*discoveryv1.EndpointSlice{}, of: map[ref]ref{}, dirty: map[ref]bool{}, table: newTable(),
	}
}

// apply folds one assignment. Objects of other resources are none of the proxy's.
func (s *state) apply(a *nodev1.Assignment) error {
	name := ref{a.GetObject().GetNamespace(), a.GetObject().GetName()}
	var err error
	switch (subject.Resource{Group: a.GetObject().GetGroup(), Name: a.GetObject().GetResource()}) {
	case subject.Services:
		err = s.applyService(name, a)
	case subject.EndpointSlices:
		err = s.applySlice(name, a)
	case subject.Nodes:
		err = s.applyNode(name, a)
	}
	if err != nil {
		return fmt.Errorf("%s %s at %d: %w", a.GetObject().GetResource(), name, a.GetSequence(), err)
	}
	return nil
}

func (s *state) applyService(name ref, a *nodev1.Assignment) error {
	if a.GetRemoved() {
		delete(s.services, name)
	} else {
		service := new(corev1.Service)
		if err := service.Unmarshal(a.GetState()); err != nil {
			return err
		}
		s.services[name] = service
	}
	s.dirty[name] = true
	return nil
}

func (s *state) applySlice(name ref, a *nodev1.Assignment) error {
	slice := new(discoveryv1.EndpointSlice)
	if !a.GetRemoved() {
		if err := slice.Unmarshal(a.GetState()); err != nil {
			return err
		}
	}
	service := ref{name.namespace, slice.Labels[discoveryv1.LabelServiceName]}
	if was, ok := s.of[name]; ok && (a.GetRemoved() || was != service) {
		s.dirty[was] = true
		delete(s.of, name)
		if delete(s.slices[was], name.name); len(s.slices[was]) == 0 {
			delete(s.slices, was)
		}
	}
	if a.GetRemoved() || service.name == "" {
		return nil
	}
	if s.slices[service] == nil {
		s.slices[service] = map[string]*discoveryv1.EndpointSlice{}
	}
	s.slices[service][name.name], s.of[name], s.dirty[service] = slice, service, true
	return nil
}

// applyNode follows this node's zone, which every service's hints refer to.
func (s *state) applyNode(name ref, a *nodev1.Assignment) error {
	if name.name != s.here.node || a.GetRemoved() {
		return nil
	}
	node := new(corev1.Node)
	if err := node.Unmarshal(a.GetState()); err != nil {
		return err
	}
	if zone := node.Labels[corev1.LabelTopologyZone]; zone != s.here.zone {
		s.here.zone = zone
		for service := range s.services {
			s.dirty[service] = true
		}
	}
	return nil
}

// retain removes the services and slices that keep denies.
func (s *state) retain(keep func(*eventv1.ObjectRef) bool) {
	for name := range s.services {
		if !keep(object(subject.Services, name)) {
			delete(s.services, name)
			s.dirty[name] = true
		}
	}
	for name, service := range s.of {
		if !keep(object(subject.EndpointSlices, name)) {
			delete(s.of, name)
			delete(s.slices[service], name.name)
			s.dirty[service] = true
		}
	}
}

func object(resource subject.Resource, name ref) *eventv1.ObjectRef {
	return &eventv1.ObjectRef{Group: resource.Group, Resource: resource.Name, Namespace: name.namespace, Name: name.name}
}

// turn brings the table up to the dirty services and returns the change to make.
func (s *state) turn() Change {
	for name := range s.dirty {
		var servers []Server
		if service := s.services[name]; service != nil {
			all := s.slices[name]
			inOrder := make([]*discoveryv1.EndpointSlice, 0, len(all))
			for _, slice := range slices.Sorted(maps.Keys(all)) {
				inOrder = append(inOrder, all[slice])
			}
			servers = serversOf(service, inOrder, s.here)
		}
		s.table.set(name.String(), servers)
	}
	clear(s.dirty)
	return s.table.diff()
}
