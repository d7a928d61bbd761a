package rest

import (
	"context"
	"fmt"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"taffrail.dev/gateway/view"
)

// patience is how long a read waits for a version that the view does not have yet.
const patience = 3 * time.Second

// atLeast waits until the view may answer a read at a resourceVersion.
func (s *Server) atLeast(ctx context.Context, c *Call, version string) error {
	switch version {
	case "":
		return s.cfg.View.Fresh(ctx, c.table)
	case "0":
		return nil
	}
	want, err := parseVersion(version)
	if err != nil {
		return err
	}
	return waitFor(ctx, c.table, want)
}

func waitFor(ctx context.Context, t *view.Table, want uint64) error {
	bounded, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if t.WaitFor(bounded, want) == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	err := apierrors.NewTimeoutError(fmt.Sprintf("Too large resource version: %d, current: %d", want, t.Snapshot().Sequence), 1)
	err.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: metav1.CauseTypeResourceVersionTooLarge, Message: "Too large resource version"}}
	return err
}

func parseVersion(version string) (uint64, error) {
	if version == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(version, 10, 64)
	if err != nil {
		return 0, apierrors.NewInvalid(schema.GroupKind{Group: metav1.GroupName, Kind: "ListOptions"}, "", field.ErrorList{
			field.Invalid(field.NewPath("resourceVersion"), version, err.Error()),
		})
	}
	return n, nil
}

func formatVersion(sequence uint64) string { return strconv.FormatUint(sequence, 10) }
