package crd

import (
	"maps"
	"slices"
	"sync"

	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/kube-openapi/pkg/validation/spec"

	"taffrail.dev/gateway/discovery/openapi/assembly"
	"taffrail.dev/gateway/kind"
)

const (
	metaModel = "io.k8s.apimachinery.pkg.apis.meta.v1."
	gvkKey    = "x-kubernetes-group-version-kind"
)

// newTypes are the schemas of all of a definition's versions as configurations are merged by; types
// deduced from values where these cannot be merged by.
func newTypes(d *definition) managedfields.TypeConverter {
	all, err := d.schemas()
	if err != nil {
		return managedfields.NewDeducedTypeConverter()
	}
	shared, err := metaModels()
	if err != nil {
		return managedfields.NewDeducedTypeConverter()
	}
	models := maps.Clone(shared)
	for _, v := range d.versions {
		models[kind.NewCustom(d.gvk(v.Name)).OpenAPIModelName()] = modelOf(all[v.Name], d.gvk(v.Name), false)
	}
	c, err := managedfields.NewTypeConverter(models, all[d.storage].preserve)
	if err != nil {
		return managedfields.NewDeducedTypeConverter()
	}
	return c
}

// metaModels are the models that every custom object's refers to.
var metaModels = sync.OnceValues(func() (map[string]*spec.Schema, error) {
	all, err := assembly.Models()
	if err != nil {
		return nil, err
	}
	out := map[string]*spec.Schema{}
	for _, name := range []string{"ObjectMeta", "OwnerReference", "ManagedFieldsEntry", "FieldsV1", "Time"} {
		s := all[metaModel+name]
		out[metaModel+name] = &s
	}
	return out, nil
})

// modelOf is a version's schema as OpenAPI describes it, v2's in what v2 can say.
func modelOf(c *compiled, gvk schema.GroupVersionKind, v2 bool) *spec.Schema {
	out := &spec.Schema{SchemaProps: spec.SchemaProps{Type: []string{"object"}}}
	if c != nil && c.structural != nil {
		s := c.structural
		if v2 {
			s = plain(s)
		}
		out = s.ToKubeOpenAPI()
		if s.XPreserveUnknownFields && v2 {
			out.Type = []string{"object"}
		}
	} else {
		out.AddExtension("x-kubernetes-preserve-unknown-fields", true)
	}
	refs := "#/components/schemas/"
	if v2 {
		refs = "#/definitions/"
	}
	embed(out, refs)
	typed(out, refs)
	if out.Extensions == nil {
		out.Extensions = spec.Extensions{}
	}
	out.Extensions[gvkKey] = []any{map[string]any{"group": gvk.Group, "version": gvk.Version, "kind": gvk.Kind}}
	return out
}

// embed gives every embedded resource below a schema what each object has.
func embed(s *spec.Schema, refs string) {
	for name, p := range s.Properties {
		embed(&p, refs)
		s.Properties[name] = p
	}
	if s.Items != nil && s.Items.Schema != nil {
		embed(s.Items.Schema, refs)
	}
	if s.AdditionalProperties != nil && s.AdditionalProperties.Schema != nil {
		embed(s.AdditionalProperties.Schema, refs)
	}
	if embedded, _ := s.Extensions.GetBool("x-kubernetes-embedded-resource"); embedded {
		typed(s, refs)
	}
}

// typed gives an object's schema apiVersion, kind and metadata.
func typed(s *spec.Schema, refs string) {
	if s.Properties == nil {
		s.Properties = map[string]spec.Schema{}
	}
	s.Properties["metadata"] = spec.Schema{SchemaProps: spec.SchemaProps{
		Ref: spec.MustCreateRef(refs + metaModel + "ObjectMeta"),
	}}
	s.Properties["apiVersion"] = *spec.StringProperty().WithDescription(apiVersionDoc)
	s.Properties["kind"] = *spec.StringProperty().WithDescription(kindDoc)
}

var (
	apiVersionDoc = metav1.TypeMeta{}.SwaggerDoc()["apiVersion"]
	kindDoc       = metav1.TypeMeta{}.SwaggerDoc()["kind"]
)

// plain is a schema in what OpenAPI v2 can say, and what its readers do not trip over: without alternatives, and
// without types where a value may be null or anything.
func plain(in *structural.Structural) *structural.Structural {
	out := in.DeepCopy()
	mapper := structural.Visitor{Structural: func(s *structural.Structural) bool {
		if v := s.ValueValidation; v != nil {
			v.AllOf, v.OneOf, v.AnyOf, v.Not = nil, nil, nil, nil
		}
		if s.Nullable {
			s.Type, s.Nullable, s.Items, s.Properties = "", false, nil, nil
		}
		if s.XPreserveUnknownFields {
			s.Items, s.Properties = nil, nil
			if s.Type == "object" {
				s.Type = ""
			}
		}
		if s.Items == nil && s.Type == "array" {
			s.Type = ""
		}
		if v := s.ValueValidation; v != nil {
			v.Required = requiredOf(s, v.Required)
		}
		return true
	}}
	mapper.Visit(out)
	return out
}

// requiredOf leaves out the fields that may be null: to v2's readers a null is a field that is missing.
func requiredOf(s *structural.Structural, names []string) []string {
	return slices.DeleteFunc(names, func(name string) bool { return s.Properties[name].Nullable })
}
