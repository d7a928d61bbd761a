package kind

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kjson "sigs.k8s.io/json"
)

// Custom is an object of a kind that users defined. It always has its apiVersion and kind; it is stored
// as JSON that begins with these and then metadata.
type Custom struct{ unstructured.Unstructured }

var _ Object = (*Custom)(nil)

// NewCustom makes an object of a kind, otherwise empty.
func NewCustom(gvk schema.GroupVersionKind) *Custom {
	c := &Custom{}
	c.SetGroupVersionKind(gvk)
	return c
}

// DeepCopyObject is an independent copy.
func (c *Custom) DeepCopyObject() runtime.Object {
	return &Custom{Unstructured: unstructured.Unstructured{Object: runtime.DeepCopyJSON(c.Object)}}
}

// GetObjectKind is the object's kind; it cannot be taken away.
func (c *Custom) GetObjectKind() schema.ObjectKind { return customKind{c} }

type customKind struct{ c *Custom }

func (k customKind) GroupVersionKind() schema.GroupVersionKind { return k.c.GroupVersionKind() }

func (k customKind) SetGroupVersionKind(gvk schema.GroupVersionKind) {
	if !gvk.Empty() {
		k.c.SetGroupVersionKind(gvk)
	}
}

// Marshal is the object in JSON, with apiVersion, kind and metadata first.
func (c *Custom) Marshal() ([]byte, error) {
	out := make([]byte, 0, 1024)
	first := [...]string{"apiVersion", "kind", "metadata"}
	keys := slices.Sorted(maps.Keys(c.Object))
	keys = slices.DeleteFunc(keys, func(k string) bool { return slices.Contains(first[:], k) })
	for _, key := range append(first[:], keys...) {
		value, ok := c.Object[key]
		if !ok {
			continue
		}
		name, err := json.Marshal(key)
		if err != nil {
			return nil, err
		}
		text, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		out = append(append(append(append(out, ','), name...), ':'), text...)
	}
	if len(out) == 0 {
		return []byte("{}"), nil
	}
	out[0] = '{'
	return append(out, '}'), nil
}

// MarshalJSON is Marshal.
func (c *Custom) MarshalJSON() ([]byte, error) { return c.Marshal() }

var errNoObject = errors.New("not a JSON object")

// Unmarshal reads what Marshal wrote. Whole numbers stay whole.
func (c *Custom) Unmarshal(data []byte) error {
	var content map[string]any
	if err := kjson.UnmarshalCaseSensitivePreserveInts(data, &content); err != nil {
		return err
	}
	if content == nil {
		return errNoObject
	}
	c.Object = content
	return nil
}

// UnmarshalJSON is Unmarshal.
func (c *Custom) UnmarshalJSON(data []byte) error { return c.Unmarshal(data) }

// OpenAPIModelName is the name of the object's kind in OpenAPI documents: "com.example.v1.Backup".
func (c *Custom) OpenAPIModelName() string {
	gvk := c.GroupVersionKind()
	parts := strings.Split(gvk.Group, ".")
	slices.Reverse(parts)
	return strings.Join(parts, ".") + "." + gvk.Version + "." + gvk.Kind
}

// Size is the length of Marshal.
func (c *Custom) Size() int {
	text, err := c.Marshal()
	if err != nil {
		return 0
	}
	return len(text)
}

// Meta is the object's metadata; what is malformed in it is left out.
func (c *Custom) Meta() metav1.ObjectMeta {
	var out metav1.ObjectMeta
	metadata, _ := c.Object["metadata"].(map[string]any)
	if runtime.DefaultUnstructuredConverter.FromUnstructured(metadata, &out) != nil {
		out = metav1.ObjectMeta{Name: c.GetName(), Namespace: c.GetNamespace(), UID: c.GetUID(), ResourceVersion: c.GetResourceVersion()}
	}
	return out
}
