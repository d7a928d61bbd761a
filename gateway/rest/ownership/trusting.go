package ownership

import (
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"sigs.k8s.io/structured-merge-diff/v6/typed"
	"sigs.k8s.io/structured-merge-diff/v6/value"
)

// trusting types API structs without checking each against its schema, which was made of them: the
// check took most of the time of an update. What users apply is checked.
type trusting struct {
	managedfields.TypeConverter
	types sync.Map // of *typed.TypedValue, an example of each schema.GroupVersionKind
}

// ObjectToTyped types an object; the options concern the check.
func (t *trusting) ObjectToTyped(obj runtime.Object, options ...typed.ValidationOptions) (*typed.TypedValue, error) {
	if _, applied := obj.(*unstructured.Unstructured); applied {
		return t.TypeConverter.ObjectToTyped(obj, options...)
	}
	example, err := t.example(obj.GetObjectKind().GroupVersionKind(), obj, options)
	if err != nil {
		return nil, err
	}
	v, err := value.NewValueReflect(obj)
	if err != nil {
		return nil, err
	}
	return typed.AsTypedUnvalidated(v, example.Schema(), example.TypeRef()), nil
}

func (t *trusting) example(gvk schema.GroupVersionKind, obj runtime.Object, options []typed.ValidationOptions) (*typed.TypedValue, error) {
	if known, ok := t.types.Load(gvk); ok {
		return known.(*typed.TypedValue), nil
	}
	example, err := t.TypeConverter.ObjectToTyped(obj, options...)
	if err != nil {
		return nil, err
	}
	// Of the example nothing but its type is used: it must not keep the object alive.
	example = typed.AsTypedUnvalidated(nil, example.Schema(), example.TypeRef())
	t.types.Store(gvk, example)
	return example, nil
}
