package openapi

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/openapi3"
	"k8s.io/client-go/rest"
	"k8s.io/kube-openapi/pkg/spec3"
	"k8s.io/kube-openapi/pkg/util/proto"
	"k8s.io/kube-openapi/pkg/validation/spec"
)

func served(t *testing.T) (*httptest.Server, *discovery.DiscoveryClient) {
	t.Helper()
	s, err := New()
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(s)
	t.Cleanup(front.Close)
	client, err := discovery.NewDiscoveryClientForConfig(&rest.Config{Host: front.URL})
	if err != nil {
		t.Fatal(err)
	}
	return front, client
}

// TestV2 is read as kubectl reads it: protobuf, then its models.
func TestV2(t *testing.T) {
	t.Parallel()
	_, client := served(t)
	document, err := client.OpenAPISchema()
	if err != nil {
		t.Fatal(err)
	}
	models, err := proto.NewOpenAPIData(document)
	if err != nil {
		t.Fatal(err)
	}
	deployment, ok := models.LookupModel("io.k8s.api.apps.v1.Deployment").(*proto.Kind)
	if !ok {
		t.Fatal("no model of a Deployment")
	}
	gvk := deployment.GetExtensions()["x-kubernetes-group-version-kind"].([]any)[0].(map[any]any)
	if gvk["kind"] != "Deployment" || gvk["group"] != "apps" || gvk["version"] != "v1" {
		t.Errorf("a Deployment is %v", gvk)
	}
	podSpec := models.LookupModel("io.k8s.api.core.v1.PodSpec").(*proto.Kind)
	extensions := podSpec.Fields["containers"].GetExtensions()
	for key, want := range map[string]string{"x-kubernetes-patch-merge-key": "name", "x-kubernetes-patch-strategy": "merge", "x-kubernetes-list-type": "map"} {
		if extensions[key] != want {
			t.Errorf("containers' %s is %v, want %s", key, extensions[key], want)
		}
	}
	if !strings.Contains(podSpec.Fields["containers"].GetDescription(), "List of containers belonging to the pod") {
		t.Error("containers are not described")
	}
}

// TestV3 is read as kubectl explain and kubectl's dry-run check read it.
func TestV3(t *testing.T) {
	t.Parallel()
	_, client := served(t)
	root := openapi3.NewRoot(client.OpenAPIV3())
	versions, err := root.GroupVersions()
	if err != nil {
		t.Fatal(err)
	}
	for _, gv := range versions {
		document, err := root.GVSpec(gv)
		if err != nil {
			t.Fatalf("%s: %v", gv, err)
		}
		everyReferenceResolves(t, document)
	}
	apps, err := root.GVSpec(schema.GroupVersion{Group: "apps", Version: "v1"})
	if err != nil {
		t.Fatal(err)
	}
	path := apps.Paths.Paths["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]
	if path == nil || path.Patch == nil {
		t.Fatal("no patch of a deployment")
	}
	have := map[string]bool{}
	for _, p := range path.Patch.Parameters {
		have[p.Name] = true
	}
	for _, want := range []string{"dryRun", "fieldManager", "fieldValidation", "force"} {
		if !have[want] {
			t.Errorf("patch has no parameter %s", want)
		}
	}
	gvk, _ := path.Patch.Extensions["x-kubernetes-group-version-kind"].(map[string]any)
	if path.Patch.Extensions["x-kubernetes-action"] != "patch" || gvk["kind"] != "Deployment" {
		t.Errorf("patch is %v", path.Patch.Extensions)
	}
	if apps.Paths.Paths["/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale"].Get == nil {
		t.Error("no scale")
	}
	quantity := apps.Components.Schemas["io.k8s.apimachinery.pkg.api.resource.Quantity"]
	port := apps.Components.Schemas["io.k8s.apimachinery.pkg.util.intstr.IntOrString"]
	moment := apps.Components.Schemas["io.k8s.apimachinery.pkg.apis.meta.v1.Time"]
	if len(quantity.OneOf) != 2 || port.Format != "int-or-string" || moment.Format != "date-time" {
		t.Errorf("a quantity is %v, int-or-string %q, a time %q", quantity.OneOf, port.Format, moment.Format)
	}
}

func everyReferenceResolves(t *testing.T, document *spec3.OpenAPI) {
	t.Helper()
	body, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	for i, part := range strings.Split(string(body), `"#/components/schemas/`) {
		name, _, _ := strings.Cut(part, `"`)
		if _, ok := document.Components.Schemas[name]; i > 0 && !ok {
			t.Errorf("%s is not defined", name)
		}
	}
}

// TestDescribedAsByKubernetes compares with a document of Kubernetes' own: what both have must be merged in the
// same way.
func TestDescribedAsByKubernetes(t *testing.T) {
	t.Parallel()
	_, client := served(t)
	root := openapi3.NewRoot(client.OpenAPIV3())
	ours, err := root.GVSpec(schema.GroupVersion{Version: "v1"})
	if err != nil {
		t.Fatal(err)
	}
	theirs := upstream(t)
	models, fields := 0, 0
	for name, want := range theirs.Components.Schemas {
		have := ours.Components.Schemas[name]
		if have == nil {
			continue
		}
		models++
		for field, property := range want.Properties {
			mine, ok := have.Properties[field]
			// That document is of a release whose label selectors had a merge key by mistake.
			if !ok || strings.HasSuffix(name, ".LabelSelectorRequirement") {
				continue
			}
			fields++
			sameMerging(t, name+"."+field, &mine, &property)
		}
	}
	if models < 150 || fields < 700 {
		t.Errorf("compared %d models and %d fields only", models, fields)
	}
}

func sameMerging(t *testing.T, name string, have, want *spec.Schema) {
	t.Helper()
	if len(have.Type) > 0 && len(want.Type) > 0 && have.Type[0] != want.Type[0] || have.Format != want.Format {
		t.Errorf("%s is a %v %q, want %v %q", name, have.Type, have.Format, want.Type, want.Format)
	}
	for _, key := range []string{"x-kubernetes-patch-strategy", "x-kubernetes-patch-merge-key"} {
		if have.Extensions[key] != want.Extensions[key] {
			t.Errorf("%s: %s is %v, want %v", name, key, have.Extensions[key], want.Extensions[key])
		}
	}
}

func TestServing(t *testing.T) {
	t.Parallel()
	front, _ := served(t)
	index := get(t, front.URL+"/openapi/v3", "")
	var list struct {
		Paths map[string]struct{ ServerRelativeURL string } `json:"paths"`
	}
	if err := json.Unmarshal([]byte(index.body), &list); err != nil {
		t.Fatal(err)
	}
	url := front.URL + list.Paths["apis/apps/v1"].ServerRelativeURL
	first := get(t, url, "")
	if first.StatusCode != 200 || !strings.Contains(first.Header.Get("Cache-Control"), "immutable") || !strings.HasPrefix(first.body, `{"openapi":"3.0.0"`) {
		t.Errorf("%s: %d %v", url, first.StatusCode, first.Header)
	}
	if again := get(t, url, "", "If-None-Match", first.Header.Get("ETag")); again.StatusCode != 304 || again.body != "" {
		t.Errorf("unchanged: %d", again.StatusCode)
	}
	if moved := get(t, front.URL+"/openapi/v3/apis/apps/v1?hash=OLD", ""); moved.StatusCode != 301 || !strings.HasSuffix(url, moved.Header.Get("Location")) {
		t.Errorf("an old hash: %d %s", moved.StatusCode, moved.Header.Get("Location"))
	}
	if zipped := get(t, url, "", "Accept-Encoding", "gzip"); zipped.Header.Get("Content-Encoding") != "gzip" || len(zipped.body) >= len(first.body) {
		t.Errorf("compressed: %v", zipped.Header)
	}
	for accept, want := range map[string]string{
		"application/com.github.proto-openapi.spec.v3@v1.0+protobuf": "application/com.github.proto-openapi.spec.v3.v1.0+protobuf",
		"application/com.github.proto-openapi.spec.v3.v1.0+protobuf": "application/com.github.proto-openapi.spec.v3.v1.0+protobuf",
		"text/html, application/json;q=0.5":                          "application/json",
		"text/html":                                                  "text/plain; charset=utf-8",
	} {
		if got := get(t, url, accept).Header.Get("Content-Type"); got != want {
			t.Errorf("Accept %s: %s, want %s", accept, got, want)
		}
	}
	if r := get(t, front.URL+"/openapi/v3/apis/nothing/v1", ""); r.StatusCode != 404 {
		t.Errorf("no such version: %d", r.StatusCode)
	}
	if r, err := http.Post(url, "", nil); err != nil || r.StatusCode != 405 {
		t.Errorf("post: %v %v", r, err)
	}
}

type answer struct {
	*http.Response
	body string
}

func get(t *testing.T, url, accept string, header ...string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	// Otherwise the transport compresses behind our back.
	request.Header.Set("Accept-Encoding", "identity")
	if accept != "" {
		request.Header.Set("Accept", accept)
	}
	if len(header) == 2 {
		request.Header.Set(header[0], header[1])
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response, string(body)}
}
