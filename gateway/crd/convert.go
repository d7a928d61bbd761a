package crd

import (
	"errors"
	"fmt"
	"slices"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"taffrail.dev/gateway/kind"
)

// converter makes objects ones of another apiVersion. It may change what it is given, or return others; their
// order stays.
type converter interface {
	convert(objects []*kind.Custom, apiVersion string) ([]*kind.Custom, error)
}

func converterOf(crd *apiextensionsv1.CustomResourceDefinition, cfg *Config) converter {
	c := crd.Spec.Conversion
	if c == nil || c.Strategy != apiextensionsv1.WebhookConverter || c.Webhook == nil || c.Webhook.ClientConfig == nil {
		return relabel{}
	}
	return newWebhook(crd.Name, c.Webhook, cfg)
}

// relabel is the conversion between versions that differ in their names alone.
type relabel struct{}

func (relabel) convert(objects []*kind.Custom, apiVersion string) ([]*kind.Custom, error) {
	for _, obj := range objects {
		obj.SetAPIVersion(apiVersion)
	}
	return objects, nil
}

// convert makes objects ones of a version; those that are already stay what they are. What was
// converted has only what its version knows.
func (d *definition) convert(objects []*kind.Custom, to string) ([]*kind.Custom, error) {
	want := d.gvk(to).GroupVersion().String()
	out := slices.Clone(objects)
	var at []int
	var others []*kind.Custom
	for i, obj := range objects {
		if have := obj.GroupVersionKind(); have.GroupVersion().String() != want {
			if !d.has(have.Version) || have.Group != d.group {
				return nil, fmt.Errorf("request to convert CR from an invalid group/version: %s", have.GroupVersion())
			}
			at, others = append(at, i), append(others, obj.DeepCopyObject().(*kind.Custom))
		}
	}
	if len(others) == 0 {
		return out, nil
	}
	if !d.has(to) {
		return nil, fmt.Errorf("request to convert CR to an invalid group/version: %s", want)
	}
	c, err := d.schema(to)
	if err != nil {
		return nil, err
	}
	made, err := d.converter.convert(others, want)
	if err != nil {
		return nil, err
	}
	for n, i := range at {
		if _, err := (coercion{}).apply(made[n], c); err != nil {
			return nil, err
		}
		out[i] = made[n]
	}
	return out, nil
}

func (d *definition) has(version string) bool {
	return slices.ContainsFunc(d.versions, func(v apiextensionsv1.CustomResourceDefinitionVersion) bool { return v.Name == version })
}

// sameObject checks that a conversion has left an object the one that it was.
func sameObject(in, out *kind.Custom) error {
	for _, f := range []struct{ name, was, is string }{
		{"kind", in.GetKind(), out.GetKind()}, {"name", in.GetName(), out.GetName()},
		{"namespace", in.GetNamespace(), out.GetNamespace()}, {"UID", string(in.GetUID()), string(out.GetUID())},
	} {
		if f.was != f.is {
			return fmt.Errorf("must have the same %s: %v != %v", f.name, f.was, f.is)
		}
	}
	return nil
}

// restore gives a converted object the metadata that it had, but for labels and annotations, which a conversion may
// change.
func restore(in, out *kind.Custom) error {
	answered, found := out.Object["metadata"]
	if !found {
		return errors.New("missing metadata in converted object")
	}
	from, ok := answered.(map[string]any)
	if !ok {
		return fmt.Errorf("invalid metadata of type %T in converted object", answered)
	}
	to := map[string]any{}
	if was, ok := in.Object["metadata"].(map[string]any); ok {
		to = runtime.DeepCopyJSON(was)
	}
	out.Object["metadata"] = to
	for _, name := range []string{"labels", "annotations"} {
		if err := takeTexts(from, to, name); err != nil {
			return err
		}
	}
	return nil
}

func takeTexts(from, to map[string]any, name string) error {
	value := from[name]
	if value == nil {
		delete(to, name)
		return nil
	}
	given, ok := value.(map[string]any)
	if !ok {
		return fmt.Errorf("invalid metadata.%s of type %T in converted object", name, value)
	}
	texts := make(map[string]string, len(given))
	for key, v := range given {
		text, ok := v.(string)
		if !ok {
			return fmt.Errorf("metadata.%s[%s] must be a string, but is %T in converted object", name, key, v)
		}
		texts[key] = text
	}
	check := metav1validation.ValidateLabels
	if name == "annotations" {
		check = apivalidation.ValidateAnnotations
	}
	if errs := check(texts, field.NewPath("metadata", name)); len(errs) > 0 {
		return errs.ToAggregate()
	}
	to[name] = given
	return nil
}
