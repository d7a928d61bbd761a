package webhook

import (
	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/admission/matching"
	"taffrail.dev/gateway/kind"
)

// set is all webhooks of one type, in their order, and what they were compiled of.
type set struct {
	hooks []*hook
	of    map[matching.Version][]*hook
}

// build compiles the configurations of a resource that changed.
func build(objects kind.Reader, r subject.Resource, compile func(kind.Object) []*hook, old *set) *set {
	now := &set{of: map[matching.Version][]*hook{}}
	for _, obj := range objects.List(r, "") {
		v := matching.Version{UID: string(obj.GetUID()), ResourceVersion: obj.GetResourceVersion(), Name: obj.GetName()}
		hooks, known := []*hook(nil), false
		if old != nil {
			hooks, known = old.of[v]
		}
		if !known {
			hooks = compile(obj)
		}
		now.of[v] = hooks
		now.hooks = append(now.hooks, hooks...)
	}
	return now
}
