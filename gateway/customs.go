package gateway

import (
	"context"
	"time"

	"go.uber.org/zap"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/access"
	"taffrail.dev/gateway/crd"
	"taffrail.dev/gateway/discovery/openapi"
	"taffrail.dev/gateway/kind"
	"taffrail.dev/gateway/rest"
)

// changeKinds has kinds served no longer, and others from now on: first by their paths, then in what is
// published.
func (g *Gateway) changeKinds(gone, come []*kind.Kind) {
	g.rest.Change(gone, come)
	g.others.Changed()
	if documents, ok := g.cfg.OpenAPI.(*openapi.Server); ok {
		documents.Describe(func() openapi.Custom { return g.customs.OpenAPI() })
	}
}

// fresh waits until what is published is of all definitions that were acknowledged.
func (g *Gateway) fresh(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if err := g.view.CatchUp(ctx, kind.CustomResourceDefinitions); err != nil {
		g.cfg.Log.Debug("discovery as of before", zap.Error(err))
	}
}

// builtIn picks the resources of kinds.
func builtIn(kinds []*kind.Kind) func(subject.Resource) bool {
	known := map[subject.Resource]bool{}
	for _, k := range kinds {
		known[subject.Resource{Group: k.Group, Name: k.Resource}] = true
	}
	return func(r subject.Resource) bool { return known[r] }
}

// keep does what definitions ask for over time, once the folds have caught up.
func (g *Gateway) keep(ctx context.Context) error {
	if g.view.Ready(ctx) != nil { // the gateway ends
		return nil
	}
	return g.keeper.Run(ctx)
}

// writer writes as the gateway itself.
type writer struct{ rest *rest.Server }

var _ crd.Writer = (*writer)(nil)

func (w *writer) Delete(ctx context.Context, o subject.Object, reason string) error {
	return w.do(ctx, &rest.Call{Reason: reason}, "delete", o, "")
}

func (w *writer) Patch(ctx context.Context, o subject.Object, subresource string, patch []byte, expect uint64, reason string) error {
	c := &rest.Call{Body: patch, ContentType: string(types.MergePatchType), Expect: expect, Reason: reason}
	return w.do(ctx, c, "patch", o, subresource)
}

func (w *writer) do(ctx context.Context, c *rest.Call, verb string, o subject.Object, subresource string) error {
	c.User, c.Verb, c.UserAgent = access.ServiceUser("gateway"), verb, "gateway"
	if err := w.rest.Resolve(c, o, "", subresource); err != nil {
		return err
	}
	_, err := w.rest.Do(kind.WithUser(ctx, c.User), c)
	if _, told := err.(apierrors.APIStatus); err != nil && !told {
		return &apierrors.StatusError{ErrStatus: *rest.StatusOf(err)}
	}
	return err
}
