package rest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"taffrail.dev/gateway/kind"
	"taffrail.dev/gateway/rest/ownership"
	"taffrail.dev/gateway/view"
	eventv1 "taffrail.dev/proto/gen/event/v1"
)

// change makes the object that is to replace old, which it may change and must be
// returned or a new one. It is called again after every lost race.
type change func(old *view.Entry, base kind.Object) (kind.Object, error)

// update replaces an object, or by a subresource a part of it.
func (s *Server) update(ctx context.Context, c *Call) (*Reply, error) {
	body := c.served.New()
	if c.sub != nil && c.sub.New != nil {
		body = c.sub.New()
	}
	if err := c.decode(body, c.bodyKind()); err != nil {
		return nil, err
	}
	expect, err := parseVersion(body.GetResourceVersion())
	if err != nil {
		return nil, err
	}
	if expect == 0 {
		expect = c.Expect
	}
	return s.replace(ctx, c, expect, func(_ *view.Entry, base kind.Object) (kind.Object, error) {
		if c.sub != nil && c.sub.Write != nil {
			return base, c.sub.Write(base, body)
		}
		return body.DeepCopyObject().(kind.Object), nil
	}, func(obj, old kind.Object) { c.owner().Updated(old, obj, c.manager()) })
}

func (c *Call) owner() *ownership.Manager { return c.served.owners[c.Subresource] }

// replace is the loop of every write to an existing object: change it, decide, append; again if
// another write came between and the client did not insist on a version.
func (s *Server) replace(ctx context.Context, c *Call, expect uint64, to change, own func(obj, old kind.Object)) (*Reply, error) {
	t := s.begin(c)
	for range attempts {
		e, err := s.current(ctx, c, expect)
		if err != nil {
			return nil, err
		}
		reply, err := s.replaceOnce(ctx, c, t, e, to, own)
		if !errors.Is(err, errRace) && !(err != nil && s.outdated(ctx, c, e)) {
			return reply, err
		}
	}
	return nil, errModified(c.served.gr, c.Name)
}

// outdated says whether an object has changed that a refusal was decided on: the view may lag behind what the
// client knows.
func (s *Server) outdated(ctx context.Context, c *Call, e *view.Entry) bool {
	return s.cfg.View.Fresh(ctx, c.table) == nil && c.table.Snapshot().Get(c.Namespace, c.Name) != e
}

// current is the stored object, of the version and uid that the call insists on.
func (s *Server) current(ctx context.Context, c *Call, expect uint64) (*view.Entry, error) {
	e, err := s.found(ctx, c)
	if err != nil {
		return nil, err
	}
	if expect > e.Sequence {
		if err := s.cfg.View.Fresh(ctx, c.table); err != nil {
			return nil, err
		}
		if e, err = s.found(ctx, c); err != nil {
			return nil, err
		}
	}
	if expect != 0 && expect != e.Sequence {
		return nil, errModified(c.served.gr, c.Name)
	}
	if c.ExpectUID == "" {
		return e, nil
	}
	obj, err := c.served.object(e)
	if err != nil {
		return nil, err
	}
	if uid := string(obj.GetUID()); uid != c.ExpectUID {
		return nil, apierrors.NewConflict(c.served.gr, c.Name, fmt.Errorf("Precondition failed: UID in precondition: %s, UID in object meta: %s", c.ExpectUID, uid))
	}
	return e, nil
}

func (s *Server) replaceOnce(ctx context.Context, c *Call, t *tx, e *view.Entry, to change, own func(obj, old kind.Object)) (*Reply, error) {
	old, err := c.served.object(e)
	if err != nil {
		return nil, err
	}
	base, err := c.served.private(e)
	if err != nil {
		return nil, err
	}
	obj, err := to(e, base)
	if err != nil {
		return nil, err
	}
	if err := c.sameObject(obj, old); err != nil {
		return nil, err
	}
	if version := obj.GetResourceVersion(); version != "" && version != old.GetResourceVersion() {
		return nil, errModified(c.served.gr, c.Name)
	}
	obj.SetResourceVersion(old.GetResourceVersion())
	keep(obj, old)
	if c.served.Default != nil {
		c.served.Default(obj)
	}
	if own != nil {
		own(obj, old)
	}
	if err := s.settle(ctx, c, obj, old); err != nil {
		return nil, err
	}
	return s.store(ctx, c, t, e, obj, old)
}

// settle admits, prepares and validates a changed object.
func (s *Server) settle(ctx context.Context, c *Call, obj, old kind.Object) error {
	if err := s.admit(ctx, c, obj, old); err != nil {
		return err
	}
	k := c.served
	prepare := k.Prepare
	if c.sub != nil {
		prepare = c.sub.Prepare
		if c.sub.Write != nil {
			prepare = nil
		}
	}
	if prepare != nil {
		prepare(obj, old)
	}
	if k.Spec != nil && !reflect.DeepEqual(k.Spec(obj), k.Spec(old)) {
		obj.SetGeneration(old.GetGeneration() + 1)
	}
	if err := validateChange(c, obj, old); err != nil {
		return err
	}
	if k.Warnings != nil {
		for _, text := range k.Warnings(obj, old) {
			c.warn(text)
		}
	}
	return nil
}

// store appends a changed object; nothing if it did not change, its removal if that was all that held
// its deletion.
func (s *Server) store(ctx context.Context, c *Call, t *tx, e *view.Entry, obj, old kind.Object) (*Reply, error) {
	k := c.served
	obj.SetResourceVersion("")
	w := write{kind: k.Kind, obj: obj, old: old, expect: e.Sequence, verb: c.Verb, subresource: c.Subresource}
	if released(k, obj) {
		w.what = eventv1.What_DELETED
	} else if same, err := unchanged(k.Kind, obj, old, e); err != nil || same {
		return s.answer(c, c.replyEntry(e)), err
	}
	t.writes = append(t.writes[:0], w)
	if k.Allocate != nil {
		subject := obj
		if w.what == eventv1.What_DELETED {
			subject = nil
		}
		if err := k.Allocate(t, subject, old); err != nil {
			return nil, err
		}
	}
	reply, err := s.finish(ctx, c, t, http.StatusOK)
	if err != nil {
		return nil, err
	}
	return s.answer(c, reply), nil
}

// answer shows the object as the subresource's kind.
func (s *Server) answer(c *Call, r *Reply) *Reply {
	if c.sub == nil || c.sub.Read == nil {
		return r
	}
	obj, err := r.Object()
	if err != nil {
		return r
	}
	shown := c.shown(c.sub.Read(obj), r.Sequence)
	shown.Code = r.Code
	return shown
}

// released says whether an object that is being deleted has nothing left to wait for.
func released(k *served, obj kind.Object) bool {
	if obj.GetDeletionTimestamp() == nil || len(obj.GetFinalizers()) > 0 {
		return false
	}
	if grace := obj.GetDeletionGracePeriodSeconds(); grace != nil && *grace > 0 {
		return false
	}
	return k.DeleteFinalizers == nil || len(k.DeleteFinalizers(obj)) == 0
}

// unchanged says whether obj is what is stored, times of field ownership aside.
func unchanged(k *kind.Kind, obj, old kind.Object, e *view.Entry) (bool, error) {
	managed := obj.GetManagedFields()
	if sameOwners(managed, old.GetManagedFields()) {
		obj.SetManagedFields(old.GetManagedFields())
		defer obj.SetManagedFields(managed)
	}
	next, err := state(k, obj)
	if err != nil {
		return false, err
	}
	return bytes.Equal(next, e.State()), nil
}

func sameOwners(a, b []metav1.ManagedFieldsEntry) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		x, y := a[i], b[i]
		x.Time, y.Time = nil, nil
		if !reflect.DeepEqual(x, y) {
			return false
		}
	}
	return true
}
