package admission

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
)

// patience is how long a pod waits for the default account of its namespace, which a service makes
// just after the namespace.
const patience = 2 * time.Second

// Current is a Reader that can be waited for, as *view.View is. With any other Reader
// a plugin decides by what the Reader has.
type Current interface {
	kind.Reader
	// CatchUp waits until the Reader has what was acknowledged before the call.
	CatchUp(ctx context.Context, r subject.Resource) error
	// Await is an object once it is there; false if ctx ends before.
	Await(ctx context.Context, r subject.Resource, namespace, name string) (kind.Object, bool)
}

// find is an object that a request needs. Only what an up-to-date Reader lacks is missing, so
// that a client may use what it has just made. The error is a 503.
func find(ctx context.Context, q *kind.Request, r subject.Resource, namespace, name string) (kind.Object, bool, error) {
	if obj, ok := q.Reader.Get(r, namespace, name); ok {
		return obj, true, nil
	}
	return findAgain(ctx, q, r, namespace, name)
}

// findAgain is find for who has seen that what the Reader has is refused.
func findAgain(ctx context.Context, q *kind.Request, r subject.Resource, namespace, name string) (kind.Object, bool, error) {
	if c, ok := q.Reader.(Current); ok {
		if err := c.CatchUp(ctx, r); err != nil {
			return nil, false, apierrors.NewServiceUnavailable(err.Error())
		}
	}
	obj, ok := q.Reader.Get(r, namespace, name)
	return obj, ok, nil
}

// unavailable is the 503 of a Reader that cannot catch up.
func unavailable(err error) error { return apierrors.NewServiceUnavailable(err.Error()) }

// await is find for what others are about to make.
func await(ctx context.Context, q *kind.Request, r subject.Resource, namespace, name string) (kind.Object, bool, error) {
	c, ok := q.Reader.(Current)
	if !ok {
		return find(ctx, q, r, namespace, name)
	}
	if obj, ok := c.Get(r, namespace, name); ok {
		return obj, true, nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	obj, ok := c.Await(ctx, r, namespace, name)
	return obj, ok, nil
}
