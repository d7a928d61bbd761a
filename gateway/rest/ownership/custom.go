package ownership

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"

	"taffrail.dev/gateway/kind"
)

// customFields is the field manager of a text kind, by the schemas that it brings.
func customFields(k *kind.Kind, subresource string) (*managedfields.FieldManager, error) {
	c := custom{k}
	return managedfields.NewDefaultCRDFieldManager(k.Text.Types(), c, c, c, k.GroupVersionKind, k.GroupVersion(), subresource, resets(k, subresource))
}

// custom shows the field manager one kind of unstructured objects, at all of its versions.
type custom struct{ kind *kind.Kind }

func (c custom) Convert(in, out, _ any) error { return fmt.Errorf("convert %T to %T", in, out) }

func (c custom) ConvertToVersion(in runtime.Object, target runtime.GroupVersioner) (runtime.Object, error) {
	raw, ok := in.(*unstructured.Unstructured)
	gv, versioned := target.(schema.GroupVersion)
	if !ok || !versioned {
		return nil, fmt.Errorf("convert %T to %v", in, target)
	}
	out, err := c.kind.Text.Convert(&kind.Custom{Unstructured: *raw}, gv.Version)
	if err != nil {
		return nil, err
	}
	return &out.Unstructured, nil
}

func (c custom) ConvertFieldLabel(_ schema.GroupVersionKind, label, value string) (string, string, error) {
	return label, value, nil
}

func (c custom) Default(in runtime.Object) {
	if raw, ok := in.(*unstructured.Unstructured); ok && c.kind.Default != nil && raw.GroupVersionKind() == c.kind.GroupVersionKind {
		c.kind.Default(&kind.Custom{Unstructured: *raw})
	}
}

func (c custom) New(gvk schema.GroupVersionKind) (runtime.Object, error) {
	return &kind.NewCustom(gvk).Unstructured, nil
}
