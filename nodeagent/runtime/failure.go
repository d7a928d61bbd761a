package runtime

import (
	"strings"

	"github.com/containerd/errdefs"

	"taffrail.dev/events/errs"
)

// kinded gives containerd's errors our kinds.
func kinded(op string, err error) error {
	switch {
	case err == nil:
		return nil
	case errdefs.IsNotFound(err):
		return errs.E(op, errs.NotFound, err)
	case errdefs.IsAlreadyExists(err):
		return errs.E(op, errs.AlreadyExists, err)
	case errdefs.IsUnavailable(err), errdefs.IsDeadlineExceeded(err), errdefs.IsCanceled(err):
		return errs.E(op, errs.Unavailable, err)
	}
	return errs.E(op, errs.Internal, err)
}

// shimGone recognizes a shim that ended between being found and being asked; containerd passes its
// connection's failure on as text alone.
func shimGone(err error) bool {
	text := err.Error()
	return strings.Contains(text, "ttrpc: closed") || strings.Contains(text, "connection refused") || strings.Contains(text, "connection reset")
}
