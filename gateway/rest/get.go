package rest

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"taffrail.dev/gateway/view"
)

// get reads an object, or a subresource that shows one. Version "" is a consistent read, "0"
// whatever the view has, any other at least that.
func (s *Server) get(ctx context.Context, c *Call, version string) (*Reply, error) {
	if err := s.atLeast(ctx, c, version); err != nil {
		return nil, err
	}
	e := c.table.Snapshot().Get(c.Namespace, c.Name)
	if e == nil {
		return nil, apierrors.NewNotFound(c.served.gr, c.Name)
	}
	if c.sub != nil && c.sub.Read != nil {
		obj, err := c.served.object(e)
		if err != nil {
			return nil, err
		}
		return c.shown(c.sub.Read(obj), e.Sequence), nil
	}
	return c.replyEntry(e), nil
}

// found is the stored object; a consistent read decides that there is none.
func (s *Server) found(ctx context.Context, c *Call) (*view.Entry, error) {
	if e := c.table.Snapshot().Get(c.Namespace, c.Name); e != nil {
		return e, nil
	}
	if err := s.cfg.View.Fresh(ctx, c.table); err != nil {
		return nil, err
	}
	if e := c.table.Snapshot().Get(c.Namespace, c.Name); e != nil {
		return e, nil
	}
	return nil, apierrors.NewNotFound(c.served.gr, c.Name)
}

// bodyKind is the kind of the body of a call on a subresource or object.
func (c *Call) bodyKind() schema.GroupVersionKind {
	if c.sub != nil && c.sub.New != nil {
		return c.sub.GroupVersionKind
	}
	return c.served.gvk
}
