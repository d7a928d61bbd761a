package repo

import (
	"testing"

	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
	"taffrail.dev/services/registry"
)

func TestAFieldHasOneWriter(t *testing.T) {
	t.Parallel()
	var specs []process.Spec
	for _, s := range registry.All(registry.Config{}) {
		specs = append(specs, s.Spec)
	}
	for _, found := range clashes(specs) {
		t.Errorf("single-writer: %s (two writers of a field undo each other)", found)
	}
}

func TestTwoWritersAreFound(t *testing.T) {
	t.Parallel()
	anything := subject.Resource{Group: "*", Name: "*"}
	for _, c := range []struct {
		a, b  process.Field
		clash bool
	}{
		{process.Field{Resource: subject.Pods, Path: "spec.nodeName"}, process.Field{Resource: subject.Pods, Path: "spec.nodeName"}, true},
		{process.Field{Resource: subject.Pods, Path: "status"}, process.Field{Resource: subject.Pods, Path: "status.conditions[Ready]"}, true},
		{process.Field{Resource: subject.Pods, Path: "status.conditions[Ready]"}, process.Field{Resource: subject.Pods, Path: "status.conditions"}, true},
		{process.Field{Resource: anything, Path: "metadata.finalizers"}, process.Field{Resource: subject.Pods, Path: "metadata.finalizers[a]"}, true},
		{process.Field{Resource: subject.Pods, Path: "status.conditions[Ready]"}, process.Field{Resource: subject.Pods, Path: "status.conditions[PodScheduled]"}, false},
		{process.Field{Resource: subject.Nodes, Path: "spec.podCIDR"}, process.Field{Resource: subject.Nodes, Path: "spec.podCIDRs"}, false},
		{process.Field{Resource: subject.Nodes, Path: "status"}, process.Field{Resource: subject.Pods, Path: "status"}, false},
		{process.Field{Resource: subject.Pods, Path: "*"}, process.Field{Resource: subject.Pods, Path: "*"}, false},
	} {
		specs := []process.Spec{{Name: "one", Writes: []process.Field{c.a}}, {Name: "other", Writes: []process.Field{c.b}}}
		if found := clashes(specs); len(found) > 0 != c.clash {
			t.Errorf("%v, %v: %q, want a clash: %v", c.a, c.b, found, c.clash)
		}
	}
}
