package rest

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"taffrail.dev/gateway/kind"
	"taffrail.dev/gateway/view"
	eventv1 "taffrail.dev/proto/gen/event/v1"
)

// delete removes an object, or marks it as to be removed once its grace has passed and its finalizers
// are gone.
func (s *Server) delete(ctx context.Context, c *Call) (*Reply, error) {
	if p := c.Delete.Preconditions; p != nil {
		if p.UID != nil {
			c.ExpectUID = string(*p.UID)
		}
		if p.ResourceVersion != nil {
			version, err := parseVersion(*p.ResourceVersion)
			if err != nil {
				return nil, err
			}
			c.Expect = version
		}
	}
	if err := deletable(&c.Delete); err != nil {
		return nil, err
	}
	t := s.begin(c)
	return s.onCurrent(ctx, c, c.Expect, func(e *view.Entry) (*Reply, error) { return s.deleteOnce(ctx, c, t, e) })
}

func deletable(o *metav1.DeleteOptions) error {
	if o.PropagationPolicy == nil {
		return nil
	}
	if o.OrphanDependents != nil {
		return apierrors.NewBadRequest("DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Invalid value: both orphanDependents and deletionPropagation are set")
	}
	switch *o.PropagationPolicy {
	case metav1.DeletePropagationForeground, metav1.DeletePropagationBackground, metav1.DeletePropagationOrphan:
		return nil
	}
	return apierrors.NewBadRequest(fmt.Sprintf("DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Unsupported value: %q", *o.PropagationPolicy))
}

func (s *Server) deleteOnce(ctx context.Context, c *Call, t *tx, e *view.Entry) (*Reply, error) {
	k := c.served
	old, err := c.served.object(e)
	if err != nil {
		return nil, err
	}
	if err := s.admit(ctx, c, nil, old); err != nil {
		return nil, err
	}
	if err := s.judge(ctx, c, nil, old); err != nil {
		return nil, err
	}
	obj, err := k.private(e)
	if err != nil {
		return nil, err
	}
	obj.SetResourceVersion("")
	obj.SetFinalizers(propagated(k.Kind, obj.GetFinalizers(), &c.Delete))
	markDeleted(c, obj)
	w := write{kind: k.Kind, obj: obj, old: old, expect: e.Sequence, verb: c.Verb}
	gone := released(k, obj)
	if gone {
		w.what = eventv1.What_DELETED
	} else {
		if k.Deleting != nil {
			k.Deleting(obj)
		}
		if same, err := unchanged(k.Kind, obj, old, e); err != nil || same {
			return c.replyEntry(e), err
		}
		w.what = eventv1.What_DELETION_REQUESTED
	}
	t.writes = append(t.writes[:0], w)
	if gone && k.Allocate != nil {
		if err := k.Allocate(t, nil, old); err != nil {
			return nil, err
		}
	}
	reply, err := s.finish(ctx, c, t, http.StatusOK)
	if err != nil || !gone {
		return reply, err
	}
	reply.Status = success(&metav1.StatusDetails{Name: c.Name, Group: k.Group, Kind: k.Resource, UID: obj.GetUID()})
	return reply, nil
}

// markDeleted sets the time at which an object is due to go; one that is marked only ever gets less time.
func markDeleted(c *Call, obj kind.Object) {
	var grace int64
	if c.served.Grace != nil {
		grace = c.served.Grace(obj, c.Delete.GracePeriodSeconds)
	}
	if was := obj.GetDeletionGracePeriodSeconds(); obj.GetDeletionTimestamp() != nil && was != nil && *was <= grace {
		return
	}
	first := obj.GetDeletionTimestamp() == nil
	at := stamp(c.Now.Add(time.Duration(grace) * time.Second))
	obj.SetDeletionTimestamp(&at)
	obj.SetDeletionGracePeriodSeconds(&grace)
	if first && obj.GetGeneration() > 0 {
		obj.SetGeneration(obj.GetGeneration() + 1)
	}
}

// propagated is an object's finalizers as the propagation policy wants them.
func propagated(k *kind.Kind, finalizers []string, o *metav1.DeleteOptions) []string {
	var want string
	switch {
	case o.PropagationPolicy != nil && *o.PropagationPolicy == metav1.DeletePropagationForeground:
		want = metav1.FinalizerDeleteDependents
	case o.PropagationPolicy != nil && *o.PropagationPolicy == metav1.DeletePropagationOrphan,
		o.OrphanDependents != nil && *o.OrphanDependents:
		want = metav1.FinalizerOrphanDependents
	case o.PropagationPolicy == nil && o.OrphanDependents == nil:
		if !k.OrphansByDefault || slices.ContainsFunc(finalizers, propagates) {
			return finalizers
		}
		want = metav1.FinalizerOrphanDependents
	}
	out := slices.DeleteFunc(slices.Clone(finalizers), func(f string) bool { return f != want && propagates(f) })
	if want != "" && !slices.Contains(out, want) {
		out = append(out, want)
	}
	return out
}

// propagates says whether a finalizer is one of the garbage collector's.
func propagates(finalizer string) bool {
	return finalizer == metav1.FinalizerDeleteDependents || finalizer == metav1.FinalizerOrphanDependents
}
