package crd

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
	"k8s.io/apiextensions-apiserver/pkg/apihelpers"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
	"taffrail.dev/gateway/view"
)

const (
	// deletesAtOnce bounds the parallel deletes of a definition's objects.
	deletesAtOnce = 16
	// again is how long after a failure the keeper looks again; else it is woken by what changes.
	again = 5 * time.Second
)

// Writer writes as the gateway itself.
type Writer interface {
	// Delete removes an object; NotFound if it is not there.
	Delete(ctx context.Context, o subject.Object, reason string) error
	// Patch merges into an object of a sequence, or into its subresource; Conflict if it is not at that.
	Patch(ctx context.Context, o subject.Object, subresource string, patch []byte, expect uint64, reason string) error
}

// Keeper does what definitions ask for over time. Every replica may have one: what another did already is found
// done, what was decided on an older state is refused.
type Keeper struct {
	Registry *Registry
	Writer   Writer
	Now      func() time.Time
	Log      *zap.Logger
}

// Run works until ctx ends.
func (k *Keeper) Run(ctx context.Context) error {
	timer := time.NewTimer(again)
	defer timer.Stop()
	for {
		wait := time.Hour
		if err := k.step(ctx); err != nil && ctx.Err() == nil {
			k.Log.Warn("definitions not kept", zap.Error(err))
			wait = again
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return nil
		case <-k.Registry.wake:
		case <-timer.C:
		}
	}
}

// step looks at every definition once. The first failure is returned, after all.
func (k *Keeper) step(ctx context.Context) error {
	var first error
	for _, d := range k.Registry.definitions() {
		var err error
		switch {
		case d.terminating:
			err = k.clean(ctx, d)
		case d.waiting:
			err = k.rename(ctx, d)
		}
		if err != nil && !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) && first == nil {
			first = err
		}
	}
	return first
}

// current is a definition as of now, with its sequence; nil if it is gone.
func (k *Keeper) current(d *definition) (*apiextensionsv1.CustomResourceDefinition, *view.Entry) {
	e := k.Registry.cfg.View.Table(kind.CustomResourceDefinitions).Snapshot().Get("", d.name)
	if e == nil {
		return nil, nil
	}
	crd, err := decoded(e)
	if err != nil || string(crd.UID) != d.uid {
		return nil, nil
	}
	return crd, e
}

func (k *Keeper) object(d *definition) subject.Object {
	return subject.Object{Resource: kind.CustomResourceDefinitions, Name: d.name}
}

// rename has the names of a definition decided again, if those that it waits for are free.
func (k *Keeper) rename(ctx context.Context, d *definition) error {
	crd, e := k.current(d)
	if crd == nil || !kind.NamesFree(k.Registry.cfg.View, crd) {
		return nil
	}
	apihelpers.RemoveCRDCondition(crd, apiextensionsv1.NamesAccepted)
	return k.status(ctx, d, crd, e, "its names are free")
}

func (k *Keeper) status(ctx context.Context, d *definition, crd *apiextensionsv1.CustomResourceDefinition, e *view.Entry, reason string) error {
	patch, err := json.Marshal(map[string]any{"status": map[string]any{"conditions": crd.Status.Conditions}})
	if err != nil {
		return err
	}
	return k.Writer.Patch(ctx, k.object(d), "status", patch, e.Sequence, reason)
}

// clean deletes the objects of a definition that is being deleted, and lets it go when there are none left.
func (k *Keeper) clean(ctx context.Context, d *definition) error {
	crd, e := k.current(d)
	if crd == nil || !slices.Contains(crd.Finalizers, apiextensionsv1.CustomResourceCleanupFinalizer) {
		return nil
	}
	left, err := k.remaining(ctx, d)
	if err != nil {
		return err
	}
	if len(left) == 0 {
		return k.release(ctx, d, crd, e)
	}
	c := apiextensionsv1.CustomResourceDefinitionCondition{
		Type: apiextensionsv1.Terminating, Status: apiextensionsv1.ConditionTrue, Reason: "InstanceDeletionInProgress",
		Message: "CustomResource deletion is in progress",
	}
	if err = k.deleteAll(ctx, d, left); err != nil {
		c.Reason, c.Message = "InstanceDeletionFailed", "could not issue all deletes: "+err.Error()
	}
	if have := apihelpers.FindCRDCondition(crd, c.Type); have == nil || have.Reason != c.Reason || have.Message != c.Message {
		kind.SetDefinitionCondition(crd, c, metav1.NewTime(k.Now().Truncate(time.Second)))
		if failed := k.status(ctx, d, crd, e, "its objects are being deleted"); err == nil {
			err = failed
		}
	}
	return err
}

// remaining are the objects that a definition still has, as of now.
func (k *Keeper) remaining(ctx context.Context, d *definition) ([]*view.Entry, error) {
	v := k.Registry.cfg.View
	if len(d.kinds) == 0 { // never established, or in the place of a kind that the gateway has
		return nil, nil
	}
	if err := v.CatchUp(ctx, d.resource()); err != nil {
		return nil, err
	}
	var left []*view.Entry
	if t := v.Table(d.resource()); t != nil {
		t.Snapshot().Ascend("", "", func(e *view.Entry) bool {
			left = append(left, e)
			return true
		})
	}
	return left, nil
}

func (k *Keeper) deleteAll(ctx context.Context, d *definition, left []*view.Entry) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(deletesAtOnce)
	for _, e := range left {
		group.Go(func() error {
			obj, err := e.Object()
			if err == nil && obj.GetDeletionTimestamp() != nil {
				return nil
			}
			err = k.Writer.Delete(ctx, subject.Object{Resource: d.resource(), Namespace: e.Namespace(), Name: e.Name()}, "its definition is being deleted")
			if apierrors.IsNotFound(err) {
				return nil
			}
			return err
		})
	}
	return group.Wait()
}

// release takes the finalizer away that kept the definition for its objects.
func (k *Keeper) release(ctx context.Context, d *definition, crd *apiextensionsv1.CustomResourceDefinition, e *view.Entry) error {
	rest := slices.DeleteFunc(slices.Clone(crd.Finalizers), func(f string) bool { return f == apiextensionsv1.CustomResourceCleanupFinalizer })
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"finalizers": rest}})
	if err != nil {
		return err
	}
	return k.Writer.Patch(ctx, k.object(d), "", patch, e.Sequence, "its objects are gone")
}
