package endpoints

import (
	"cmp"
	"maps"
	"slices"

	discoveryv1 "k8s.io/api/discovery/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
)

// capacity is the most endpoints of one slice.
const capacity = 100

// packing is how slices have to change to hold the wanted endpoints.
type packing struct{ create, update, remove []*discoveryv1.EndpointSlice }

// box is a slice being packed; was is nil for a new one.
type box struct {
	was       *discoveryv1.EndpointSlice
	endpoints []discoveryv1.Endpoint
	changed   bool
}

// pack moves as little as it can: an endpoint stays where it is; new ones go first where something
// changes anyway, then, if all fit, to the fullest slice with room, and else to new slices. What
// would be deleted becomes what would be created.
func pack(have []*discoveryv1.EndpointSlice, want groups, like *discoveryv1.EndpointSlice, placeholders []discoveryv1.AddressType) packing {
	byGroup := map[string][]*discoveryv1.EndpointSlice{}
	for _, s := range have {
		id := identityOf(s.AddressType, s.Ports)
		byGroup[id] = append(byGroup[id], s)
	}
	var p packing
	for _, family := range placeholders {
		if !slices.ContainsFunc(slices.Collect(maps.Values(want)), func(g *group) bool { return g.family == family }) {
			want[identityOf(family, nil)] = &group{family: family}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(want)) {
		p.group(byGroup[id], want[id], like)
		delete(byGroup, id)
	}
	for _, id := range slices.Sorted(maps.Keys(byGroup)) {
		p.remove = append(p.remove, byGroup[id]...)
	}
	p.reuse()
	return p
}

func (p *packing) group(have []*discoveryv1.EndpointSlice, g *group, like *discoveryv1.EndpointSlice) {
	boxes, left := keep(have, g.endpoints, like)
	boxes = distribute(boxes, left)
	if len(g.endpoints) == 0 && len(boxes) == 0 {
		boxes = []*box{{}}
	}
	empty := len(g.endpoints) == 0 // then one slice says so
	for _, b := range boxes {
		switch {
		case len(b.endpoints) == 0 && !empty:
			p.remove = append(p.remove, b.was)
			continue
		case b.was == nil:
			p.create = append(p.create, filled(like.DeepCopy(), g, b.endpoints))
		case b.changed:
			next := b.was.DeepCopy()
			next.Labels, next.OwnerReferences = like.Labels, like.OwnerReferences
			p.update = append(p.update, filled(next, g, b.endpoints))
		}
		empty = false
	}
}

func filled(s *discoveryv1.EndpointSlice, g *group, endpoints []discoveryv1.Endpoint) *discoveryv1.EndpointSlice {
	s.AddressType, s.Ports, s.Endpoints = g.family, g.ports, endpoints
	return s
}

// keep leaves the wanted endpoints in the slices they are in and returns the rest.
func keep(have []*discoveryv1.EndpointSlice, want []discoveryv1.Endpoint, like *discoveryv1.EndpointSlice) (boxes []*box, left []discoveryv1.Endpoint) {
	todo := make(map[identity]*discoveryv1.Endpoint, len(want))
	for i := range want {
		todo[name(&want[i])] = &want[i]
	}
	for _, s := range have {
		b := &box{was: s, changed: !maps.Equal(s.Labels, like.Labels) || !apiequality.Semantic.DeepEqual(s.OwnerReferences, like.OwnerReferences)}
		for i := range s.Endpoints {
			e := todo[name(&s.Endpoints[i])]
			if e == nil || len(b.endpoints) == capacity {
				b.changed = true
				continue
			}
			delete(todo, name(e))
			b.changed = b.changed || !equal(e, &s.Endpoints[i])
			b.endpoints = append(b.endpoints, *e)
		}
		boxes = append(boxes, b)
	}
	for i := range want {
		if todo[name(&want[i])] == &want[i] {
			left = append(left, want[i])
		}
	}
	return boxes, left
}

// equal says whether two endpoints say the same.
func equal(a, b *discoveryv1.Endpoint) bool {
	return slices.Equal(a.Addresses, b.Addresses) && same(a.Conditions.Ready, b.Conditions.Ready) &&
		same(a.Conditions.Serving, b.Conditions.Serving) && same(a.Conditions.Terminating, b.Conditions.Terminating) &&
		same(a.Hostname, b.Hostname) && same(a.NodeName, b.NodeName) && same(a.Zone, b.Zone) && same(a.TargetRef, b.TargetRef) &&
		maps.Equal(a.DeprecatedTopology, b.DeprecatedTopology) && apiequality.Semantic.DeepEqual(a.Hints, b.Hints)
}

func same[T comparable](a, b *T) bool {
	return a == b || (a != nil && b != nil && *a == *b)
}

// identity tells endpoints apart.
type identity struct {
	address, target string
	uid             types.UID
}

func name(e *discoveryv1.Endpoint) identity {
	id := identity{address: e.Addresses[0]}
	if e.TargetRef != nil {
		id.uid, id.target = e.TargetRef.UID, e.TargetRef.Name
	}
	return id
}

func distribute(boxes []*box, left []discoveryv1.Endpoint) []*box {
	put := func(b *box) {
		n := min(capacity-len(b.endpoints), len(left))
		b.endpoints, b.changed = append(b.endpoints, left[:n]...), true
		left = left[n:]
	}
	byFill := slices.Clone(boxes)
	slices.SortStableFunc(byFill, func(a, b *box) int { return cmp.Compare(len(b.endpoints), len(a.endpoints)) })
	for _, b := range byFill {
		if b.changed && len(b.endpoints) > 0 && len(left) > 0 && len(b.endpoints) < capacity {
			put(b)
		}
	}
	for len(left) > 0 {
		at := -1
		if len(left) < capacity {
			at = slices.IndexFunc(byFill, func(b *box) bool { return len(b.endpoints)+len(left) <= capacity })
		}
		if at >= 0 {
			put(byFill[at])
			continue
		}
		b := &box{}
		put(b)
		boxes = append(boxes, b)
	}
	return boxes
}

// reuse turns removals into the creations that are due, family by family.
func (p *packing) reuse() {
	p.create = slices.DeleteFunc(p.create, func(c *discoveryv1.EndpointSlice) bool {
		at := slices.IndexFunc(p.remove, func(r *discoveryv1.EndpointSlice) bool { return r.AddressType == c.AddressType })
		if at < 0 {
			return false
		}
		next := p.remove[at].DeepCopy()
		next.Labels, next.OwnerReferences = c.Labels, c.OwnerReferences
		next.Ports, next.Endpoints = c.Ports, c.Endpoints
		p.update = append(p.update, next)
		p.remove = slices.Delete(p.remove, at, at+1)
		return true
	})
}
