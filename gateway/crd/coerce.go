package crd

import (
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"

	"taffrail.dev/gateway/kind"
)

// coercion says how an object is made to fit its schema.
type coercion struct {
	// track collects the paths of the fields that are dropped.
	track bool
	// lenient drops malformed metadata instead of refusing it: what is stored must stay readable.
	lenient bool
}

// apply does for an object what decoding does for a Go type: metadata is what it is everywhere, fields that the
// schema does not have are dropped, and so are nulls where there may be none.
func (how coercion) apply(obj *kind.Custom, c *compiled) (unknown []string, err error) {
	meta, found, unknown, err := objectmeta.GetObjectMetaWithOptions(obj.Object, objectmeta.ObjectMetaOptions{
		DropMalformedFields: how.lenient, ReturnUnknownFieldPaths: how.track,
	})
	if err != nil {
		return nil, err
	}
	apiVersion, kind := obj.Object["apiVersion"], obj.Object["kind"]
	if !c.preserve && c.structural != nil {
		dropped := pruning.PruneWithOptions(obj.Object, c.structural, true, schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: how.track})
		unknown = append(unknown, dropped...)
		defaulting.PruneNonNullableNullsWithoutDefaults(obj.Object, c.structural)
	}
	fault, more := objectmeta.CoerceWithOptions(nil, obj.Object, c.structural, false, objectmeta.CoerceOptions{
		DropInvalidFields: how.lenient, ReturnUnknownFieldPaths: how.track,
	})
	if fault != nil {
		return nil, fault
	}
	obj.Object["apiVersion"], obj.Object["kind"] = apiVersion, kind
	if found {
		err = objectmeta.SetObjectMeta(obj.Object, meta)
	}
	return append(unknown, more...), err
}

func (c *compiled) fill(obj *kind.Custom) {
	if c.structural != nil {
		defaulting.Default(obj.Object, c.structural)
	}
}
