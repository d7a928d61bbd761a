package openapi

import (
	"encoding/json"
	"testing"

	"k8s.io/client-go/openapi/openapitest"
	"k8s.io/kube-openapi/pkg/spec3"
)

// upstream is Kubernetes' document of core/v1, which client-go has for tests.
func upstream(t *testing.T) *spec3.OpenAPI {
	t.Helper()
	paths, err := openapitest.NewEmbeddedFileClient().Paths()
	if err != nil {
		t.Fatal(err)
	}
	body, err := paths["api/v1"].Schema("application/json")
	if err != nil {
		t.Fatal(err)
	}
	document := &spec3.OpenAPI{}
	if err := json.Unmarshal(body, document); err != nil {
		t.Fatal(err)
	}
	return document
}
