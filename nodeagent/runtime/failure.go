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
	closed := strings.Contains(text, "ttrpc: ") && strings.Contains(text, "closed") // the connection, its server or the stream
	return closed || strings.Contains(text, "connection refused") || strings.Contains(text, "connection reset")
}

// cannotBegin recognizes what the OCI runtime itself says of a container. Any other failure to make its process is
// containerd's or a shim's, and passes.
func cannotBegin(err error) bool { return strings.Contains(err.Error(), "OCI runtime create failed") }
