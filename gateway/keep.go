package gateway

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/flow"
	"taffrail.dev/gateway/kind"
)

// keepEvery is how often the flow schemas and priority levels that every cluster has are looked after.
const keepEvery = time.Minute

// KeepFlow keeps the flow schemas and priority levels that every cluster has, and says in each schema's status whether its
// level is there, until ctx ends. Several replicas may do so: a second finds nothing to change.
func (g *Gateway) KeepFlow(ctx context.Context) error {
	tick := time.NewTicker(keepEvery)
	defer tick.Stop()
	for {
		if err := g.keepFlow(ctx, time.Now()); err != nil && ctx.Err() == nil {
			g.cfg.Log.Warn("flow schemas or priority levels not kept", zap.Error(err))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (g *Gateway) keepFlow(ctx context.Context, now time.Time) error {
	var errs []error
	for _, want := range flow.Objects() {
		k := g.kindOf(want)
		have, ok := g.view.Get(k.SubjectResource(), "", want.GetName())
		if !ok {
			have = nil
		}
		if next := flow.Kept(have, want); next != nil {
			verb := "update"
			if have == nil {
				verb = "create"
			}
			errs = append(errs, g.writeCalmly(ctx, k, next, verb, ""))
		}
	}
	for _, obj := range g.view.List(flow.Schemas, "") {
		s := obj.(*flowcontrolv1.FlowSchema)
		_, there := g.view.Get(flow.Levels, "", s.Spec.PriorityLevelConfiguration.Name)
		if next := flow.Judged(s, there, metav1.NewTime(now)); next != nil {
			errs = append(errs, g.writeCalmly(ctx, g.kindOf(next), next, "update", "status"))
		}
	}
	return errors.Join(errs...)
}

// writeCalmly writes unless somebody else was faster: the next look judges what they wrote.
func (g *Gateway) writeCalmly(ctx context.Context, k *kind.Kind, obj kind.Object, verb, subresource string) error {
	err := g.writeOn(ctx, k, obj, verb, subresource)
	if err == nil || apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) || apierrors.IsNotFound(err) {
		return nil
	}
	return fmt.Errorf("%s %s: %w", verb, subject.Object{Resource: k.SubjectResource(), Name: obj.GetName()}, err)
}
