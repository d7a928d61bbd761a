package assembly

import (
	"bytes"
	"encoding/json"
	"maps"
	"sync"

	openapiv2 "github.com/google/gnostic-models/openapiv2"
	"google.golang.org/protobuf/proto"
	"k8s.io/kube-openapi/pkg/builder"
	"k8s.io/kube-openapi/pkg/builder3"
	"k8s.io/kube-openapi/pkg/common"
	"k8s.io/kube-openapi/pkg/handler3"
	"k8s.io/kube-openapi/pkg/validation/spec"

	"taffrail.dev/gateway/kind"
)

// shared are the models that the documents of kinds which users define refer to.
var shared = []string{
	"io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta", "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta",
	"io.k8s.apimachinery.pkg.apis.meta.v1.Status", "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions",
	"io.k8s.apimachinery.pkg.apis.meta.v1.Patch", "io.k8s.apimachinery.pkg.apis.meta.v1.WatchEvent", "io.k8s.api.autoscaling.v1.Scale",
}

var sharedV2, sharedV3 = sync.OnceValues(func() (map[string]common.OpenAPIDefinition, error) { return closure(refsV2) }),
	sync.OnceValues(func() (map[string]common.OpenAPIDefinition, error) { return closure(refsV3) })

// closure is the shared models with all that they refer to.
func closure(refs string) (map[string]common.OpenAPIDefinition, error) {
	all, err := definitions(refs)
	if err != nil {
		return nil, err
	}
	out := map[string]common.OpenAPIDefinition{}
	var add func(name string)
	add = func(name string) {
		if _, done := out[name]; done {
			return
		}
		d := all[name]
		out[name] = d
		for _, other := range d.Dependencies {
			add(other)
		}
	}
	for _, name := range shared {
		add(name)
	}
	return out, nil
}

// Models are the shared models by name, as OpenAPI v3 describes them.
func Models() (map[string]spec.Schema, error) {
	all, err := sharedV3()
	if err != nil {
		return nil, err
	}
	out := make(map[string]spec.Schema, len(all))
	for name, d := range all {
		out[name] = d.Schema
	}
	return out, nil
}

// withModels are definitions with those of some kinds' models and of their lists.
func withModels(base map[string]common.OpenAPIDefinition, kinds []*kind.Kind, models map[string]*spec.Schema, refs string) map[string]common.OpenAPIDefinition {
	const meta = "io.k8s.apimachinery.pkg.apis.meta.v1."
	all := maps.Clone(base)
	for _, k := range kinds {
		if k.Text == nil {
			continue
		}
		name := modelName(k.New())
		all[name] = common.OpenAPIDefinition{Schema: *models[name], Dependencies: []string{meta + "ObjectMeta"}}
		items := spec.ArrayProperty(spec.RefSchema(refs + name))
		items.Description = "List of " + k.Resource + ". More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md"
		all[modelName(k.NewList())] = common.OpenAPIDefinition{
			Schema: spec.Schema{SchemaProps: spec.SchemaProps{
				Type: []string{"object"}, Required: []string{"items"}, Description: k.Kind + "List is a list of " + k.Kind,
				Properties: map[string]spec.Schema{
					"apiVersion": *spec.StringProperty(), "kind": *spec.StringProperty(),
					"metadata": *spec.RefSchema(refs + meta + "ListMeta"), "items": *items,
				},
			}},
			Dependencies: []string{meta + "ListMeta", name},
		}
	}
	return all
}

// GroupVersion is v3's document of kinds of one group and version, of which those with Text have their
// models in models.
func GroupVersion(kinds []*kind.Kind, models map[string]*spec.Schema) (Document, error) {
	base, err := baseOf(kinds, refsV3)
	if err != nil {
		return Document{}, err
	}
	built, err := builder3.BuildOpenAPISpecFromRoutes([]common.RouteContainer{containerOf(rootOf(kinds[0])[1:], kinds)}, &common.OpenAPIV3Config{
		Info: info(), Definitions: withModels(base, kinds, models, refsV3),
		GetDefinitionName: extensions(named(kinds)), GetOperationIDAndTagsFromRoute: tagOf,
	})
	if err != nil {
		return Document{}, err
	}
	body, err := json.Marshal(built)
	if err != nil {
		return Document{}, err
	}
	encoded, err := handler3.ToV3ProtoBinary(body)
	return Document{body, encoded}, err
}

// baseOf are the definitions that kinds' documents need beside their own models.
func baseOf(kinds []*kind.Kind, refs string) (map[string]common.OpenAPIDefinition, error) {
	for _, k := range kinds {
		if k.Text == nil {
			return definitions(refs)
		}
	}
	if refs == refsV2 {
		return sharedV2()
	}
	return sharedV3()
}

// Part is what kinds with Text add to v2's document: the members of its paths and of its definitions, and
// the protobuf of a document with no more than these. Parameters, by name, are the same wherever they are.
type Part struct {
	Paths, Definitions, Protobuf []byte
	Parameters                   map[string]Document
}

// Add adds another part.
func (p *Part) Add(o *Part) {
	p.Paths, p.Definitions = joined(p.Paths, o.Paths), joined(p.Definitions, o.Definitions)
	p.Protobuf = append(p.Protobuf, o.Protobuf...)
	maps.Copy(p.Parameters, o.Parameters)
}

// joined are members of an object put together.
func joined(a, b []byte) []byte {
	if len(a) > 0 && len(b) > 0 {
		a = append(a, ',')
	}
	return append(a, b...)
}

// PartOf makes it. Documents in protobuf merge when they are put behind each other.
func PartOf(kinds []*kind.Kind, models map[string]*spec.Schema) (Part, error) {
	base, err := sharedV2()
	if err != nil {
		return Part{}, err
	}
	all := withModels(base, kinds, models, refsV2)
	built, err := builder.BuildOpenAPISpecFromRoutes([]common.RouteContainer{containerOf(rootOf(kinds[0])[1:], kinds)}, &common.Config{
		Info: info(), GetDefinitionName: extensions(named(kinds)), GetOperationIDAndTagsFromRoute: tagOf, ProtocolList: []string{"https"},
		GetDefinitions: func(common.ReferenceCallback) map[string]common.OpenAPIDefinition { return all },
	})
	if err != nil {
		return Part{}, err
	}
	for name := range base {
		delete(built.Definitions, name)
	}
	return encodePart(built)
}

func encodePart(built *spec.Swagger) (Part, error) {
	var p Part
	body, err := json.Marshal(built)
	if err != nil {
		return p, err
	}
	var encoded struct {
		Paths, Definitions json.RawMessage
		Parameters         map[string]json.RawMessage
	}
	if err := json.Unmarshal(body, &encoded); err != nil {
		return p, err
	}
	p.Paths, p.Definitions = members(encoded.Paths), members(encoded.Definitions)
	parsed, err := openapiv2.ParseDocument(body)
	if err != nil {
		return p, err
	}
	only := &openapiv2.Document{Paths: parsed.Paths, Definitions: parsed.Definitions}
	if p.Protobuf, err = (proto.MarshalOptions{Deterministic: true}).Marshal(only); err != nil {
		return p, err
	}
	p.Parameters, err = encodeParameters(encoded.Parameters, parsed)
	return p, err
}

func encodeParameters(texts map[string]json.RawMessage, parsed *openapiv2.Document) (map[string]Document, error) {
	out := map[string]Document{}
	for _, named := range parsed.GetParameters().GetAdditionalProperties() {
		only := &openapiv2.Document{Parameters: &openapiv2.ParameterDefinitions{AdditionalProperties: []*openapiv2.NamedParameter{named}}}
		encoded, err := proto.MarshalOptions{Deterministic: true}.Marshal(only)
		if err != nil {
			return nil, err
		}
		out[named.GetName()] = Document{texts[named.GetName()], encoded}
	}
	return out, nil
}

// members is an object's JSON without its braces.
func members(object []byte) []byte {
	return bytes.Clone(bytes.TrimSuffix(bytes.TrimPrefix(object, []byte("{")), []byte("}")))
}

// ModelsOf are the models of kinds with all that they refer to, by name, as OpenAPI v3 describes them: what their
// configurations are merged by.
func ModelsOf(kinds ...*kind.Kind) (map[string]*spec.Schema, error) {
	all, err := definitions(refsV3)
	if err != nil {
		return nil, err
	}
	names, out := extensions(named(kinds)), map[string]*spec.Schema{}
	var add func(name string)
	add = func(name string) {
		if _, done := out[name]; done {
			return
		}
		d := all[name]
		s := d.Schema
		if _, more := names(name); more != nil {
			s.Extensions = maps.Clone(s.Extensions)
			if s.Extensions == nil {
				s.Extensions = spec.Extensions{}
			}
			maps.Copy(s.Extensions, more)
		}
		out[name] = &s
		for _, other := range d.Dependencies {
			add(other)
		}
	}
	for _, k := range kinds {
		add(modelName(k.New()))
	}
	return out, nil
}
