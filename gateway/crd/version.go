package crd

import (
	"bytes"
	"fmt"
	"slices"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	versions "k8s.io/apimachinery/pkg/version"

	"taffrail.dev/gateway/kind"
	eventv1 "taffrail.dev/proto/gen/event/v1"
)

// version is a definition at one of its versions.
type version struct {
	*definition
	*apiextensionsv1.CustomResourceDefinitionVersion
}

// kind is the version as the gateway serves it.
func (v *version) kind() *kind.Kind {
	gvk := v.gvk(v.Name)
	k := &kind.Kind{
		GroupVersionKind: gvk, Resource: v.names.Plural, Singular: v.names.Singular,
		ShortNames: v.names.ShortNames, Categories: v.names.Categories, Namespaced: v.namespaced,
		New:              func() kind.Object { return kind.NewCustom(gvk) },
		NewList:          func() runtime.Object { return &list{kind.NewCustom(gvk.GroupVersion().WithKind(v.names.ListKind))} },
		Default:          v.defaults,
		Prepare:          v.prepare,
		Spec:             func(obj kind.Object) any { return content(obj) },
		What:             what,
		Validate:         v.validate,
		Warnings:         finalizerWarnings,
		SelectableFields: v.selectable(), Selectable: v.selected(),
		Shown: v.columns(), Subresources: v.subresources(),
		Text: &kind.Text{
			ListKind: v.names.ListKind, Coerce: v.coerce, Closed: v.terminating, Warning: v.warning(),
			Types: v.types,
			Convert: func(obj *kind.Custom, to string) (*kind.Custom, error) {
				out, err := v.convert([]*kind.Custom{obj}, to)
				if err != nil {
					return nil, err
				}
				return out[0], nil
			},
		},
		Stored: v.stored(),
	}
	if v.status() {
		k.Spec = func(obj kind.Object) any {
			c := content(obj)
			delete(c, "status")
			return c
		}
	}
	return k
}

// list is the sample of a list that documents are made of.
type list struct{ *kind.Custom }

func (l *list) DeepCopyObject() runtime.Object {
	return &list{l.Custom.DeepCopyObject().(*kind.Custom)}
}

// content is all of an object but its metadata, shared.
func content(obj kind.Object) map[string]any {
	out := make(map[string]any, len(obj.(*kind.Custom).Object))
	for key, value := range obj.(*kind.Custom).Object {
		if key != "metadata" {
			out[key] = value
		}
	}
	return out
}

// status says whether the version has a status that only its subresource writes.
func (v *version) status() bool { return v.Subresources != nil && v.Subresources.Status != nil }

func (v *version) defaults(obj kind.Object) {
	if c, err := v.schema(v.Name); err == nil {
		c.fill(obj.(*kind.Custom))
	}
}

func (v *version) coerce(obj *kind.Custom, track bool) ([]string, error) {
	c, err := v.schema(v.Name)
	if err != nil {
		return nil, err
	}
	return coercion{track: track}.apply(obj, c)
}

// prepare keeps the status, where that is written by its subresource alone.
func (v *version) prepare(obj, old kind.Object) {
	if !v.status() {
		return
	}
	now := obj.(*kind.Custom).Object
	delete(now, "status")
	if old == nil {
		return
	}
	if status, ok := old.(*kind.Custom).Object["status"]; ok {
		now["status"] = status
	}
}

// stored converts between the version and what is in the journal. Objects that were stored by earlier
// schemas are made to fit the present one.
func (v *version) stored() *kind.Stored {
	prefix := []byte(fmt.Sprintf(`{"apiVersion":%q,`, v.gvk(v.Name).GroupVersion()))
	return &kind.Stored{
		GroupVersionKind: v.gvk(v.storage), Resource: v.resource(),
		Same: func(state []byte, sequence uint64) bool { return sequence >= v.since && bytes.HasPrefix(state, prefix) },
		From: v.from,
		To: func(obj kind.Object) (kind.Object, error) {
			out, err := v.convert([]*kind.Custom{obj.(*kind.Custom)}, v.storage)
			if err != nil {
				return nil, err
			}
			return out[0], nil
		},
	}
}

func (v *version) from(stored []kind.Object) ([]kind.Object, error) {
	in := make([]*kind.Custom, len(stored))
	c, err := v.schema(v.Name)
	if err != nil {
		return nil, err
	}
	for i, obj := range stored {
		in[i] = obj.DeepCopyObject().(*kind.Custom)
	}
	made, err := v.convert(in, v.Name)
	if err != nil {
		return nil, err
	}
	out := make([]kind.Object, len(made))
	for i, obj := range made {
		if _, err := (coercion{lenient: true}).apply(obj, c); err != nil {
			return nil, err
		}
		c.fill(obj)
		out[i] = obj
	}
	return out, nil
}

// warning is for everyone who uses the version; empty for none.
func (v *version) warning() string {
	if !v.Deprecated {
		return ""
	}
	if v.DeprecationWarning != nil {
		return *v.DeprecationWarning
	}
	text := fmt.Sprintf("%s/%s %s is deprecated", v.group, v.Name, v.names.Kind)
	var better []string
	for _, o := range v.versions {
		if o.Served && !o.Deprecated && versions.CompareKubeAwareVersionStrings(v.Name, o.Name) < 0 {
			better = append(better, o.Name)
		}
	}
	if len(better) == 0 {
		return text
	}
	best := slices.MaxFunc(better, versions.CompareKubeAwareVersionStrings)
	return fmt.Sprintf("%s; use %s/%s %s", text, v.group, best, v.names.Kind)
}

// what names a change for the journal.
func what(obj, old kind.Object, subresource string) eventv1.What {
	switch {
	case old == nil || obj.GetDeletionTimestamp() != nil && old.GetDeletionTimestamp() == nil:
		return eventv1.What_WHAT_UNSPECIFIED
	case subresource == "status":
		return eventv1.What_STATUS_CHANGED
	case subresource == "scale":
		return eventv1.What_SCALED
	case runtimeEqual(content(obj), content(old)):
		return eventv1.What_METADATA_CHANGED
	}
	return eventv1.What_SPEC_CHANGED
}
