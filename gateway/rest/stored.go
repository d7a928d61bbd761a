package rest

import (
	"encoding/json"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"taffrail.dev/gateway/kind"
	"taffrail.dev/gateway/view"
)

// same says whether an entry's bytes are the kind's as they are.
func (k *served) same(e *view.Entry) bool {
	return k.Stored == nil || k.Stored.Same != nil && k.Stored.Same(e.Proto(), e.Sequence)
}

// object is an entry as one of the kind, shared.
func (k *served) object(e *view.Entry) (kind.Object, error) {
	if k.same(e) {
		return e.Object()
	}
	objects, err := k.converted([]*view.Entry{e})
	if err != nil {
		return nil, err
	}
	return objects[0], nil
}

// private is a copy that the caller may change.
func (k *served) private(e *view.Entry) (kind.Object, error) {
	if k.same(e) {
		return e.Decode()
	}
	obj, err := k.object(e)
	if err != nil {
		return nil, err
	}
	return obj.DeepCopyObject().(kind.Object), nil
}

// objects are entries as ones of the kind, shared.
func (k *served) objects(entries []*view.Entry) ([]kind.Object, error) {
	out := make([]kind.Object, len(entries))
	var others []*view.Entry
	for i, e := range entries {
		if !k.same(e) {
			others = append(others, e)
			continue
		}
		var err error
		if out[i], err = e.Object(); err != nil {
			return nil, err
		}
	}
	converted, err := k.converted(others)
	if err != nil {
		return nil, err
	}
	for i := range out {
		if out[i] == nil {
			out[i], converted = converted[0], converted[1:]
		}
	}
	return out, nil
}

// converted are entries that are stored at another version, converted at once where they have not been before.
func (k *served) converted(entries []*view.Entry) ([]kind.Object, error) {
	out := make([]kind.Object, len(entries))
	var at []int
	var stored []kind.Object
	for i, e := range entries {
		if out[i] = e.Form(k.Kind); out[i] != nil {
			continue
		}
		obj, err := e.Object()
		if err != nil {
			return nil, err
		}
		at, stored = append(at, i), append(stored, obj)
	}
	if len(stored) == 0 {
		return out, nil
	}
	made, err := k.Stored.From(stored)
	if err != nil {
		return nil, unconvertible(err)
	}
	for n, i := range at {
		out[i] = made[n]
		entries[i].HoldForm(k.Kind, made[n])
	}
	return out, nil
}

func unconvertible(err error) error {
	if _, ok := err.(apierrors.APIStatus); ok {
		return err
	}
	return apierrors.NewInternalError(err)
}

// state is an object's bytes as they are stored.
func state(k *kind.Kind, obj kind.Object) ([]byte, error) {
	if k.Stored != nil {
		var err error
		if obj, err = k.Stored.To(obj); err != nil {
			return nil, unconvertible(err)
		}
	}
	return obj.Marshal()
}

// proto is an entry in the kind's protobuf.
func (k *served) proto(e *view.Entry) ([]byte, error) {
	if k.same(e) {
		return e.Proto(), nil
	}
	obj, err := k.object(e)
	if err != nil {
		return nil, err
	}
	return obj.Marshal()
}

// text is an entry as JSON, beginning with '{'.
func (k *served) text(e *view.Entry) ([]byte, error) {
	if k.same(e) {
		return e.JSON()
	}
	obj, err := k.object(e)
	if err != nil {
		return nil, err
	}
	return textOf(obj)
}

func textOf(obj kind.Object) ([]byte, error) {
	if c, ok := obj.(*kind.Custom); ok {
		return c.Marshal()
	}
	return json.Marshal(obj)
}
