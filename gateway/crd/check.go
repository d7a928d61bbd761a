package crd

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/model"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apivalidation "k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/cel/common"

	"taffrail.dev/gateway/kind"
)

func runtimeEqual(a, b map[string]any) bool { return apiequality.Semantic.DeepEqual(a, b) }

// check is one object's examination; old is nil for a create.
type check struct {
	version *version
	schema  *compiled
	rules   *rules
	now     map[string]any
	old     map[string]any
	// correlated tells which parts are as they were: these are not held against a writer.
	correlated *common.CorrelatedObject
}

func (v *version) check(obj, old kind.Object) (*check, *field.Error) {
	c := &check{version: v, now: obj.(*kind.Custom).Object}
	var err error
	if c.schema, err = v.schema(v.Name); err == nil {
		c.rules, err = c.schema.rules()
	}
	if err != nil {
		return nil, field.InternalError(nil, err)
	}
	if was, ok := old.(*kind.Custom); ok {
		c.old = was.Object
		c.correlated = common.NewCorrelatedObject(c.now, c.old, &model.Structural{Structural: c.schema.structural})
	}
	return c, nil
}

// validate checks an object by its version's schema.
func (v *version) validate(obj, old kind.Object) field.ErrorList {
	c, fault := v.check(obj, old)
	if fault != nil {
		return field.ErrorList{fault}
	}
	var errs field.ErrorList
	if c.old == nil {
		errs = validation.ValidateCustomResource(nil, c.now, c.rules.whole)
	} else {
		errs = validation.ValidateCustomResourceUpdate(nil, c.now, c.old, c.rules.whole, validation.WithRatcheting(c.correlated))
	}
	errs = append(errs, v.validateScale(c.now, true)...)
	errs = append(errs, objectmeta.Validate(context.Background(), nil, c.now, c.schema.structural, false)...)
	errs = append(errs, c.lists()...)
	return append(errs, c.expressions(errs)...)
}

// validateStatus checks what the status subresource wrote.
func (v *version) validateStatus(obj, old kind.Object) field.ErrorList {
	c, fault := v.check(obj, old)
	if fault != nil {
		return field.ErrorList{fault}
	}
	var errs field.ErrorList
	if status, ok := c.now["status"]; ok && c.rules.status != nil {
		var options []validation.ValidationOption
		if c.schema.structural != nil {
			options = append(options, validation.WithRatcheting(c.correlated.Key("status")))
		}
		errs = validation.ValidateCustomResourceUpdate(field.NewPath("status"), status, c.old["status"], c.rules.status, options...)
	}
	errs = append(errs, v.validateScale(c.now, false)...)
	errs = append(errs, c.lists()...)
	return append(errs, c.expressions(errs)...)
}

// lists checks that sets and maps are such, if they were before.
func (c *check) lists() field.ErrorList {
	if c.old != nil && len(listtype.ValidateListSetsAndMaps(nil, c.schema.structural, c.old)) > 0 {
		return nil
	}
	return listtype.ValidateListSetsAndMaps(nil, c.schema.structural, c.now)
}

// expressions evaluates the schema's CEL rules, unless what they read is not as they expect it.
func (c *check) expressions(errs field.ErrorList) field.ErrorList {
	if c.rules.expressions == nil {
		return nil
	}
	if slices.ContainsFunc(errs, blocks) {
		return field.ErrorList{field.Invalid(nil, nil, "some validation rules were not checked because the object was invalid; correct the existing errors to complete validation")}
	}
	var options []cel.Option
	var old any
	if c.old != nil {
		old = c.old
		options = append(options, cel.WithRatcheting(c.correlated))
	}
	out, _ := c.rules.expressions.Validate(context.Background(), nil, c.schema.structural, c.now, old, budget, options...)
	return out
}

func blocks(e *field.Error) bool {
	switch e.Type {
	case field.ErrorTypeNotSupported, field.ErrorTypeRequired, field.ErrorTypeTooLong, field.ErrorTypeTooMany, field.ErrorTypeTypeInvalid:
		return true
	}
	return false
}

var standardFinalizers = []string{metav1.FinalizerOrphanDependents, metav1.FinalizerDeleteDependents, string(corev1.FinalizerKubernetes)}

// finalizerWarnings are of new finalizers whose names may be others' too.
func finalizerWarnings(obj, old kind.Object) []string {
	var out []string
	for _, f := range slices.Sorted(slices.Values(obj.GetFinalizers())) {
		if old != nil && slices.Contains(old.GetFinalizers(), f) {
			continue
		}
		for _, fault := range apivalidation.IsQualifiedName(f) {
			out = append(out, fmt.Sprintf("metadata.finalizers: %q: %s", f, fault))
		}
		switch {
		case strings.Contains(f, "/") || slices.Contains(standardFinalizers, f):
		case strings.Contains(f, "."):
			out = append(out, fmt.Sprintf("metadata.finalizers: %q: prefer a domain-qualified finalizer name including a path (/) to avoid accidental conflicts with other finalizer writers", f))
		default:
			out = append(out, fmt.Sprintf("metadata.finalizers: %q: prefer a domain-qualified finalizer name to avoid accidental conflicts with other finalizer writers", f))
		}
	}
	return out
}
