package view

import (
	"context"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
)

// CatchUp waits until what the view has of a resource is at least what was acknowledged before the call.
// A resource that the view does not have is caught up.
func (v *View) CatchUp(ctx context.Context, r subject.Resource) error {
	t := v.Table(r)
	if t == nil {
		return nil
	}
	return v.Fresh(ctx, t)
}

// Await is an object once it is there, decoded and shared; false if ctx ends before.
func (v *View) Await(ctx context.Context, r subject.Resource, namespace, name string) (kind.Object, bool) {
	t := v.Table(r)
	if t == nil {
		return nil, false
	}
	for {
		through := t.stream.progress.reached()
		if object, ok := v.Get(r, namespace, name); ok {
			return object, true
		}
		if t.WaitFor(ctx, through+1) != nil {
			return nil, false
		}
	}
}
