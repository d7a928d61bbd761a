package crd

import (
	"errors"
	"fmt"
	"sync"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
)

// perCall bounds the cost of one CEL expression, budget that of all of an object, as in Kubernetes.
const (
	perCall = 1_000_000
	budget  = 10_000_000
)

// errUnservable is what clients are told of a schema that should not have been accepted.
var errUnservable = errors.New("the server could not properly serve the CR schema")

// compiled is one version's schema.
type compiled struct {
	structural *structural.Structural
	// preserve keeps unknown fields.
	preserve bool
	rules    func() (*rules, error)
}

// rules are what objects are checked by.
type rules struct {
	whole, status validation.SchemaValidator
	// expressions are nil for a schema without any.
	expressions *cel.Validator
}

func compile(crd *apiextensionsv1.CustomResourceDefinition) (map[string]*compiled, error) {
	all := map[string]*compiled{}
	for _, v := range crd.Spec.Versions {
		if v.Schema == nil {
			all[v.Name] = &compiled{preserve: crd.Spec.PreserveUnknownFields, rules: sync.OnceValues(func() (*rules, error) { return newRules(nil, nil) })}
			continue
		}
		c, err := compileSchema(v.Schema, crd.Spec.PreserveUnknownFields)
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %s: %w", errUnservable, crd.Name, v.Name, err)
		}
		all[v.Name] = c
	}
	return all, nil
}

func compileSchema(in *apiextensionsv1.CustomResourceValidation, preserve bool) (*compiled, error) {
	var out apiextensions.CustomResourceValidation
	if err := apiextensionsv1.Convert_v1_CustomResourceValidation_To_apiextensions_CustomResourceValidation(in, &out, nil); err != nil {
		return nil, err
	}
	props := out.OpenAPIV3Schema
	s, err := structural.NewStructural(props)
	if err != nil {
		return nil, err
	}
	s = s.DeepCopy() // its defaults are the schema's, and are pruned here
	if !preserve {
		if err := defaulting.PruneDefaults(s); err != nil {
			return nil, err
		}
	}
	return &compiled{structural: s, preserve: preserve, rules: sync.OnceValues(func() (*rules, error) { return newRules(props, s) })}, nil
}

func newRules(props *apiextensions.JSONSchemaProps, s *structural.Structural) (*rules, error) {
	r := &rules{}
	var err error
	if r.whole, _, err = validation.NewSchemaValidator(props); err != nil {
		return nil, err
	}
	if props == nil {
		return r, nil
	}
	if status, ok := props.Properties["status"]; ok {
		if r.status, _, err = validation.NewSchemaValidator(&status); err != nil {
			return nil, err
		}
	}
	r.expressions = cel.NewValidator(s, true, perCall)
	return r, nil
}
