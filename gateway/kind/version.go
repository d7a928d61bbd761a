package kind

import (
	"reflect"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	eventv1 "taffrail.dev/proto/gen/event/v1"
)

// Version is one more version, or group, at which a kind is served. ToStorage and FromStorage are pure: they
// lose nothing and may share with what they are given, but not change it.
type Version struct {
	schema.GroupVersionKind
	New       func() Object
	NewList   func() runtime.Object
	ToStorage func(obj Object) Object
	// FromStorage undoes ToStorage.
	FromStorage func(stored Object) Object
	// Default fills in what a user of this version left out; nil for none.
	Default func(obj Object)
}

// versionOf is a kind at another version: what the kind does, by converting there and back. A caller may
// replace parts.
func versionOf(k *Kind, v Version) *Kind {
	c := conversion{v}
	out := *k
	out.GroupVersionKind, out.New, out.NewList, out.Default = v.GroupVersionKind, v.New, v.NewList, v.Default
	out.Stored = &Stored{
		GroupVersionKind: k.GroupVersionKind, Resource: k.SubjectResource(),
		From: func(stored []Object) ([]Object, error) {
			made := make([]Object, len(stored))
			for i, s := range stored {
				made[i] = v.FromStorage(s)
			}
			return made, nil
		},
		To: func(obj Object) (Object, error) { return v.ToStorage(obj), nil },
	}
	out.Prepare, out.Validate = c.prepare(k.Prepare), c.validate(k.Validate)
	if k.Spec != nil {
		out.Spec = func(obj Object) any { return k.Spec(v.ToStorage(obj)) }
	}
	if k.Warnings != nil {
		out.Warnings = func(obj, old Object) []string { return k.Warnings(v.ToStorage(obj), c.to(old)) }
	}
	if k.Selectable != nil {
		out.Selectable = func(obj Object) map[string]string { return k.Selectable(v.ToStorage(obj)) }
	}
	if k.What != nil {
		out.What = func(obj, old Object, subresource string) eventv1.What {
			return k.What(v.ToStorage(obj), c.to(old), subresource)
		}
	}
	out.Columns = make([]Column, len(k.Columns))
	for i, column := range k.Columns {
		out.Columns[i] = column
		out.Columns[i].Value = func(obj Object, now time.Time) any { return column.Value(v.ToStorage(obj), now) }
	}
	out.Subresources = make([]Subresource, len(k.Subresources))
	for i, sub := range k.Subresources {
		sub.Prepare, sub.Validate = c.prepare(sub.Prepare), c.validate(sub.Validate)
		out.Subresources[i] = sub
	}
	return &out
}

type conversion struct{ Version }

// to keeps a missing object missing.
func (c conversion) to(obj Object) Object {
	if obj == nil {
		return nil
	}
	return c.ToStorage(obj)
}

func (c conversion) prepare(f func(obj, old Object)) func(obj, old Object) {
	if f == nil {
		return nil
	}
	return func(obj, old Object) {
		stored := c.ToStorage(obj.DeepCopyObject().(Object))
		f(stored, c.to(old))
		reflect.ValueOf(obj).Elem().Set(reflect.ValueOf(c.FromStorage(stored)).Elem())
	}
}

func (c conversion) validate(f func(obj, old Object) field.ErrorList) func(obj, old Object) field.ErrorList {
	if f == nil {
		return nil
	}
	return func(obj, old Object) field.ErrorList { return f(c.ToStorage(obj), c.to(old)) }
}
