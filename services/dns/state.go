package dns

import (
	"net/netip"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"taffrail.dev/events/fold"
	"taffrail.dev/events/subject"
)

// name is a service's namespace and name.
type name struct{ namespace, service string }

// State is what names are answered from: the cluster's namespaces, services and the
// endpoints of headless ones.
type State struct {
	namespaces *fold.Store[corev1.Namespace, *corev1.Namespace]
	services   *fold.Store[corev1.Service, *corev1.Service]
	slices     *fold.Store[discoveryv1.EndpointSlice, *discoveryv1.EndpointSlice]

	// byService has the slices of each service by name of the slice.
	byService map[name]map[string]*discoveryv1.EndpointSlice
	// virtual has the service of each cluster IP, hosts the endpoints that have an address.
	virtual map[netip.Addr]name
	hosts   map[netip.Addr]map[host]int
}

// host is an endpoint's name within a service.
type host struct {
	name
	label string
}

// NewState makes an empty state.
func NewState() *State {
	return &State{
		namespaces: fold.NewStore[corev1.Namespace](subject.Namespaces),
		services:   fold.NewStore[corev1.Service](subject.Services),
		slices:     fold.NewStore[discoveryv1.EndpointSlice](subject.EndpointSlices),
		byService:  map[name]map[string]*discoveryv1.EndpointSlice{},
		virtual:    map[netip.Addr]name{},
		hosts:      map[netip.Addr]map[host]int{},
	}
}

// Apply folds an event. It wakes nothing: answers are given when asked for. An object that
// does not decode keeps its last state.
func (s *State) Apply(e *fold.Event) []subject.Object {
	switch e.Key().Resource {
	case subject.Namespaces:
		_, _, _ = s.namespaces.Apply(e)
	case subject.Services:
		if before, after, err := s.services.Apply(e); err == nil {
			s.index(before, false)
			s.index(after, true)
		}
	case subject.EndpointSlices:
		if before, after, err := s.slices.Apply(e); err == nil {
			s.indexSlice(before, false)
			s.indexSlice(after, true)
		}
	}
	return nil
}

func (s *State) index(service *corev1.Service, add bool) {
	if service == nil {
		return
	}
	n := name{service.Namespace, service.Name}
	for _, ip := range clusterIPs(service) {
		if add {
			s.virtual[ip] = n
		} else if s.virtual[ip] == n {
			delete(s.virtual, ip)
		}
	}
}

func (s *State) indexSlice(slice *discoveryv1.EndpointSlice, add bool) {
	if slice == nil || slice.Labels[discoveryv1.LabelServiceName] == "" {
		return
	}
	n := name{slice.Namespace, slice.Labels[discoveryv1.LabelServiceName]}
	if add {
		if s.byService[n] == nil {
			s.byService[n] = map[string]*discoveryv1.EndpointSlice{}
		}
		s.byService[n][slice.Name] = slice
	} else if delete(s.byService[n], slice.Name); len(s.byService[n]) == 0 {
		delete(s.byService, n)
	}
	for i := range slice.Endpoints {
		for _, text := range slice.Endpoints[i].Addresses {
			if ip, err := netip.ParseAddr(text); err == nil {
				s.count(ip, host{n, label(&slice.Endpoints[i], ip)}, add)
			}
		}
	}
}

func (s *State) count(ip netip.Addr, h host, add bool) {
	if add {
		if s.hosts[ip] == nil {
			s.hosts[ip] = map[host]int{}
		}
		s.hosts[ip][h]++
		return
	}
	if s.hosts[ip][h]--; s.hosts[ip][h] <= 0 {
		delete(s.hosts[ip], h)
	}
	if len(s.hosts[ip]) == 0 {
		delete(s.hosts, ip)
	}
}

// clusterIPs are a service's virtual addresses, none if it is headless or external.
func clusterIPs(service *corev1.Service) []netip.Addr {
	var out []netip.Addr
	texts := service.Spec.ClusterIPs
	if len(texts) == 0 {
		texts = []string{service.Spec.ClusterIP}
	}
	for _, text := range texts {
		if ip, err := netip.ParseAddr(text); err == nil {
			out = append(out, ip)
		}
	}
	return out
}

// label is an endpoint's host name in its service: its own, or its address with
// dashes.
func label(e *discoveryv1.Endpoint, ip netip.Addr) string {
	if e.Hostname != nil && *e.Hostname != "" {
		return *e.Hostname
	}
	return strings.NewReplacer(".", "-", ":", "-").Replace(ip.String())
}
