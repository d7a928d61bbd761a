package rest

import (
	"maps"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
	"taffrail.dev/gateway/rest/ownership"
)

// catalog is the kinds served at one time. It never changes.
type catalog struct {
	// paths finds kinds by what a path says, resources by the name on the bus of what they store.
	paths     map[schema.GroupVersionResource]*served
	resources map[subject.Resource]*served
}

func newCatalog(kinds []*kind.Kind, owners *ownership.Owners) *catalog {
	empty := &catalog{paths: map[schema.GroupVersionResource]*served{}, resources: map[subject.Resource]*served{}}
	return empty.changed(nil, kinds, owners)
}

// changed is the catalog without some kinds and with others.
func (c *catalog) changed(gone, come []*kind.Kind, owners *ownership.Owners) *catalog {
	next := &catalog{paths: maps.Clone(c.paths), resources: maps.Clone(c.resources)}
	for _, k := range gone {
		delete(next.paths, k.GroupVersionResource())
		delete(next.resources, k.SubjectResource())
	}
	for _, k := range come {
		s := newServed(k, owners)
		next.paths[k.GroupVersionResource()] = s
		// Of several versions the one that is stored stands for the resource.
		if r := k.SubjectResource(); next.resources[r] == nil || k.StoredKind() == k.GroupVersionKind {
			next.resources[r] = s
		}
	}
	return next
}

// find is the kind of a target, whose version may be empty; nil for none.
func (c *catalog) find(t *target) *served {
	if t.version == "" {
		return c.resources[subject.Resource{Group: t.group, Name: t.resource}]
	}
	return c.paths[schema.GroupVersionResource{Group: t.group, Version: t.version, Resource: t.resource}]
}
