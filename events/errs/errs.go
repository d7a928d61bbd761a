// Package errs has Taffrail's one error type: what was attempted, which kind of
// failure it was, and its cause. Kinds map one to one to the reasons of a
// Kubernetes Status.
package errs

import (
	"errors"
	"fmt"
)

// Kind is a class of failure; its text is the Kubernetes StatusReason.
type Kind string

// The kinds.
const (
	Conflict        Kind = "Conflict"
	AlreadyExists   Kind = "AlreadyExists"
	NotFound        Kind = "NotFound"
	Invalid         Kind = "Invalid"
	BadRequest      Kind = "BadRequest"
	Forbidden       Kind = "Forbidden"
	Unauthorized    Kind = "Unauthorized"
	Expired         Kind = "Expired"
	TooLarge        Kind = "RequestEntityTooLarge"
	TooManyRequests Kind = "TooManyRequests"
	Timeout         Kind = "Timeout"
	Unavailable     Kind = "ServiceUnavailable"
	Internal        Kind = "InternalError"
)

// Error is an operation that failed.
type Error struct {
	// Op is what was attempted, in a few words: "append", "open bus".
	Op    string
	Kind  Kind
	Cause error
}

// E makes an Error of a cause.
func E(op string, kind Kind, cause error) *Error { return &Error{Op: op, Kind: kind, Cause: cause} }

// F makes an Error of a message.
func F(op string, kind Kind, format string, args ...any) *Error {
	return &Error{Op: op, Kind: kind, Cause: fmt.Errorf(format, args...)}
}

func (e *Error) Error() string {
	if e.Cause == nil {
		return fmt.Sprintf("%s: %s", e.Op, e.Kind)
	}
	return fmt.Sprintf("%s: %v", e.Op, e.Cause)
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Cause }

// KindOf is the kind of the outermost Error in err's chain; Internal if there is
// none, "" for nil.
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}

// Is says whether err is of the kind.
func Is(err error, kind Kind) bool { return KindOf(err) == kind }
