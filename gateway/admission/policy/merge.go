package policy

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/google/cel-go/common/types/ref"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apiserver/pkg/cel/mutation/dynamic"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/schema"
	"sigs.k8s.io/structured-merge-diff/v6/typed"
	"sigs.k8s.io/structured-merge-diff/v6/value"

	"taffrail.dev/gateway/admission/matching"
)

// merged is the object with the configuration that an expression is applied to it.
func (p *Policies) merged(a *matching.Asked, v ref.Val) (text []byte, paths []string, err error) {
	object, ok := v.(*dynamic.ObjectVal)
	if !ok {
		return nil, nil, fmt.Errorf("unsupported return type from ApplyConfiguration expression: %v", v.Type())
	}
	if err := object.CheckTypeNamesMatchFieldPathNames(); err != nil {
		return nil, nil, fmt.Errorf("type mismatch: %w", err)
	}
	fields, ok := object.Value().(map[string]any)
	if !ok {
		return nil, nil, fmt.Errorf("invalid return type: %T", v)
	}
	paths = leaves(nil, "", fields)
	live, err := a.ObjectMap()
	if err != nil {
		return nil, nil, err
	}
	configuration := &unstructured.Unstructured{Object: fields}
	configuration.SetGroupVersionKind(a.Kind)
	out, err := p.merge(&unstructured.Unstructured{Object: live}, configuration)
	if err != nil {
		return nil, nil, fmt.Errorf("error applying patch: %w", err)
	}
	text, err = json.Marshal(out)
	return text, paths, err
}

func (p *Policies) merge(live, configuration *unstructured.Unstructured) (any, error) {
	schemas := p.schemas()
	change, err := schemas.ObjectToTyped(configuration)
	if err != nil {
		return nil, fmt.Errorf("failed to convert patch object to typed object: %w", err)
	}
	if found := atomics(nil, change.Schema(), change.TypeRef(), change.AsValue()); len(found) > 0 {
		return nil, fmt.Errorf("invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: %v", strings.Join(found, ", "))
	}
	before, err := schemas.ObjectToTyped(live, typed.AllowDuplicates)
	if err != nil {
		return nil, fmt.Errorf("failed to convert original object to typed object: %w", err)
	}
	after, err := before.Merge(change)
	if err != nil {
		return nil, fmt.Errorf("failed to merge patch: %w", err)
	}
	out, err := schemas.TypedToObject(after)
	if err != nil {
		return nil, fmt.Errorf("failed to convert typed object to object: %w", err)
	}
	return out, nil
}

// atomics are the atomic lists and maps in a configuration: what it does not name of these would be lost.
func atomics(path fieldpath.Path, s *schema.Schema, t schema.TypeRef, v value.Value) (found []string) {
	a, ok := s.Resolve(t)
	if !ok {
		return nil
	}
	if v.IsMap() && a.Map != nil {
		if a.Map.ElementRelationship == schema.Atomic {
			found = append(found, path.String())
		}
		v.AsMap().Iterate(func(key string, child value.Value) bool {
			of := a.Map.ElementType
			if f, ok := a.Map.FindField(key); ok {
				of = f.Type
			}
			found = append(found, atomics(append(slices.Clip(path), fieldpath.PathElement{FieldName: &key}), s, of, child)...)
			return true
		})
	}
	if v.IsList() && a.List != nil {
		if a.List.ElementRelationship == schema.Atomic {
			found = append(found, path.String())
		}
		for i := range v.AsList().Length() {
			found = append(found, atomics(append(slices.Clip(path), fieldpath.PathElement{Index: &i}), s, a.List.ElementType, v.AsList().At(i))...)
		}
	}
	return found
}

// leaves are the JSON pointers of what a configuration sets; a list counts as one.
func leaves(out []string, prefix string, fields map[string]any) []string {
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		pointer := prefix + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
		if below, ok := fields[name].(map[string]any); ok {
			out = leaves(out, pointer, below)
		} else {
			out = append(out, pointer)
		}
	}
	return out
}
