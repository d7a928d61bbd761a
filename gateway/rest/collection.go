package rest

import (
	"context"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"taffrail.dev/gateway/view"
)

// deletesAtOnce bounds the parallel deletes of a deletecollection.
const deletesAtOnce = 16

func (s *Server) deleteAll(ctx context.Context, c *Call, entries []*view.Entry) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(deletesAtOnce)
	for _, e := range entries {
		one := *c
		one.Verb = "delete"
		one.Namespace, one.Name = e.Namespace(), e.Name()
		group.Go(func() error {
			if _, err := s.delete(ctx, &one); err != nil && !apierrors.IsNotFound(err) {
				return err
			}
			return nil
		})
	}
	return group.Wait()
}
