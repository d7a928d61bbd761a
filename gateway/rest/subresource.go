package rest

import (
	"context"
	"net/http"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"taffrail.dev/gateway/kind"
	"taffrail.dev/gateway/view"
	eventv1 "taffrail.dev/proto/gen/event/v1"
)

// createOn answers a create on a subresource: a binding, an eviction, a token.
func (s *Server) createOn(ctx context.Context, c *Call) (*Reply, error) {
	body := c.sub.New()
	if err := c.decode(body, c.sub.GroupVersionKind); err != nil {
		return nil, err
	}
	if c.served.Namespaced {
		if err := c.placed(body); err != nil {
			return nil, err
		}
	}
	if err := s.admit(ctx, c, body, nil); err != nil {
		return nil, err
	}
	if err := s.judge(ctx, c, body, nil); err != nil {
		return nil, err
	}
	t := s.begin(c)
	return s.onCurrent(ctx, c, c.Expect, func(e *view.Entry) (*Reply, error) {
		return s.createOnOnce(ctx, c, t, e, body.DeepCopyObject().(kind.Object))
	})
}

func (s *Server) createOnOnce(ctx context.Context, c *Call, t *tx, e *view.Entry, body kind.Object) (*Reply, error) {
	old, err := c.served.object(e)
	if err != nil {
		return nil, err
	}
	obj, err := c.served.private(e)
	if err != nil {
		return nil, err
	}
	t.writes = t.writes[:0]
	out, err := c.sub.Create(ctx, &c.Request, t, obj, body)
	if err != nil {
		return nil, err
	}
	obj.SetResourceVersion("")
	w := write{kind: c.served.Kind, obj: obj, old: old, expect: e.Sequence, verb: c.Verb, subresource: c.Subresource}
	if released(c.served, obj) {
		w.what = eventv1.What_DELETED
	}
	same, err := unchanged(c.served.Kind, obj, old, e)
	if err != nil {
		return nil, err
	}
	if !same || w.what == eventv1.What_DELETED {
		t.writes = append([]write{w}, t.writes...)
	}
	if w.what == eventv1.What_DELETED && c.served.Allocate != nil {
		if err := c.served.Allocate(t, nil, old); err != nil {
			return nil, err
		}
	}
	reply := &Reply{Code: http.StatusCreated, Sequence: e.Sequence, Status: success(nil)}
	reply.Status.Code = http.StatusCreated
	if len(t.writes) > 0 && !c.DryRun {
		if reply.Sequence, err = t.append(ctx); err != nil {
			return nil, err
		}
	}
	if out != nil {
		shown := c.shown(out, reply.Sequence)
		shown.Code = http.StatusCreated
		return shown, nil
	}
	return reply, nil
}

// connection is the handler of a streaming subresource.
func (s *Server) connection(ctx context.Context, c *Call) (http.Handler, error) {
	if err := s.cfg.View.Fresh(ctx, c.table); err != nil {
		return nil, err
	}
	name := c.Name
	if c.sub.Name == "proxy" {
		name = proxied(name)
	}
	e := c.table.Snapshot().Get(c.Namespace, name)
	if e == nil {
		return nil, apierrors.NewNotFound(c.served.gr, name)
	}
	obj, err := c.served.object(e)
	if err != nil {
		return nil, err
	}
	c.Reader = s.cfg.View
	if err := s.admitConnection(ctx, c); err != nil {
		return nil, err
	}
	return c.sub.Connect(&c.Request, obj)
}

// proxied is the object in a proxy's name, which may have a scheme before it and a port after: "https:web:443".
func proxied(name string) string {
	switch parts := strings.Split(name, ":"); len(parts) {
	case 2:
		return parts[0]
	case 3:
		return parts[1]
	}
	return name
}
