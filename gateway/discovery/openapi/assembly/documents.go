package assembly

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	openapiv2 "github.com/google/gnostic-models/openapiv2"
	"google.golang.org/protobuf/proto"
	"k8s.io/kube-openapi/pkg/builder"
	"k8s.io/kube-openapi/pkg/builder3"
	"k8s.io/kube-openapi/pkg/common"
	"k8s.io/kube-openapi/pkg/handler"
	"k8s.io/kube-openapi/pkg/handler3"
	"k8s.io/kube-openapi/pkg/validation/spec"

	"taffrail.dev/gateway/kind"
)

// Document is one OpenAPI document in both of its encodings.
type Document struct{ JSON, Protobuf []byte }

// Documents are those of kinds: "v2", and v3's by "v3/api/v1", "v3/apis/apps/v1".
func Documents(kinds []*kind.Kind) (map[string]Document, error) {
	names := extensions(named(kinds))
	by := groupVersions(kinds)
	all := map[string]Document{}
	var containers []common.RouteContainer
	for _, root := range slices.Sorted(maps.Keys(by)) {
		c := containerOf(root, by[root])
		containers = append(containers, c)
		d, err := v3Document(c, names)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", root, err)
		}
		all["v3/"+root] = d
	}
	d, err := v2Document(containers, names)
	if err != nil {
		return nil, fmt.Errorf("v2: %w", err)
	}
	all["v2"] = d
	return all, nil
}

func info() *spec.Info {
	return &spec.Info{InfoProps: spec.InfoProps{Title: "Kubernetes", Version: "v1.37.2"}}
}

// tagOf is an operation's name and tags: "core_v1".
func tagOf(r common.Route) (string, []string, error) {
	parts := strings.Split(strings.TrimPrefix(r.Path(), "/"), "/")
	group, version := "core", parts[1]
	if parts[0] == "apis" {
		group, version = strings.Split(parts[1], ".")[0], parts[2]
	}
	return r.OperationName(), []string{group + "_" + version}, nil
}

func v3Document(c *container, names func(string) (string, spec.Extensions)) (Document, error) {
	all, err := definitions(refsV3)
	if err != nil {
		return Document{}, err
	}
	built, err := builder3.BuildOpenAPISpecFromRoutes([]common.RouteContainer{c}, &common.OpenAPIV3Config{
		Info: info(), Definitions: all, GetDefinitionName: names, GetOperationIDAndTagsFromRoute: tagOf,
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

func v2Document(containers []common.RouteContainer, names func(string) (string, spec.Extensions)) (Document, error) {
	all, err := definitions(refsV2)
	if err != nil {
		return Document{}, err
	}
	built, err := builder.BuildOpenAPISpecFromRoutes(containers, &common.Config{
		Info: info(), GetDefinitionName: names, GetOperationIDAndTagsFromRoute: tagOf, ProtocolList: []string{"https"},
		GetDefinitions: func(common.ReferenceCallback) map[string]common.OpenAPIDefinition { return all },
	})
	if err != nil {
		return Document{}, err
	}
	built.Definitions = handler.PruneDefaults(built.Definitions)
	body, err := json.Marshal(built)
	if err != nil {
		return Document{}, err
	}
	parsed, err := openapiv2.ParseDocument(body)
	if err != nil {
		return Document{}, err
	}
	encoded, err := proto.MarshalOptions{Deterministic: true}.Marshal(parsed)
	return Document{body, encoded}, err
}
