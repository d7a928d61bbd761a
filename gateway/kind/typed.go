package kind

import (
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// The functions of a Kind take Objects; those below let each kind's file be written
// in terms of its own type. A missing old object is a nil pointer.

func on[P Object](f func(P)) func(Object) {
	return func(obj Object) { f(obj.(P)) }
}

func prepares[P Object](f func(obj, old P)) func(obj, old Object) {
	return func(obj, old Object) {
		was, _ := old.(P)
		f(obj.(P), was)
	}
}

func validates[P Object](f func(obj, old P) field.ErrorList) func(obj, old Object) field.ErrorList {
	return func(obj, old Object) field.ErrorList {
		was, _ := old.(P)
		return f(obj.(P), was)
	}
}

func warns[P Object](f func(obj, old P) []string) func(obj, old Object) []string {
	return func(obj, old Object) []string {
		was, _ := old.(P)
		return f(obj.(P), was)
	}
}

func part[P Object](f func(P) any) func(Object) any {
	return func(obj Object) any { return f(obj.(P)) }
}

func labels[P Object](f func(P) map[string]string) func(Object) map[string]string {
	return func(obj Object) map[string]string { return f(obj.(P)) }
}

func column[P Object](name, typ string, priority int32, f func(P, time.Time) any) Column {
	return Column{Name: name, Type: typ, Priority: priority, Value: func(obj Object, now time.Time) any {
		return f(obj.(P), now)
	}}
}

// text is a column of strings, wide one that only -o wide shows, number one of integers.
func text[P Object](name string, f func(P) string) Column {
	return column(name, "string", 0, func(obj P, _ time.Time) any { return f(obj) })
}

func wide[P Object](name string, f func(P) string) Column {
	return column(name, "string", 1, func(obj P, _ time.Time) any { return f(obj) })
}

func number[P Object, N int | int32 | int64](name string, f func(P) N) Column {
	return column(name, "integer", 0, func(obj P, _ time.Time) any { return int64(f(obj)) })
}

// keepsStatus is a Prepare that leaves the status to its subresource: a new object has none.
func keepsStatus[P Object, S any](of func(P) *S) func(obj, old Object) {
	return func(obj, old Object) {
		now := of(obj.(P))
		if *now = *new(S); old != nil {
			*now = *of(old.(P))
		}
	}
}

// status is a status subresource: prepare keeps all but the status from old.
func status[P Object](prepare func(obj, old P), validate func(obj, old P) field.ErrorList) Subresource {
	s := Subresource{Name: "status", Verbs: []string{"get", "patch", "update"}, Prepare: prepares(prepare)}
	if validate != nil {
		s.Validate = validates(validate)
	}
	return s
}

func gvk(group, version, kind string) schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: group, Version: version, Kind: kind}
}

func core(kind string) schema.GroupVersionKind { return gvk("", "v1", kind) }

var (
	metaPath   = field.NewPath("metadata")
	specPath   = field.NewPath("spec")
	statusPath = field.NewPath("status")
)
