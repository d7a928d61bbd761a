package crd_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

const routes = `
metadata: {name: routes.example.com}
spec:
  group: example.com
  scope: Cluster
  names: {plural: routes, kind: Route}
  conversion: CONVERSION
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {host: {type: string}, port: {type: integer}, weight: {type: integer, default: 7}}}}}}
  - name: v1beta1
    served: true
    storage: false
    deprecated: true
    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {address: {type: string}}}}}}
`

// conversion is a server that turns a Route's address into host and port, and back.
type conversion struct {
	*httptest.Server
	calls atomic.Int64
	fault atomic.Pointer[string]
}

func converting(t *testing.T, d *door) (*conversion, string) {
	t.Helper()
	c := &conversion{}
	c.Server = httptest.NewUnstartedServer(c)
	clients := x509.NewCertPool()
	clients.AppendCertsFromPEM(d.config.CAData)
	c.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients}
	c.StartTLS()
	t.Cleanup(c.Close)
	bundle := base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate().Raw}))
	return c, `{strategy: Webhook, webhook: {conversionReviewVersions: [v1], clientConfig: {url: "` + c.URL + `/convert", caBundle: ` + bundle + `}}}`
}

func (c *conversion) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.calls.Add(1)
	var review apiextensionsv1.ConversionReview
	if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	review.Response = &apiextensionsv1.ConversionResponse{UID: review.Request.UID, Result: metav1.Status{Status: metav1.StatusSuccess}}
	if fault := c.fault.Load(); fault != nil {
		review.Response.Result = metav1.Status{Status: metav1.StatusFailure, Message: *fault}
	}
	for _, raw := range review.Request.Objects {
		obj := map[string]any{}
		if err := json.Unmarshal(raw.Raw, &obj); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		turn(obj, review.Request.DesiredAPIVersion)
		body, _ := json.Marshal(obj)
		review.Response.ConvertedObjects = append(review.Response.ConvertedObjects, runtime.RawExtension{Raw: body})
	}
	review.Request = nil
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(&review)
}

func turn(obj map[string]any, to string) {
	spec, _ := obj["spec"].(map[string]any)
	obj["apiVersion"] = to
	obj["metadata"].(map[string]any)["labels"] = map[string]any{"was": "converted"}
	if spec == nil {
		return
	}
	if to == "example.com/v1" {
		host, port, _ := strings.Cut(spec["address"].(string), ":")
		obj["spec"] = map[string]any{"host": host, "port": json.Number(port)}
		return
	}
	port, _ := json.Marshal(spec["port"])
	obj["spec"] = map[string]any{"address": spec["host"].(string) + ":" + string(port)}
}

func TestWebhookConversion(t *testing.T) {
	t.Parallel()
	d := open(t, t.TempDir())
	hook, strategy := converting(t, d)
	d.define(t, strings.Replace(routes, "CONVERSION", strategy, 1))
	old := d.dynamic.Resource(gvr("example.com", "v1beta1", "routes"))
	now := d.dynamic.Resource(gvr("example.com", "v1", "routes"))
	w, err := old.Watch(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	made, err := old.Create(t.Context(), object(t, `{apiVersion: example.com/v1beta1, kind: Route, metadata: {name: a}, spec: {address: "web:80"}}`), metav1.CreateOptions{})
	if err != nil || made.Object["spec"].(map[string]any)["address"] != "web:80" {
		t.Fatalf("created %v, %v", made, err)
	}
	got, err := now.Get(t.Context(), "a", metav1.GetOptions{})
	if err != nil || got.Object["spec"].(map[string]any)["port"] != int64(80) || got.GetAPIVersion() != "example.com/v1" || got.GetLabels()["was"] != "converted" {
		t.Fatalf("as v1: %v, %v", got, err)
	}
	if seen := next(t, w, watch.Added); seen.GetAPIVersion() != "example.com/v1beta1" || seen.Object["spec"].(map[string]any)["address"] != "web:80" {
		t.Errorf("seen %v", seen.Object)
	}
	before := hook.calls.Load()
	if list, err := now.List(t.Context(), metav1.ListOptions{}); err != nil || len(list.Items) != 1 || hook.calls.Load() != before {
		t.Errorf("listed as stored with %d calls: %v, %v", hook.calls.Load()-before, list, err)
	}
	patched, err := old.Patch(t.Context(), "a", types.MergePatchType, []byte(`{"spec":{"address":"web:81"}}`), metav1.PatchOptions{})
	if err != nil || patched.Object["spec"].(map[string]any)["address"] != "web:81" || patched.GetGeneration() != 2 {
		t.Errorf("patched %v, %v", patched, err)
	}
	applied, err := old.Apply(t.Context(), "a", object(t, `{apiVersion: example.com/v1beta1, kind: Route, metadata: {name: a}, spec: {address: "web:82"}}`), metav1.ApplyOptions{FieldManager: "me", Force: true})
	if err != nil || applied.Object["spec"].(map[string]any)["address"] != "web:82" {
		t.Errorf("applied %v, %v", applied, err)
	}
	fault := "no luck today"
	hook.fault.Store(&fault)
	_, err = old.Create(t.Context(), object(t, `{apiVersion: example.com/v1beta1, kind: Route, metadata: {name: b}, spec: {address: "web:80"}}`), metav1.CreateOptions{})
	if !apierrors.IsInternalError(err) || !strings.Contains(err.Error(), "conversion webhook for example.com/v1beta1, Kind=Route failed: no luck today") {
		t.Errorf("a failing webhook: %v", err)
	}
}

// TestVersions changes what is stored: old objects are read by the new schema, and kept in the version that
// they were written in.
func TestVersions(t *testing.T) {
	t.Parallel()
	d := open(t, t.TempDir())
	crds := d.crds.ApiextensionsV1().CustomResourceDefinitions()
	d.define(t, strings.Replace(routes, "CONVERSION", "{strategy: None}", 1))
	now, old := d.dynamic.Resource(gvr("example.com", "v1", "routes")), d.dynamic.Resource(gvr("example.com", "v1beta1", "routes"))
	if _, err := now.Create(t.Context(), object(t, `{apiVersion: example.com/v1, kind: Route, metadata: {name: a}, spec: {host: h}}`), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if got, err := old.Get(t.Context(), "a", metav1.GetOptions{}); err != nil || got.GetAPIVersion() != "example.com/v1beta1" || got.Object["spec"].(map[string]any)["host"] != nil {
		t.Errorf("as v1beta1: %v, %v", got, err)
	}
	crd, err := crds.Get(t.Context(), "routes.example.com", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	two := crd.DeepCopy()
	for i := range two.Spec.Versions {
		two.Spec.Versions[i].Storage = !two.Spec.Versions[i].Storage
	}
	spec := two.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"]
	spec.Properties["path"] = apiextensionsv1.JSONSchemaProps{Type: "string", Default: &apiextensionsv1.JSON{Raw: []byte(`"/"`)}}
	delete(spec.Properties, "host")
	if two, err = crds.Update(t.Context(), two, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	d.settle(t)
	if got := two.Status.StoredVersions; len(got) != 2 || two.Generation != 2 {
		t.Errorf("stored versions %v, generation %d", got, two.Generation)
	}
	got, err := now.Get(t.Context(), "a", metav1.GetOptions{})
	if s, _ := got.Object["spec"].(map[string]any); err != nil || s["path"] != "/" || s["host"] != nil {
		t.Errorf("by the new schema: %v, %v", got, err)
	}
	list, err := now.List(t.Context(), metav1.ListOptions{})
	if err != nil || len(list.Items) != 1 || list.Items[0].Object["spec"].(map[string]any)["path"] != "/" {
		t.Errorf("listed by the new schema: %v, %v", list, err)
	}
	// A write that changes nothing else moves the object to the stored version.
	moved, err := now.Update(t.Context(), got, metav1.UpdateOptions{})
	if err != nil || moved.GetResourceVersion() == got.GetResourceVersion() {
		t.Errorf("moved: %v, %v", moved, err)
	}
	removeVersion(t, d)
}

func removeVersion(t *testing.T, d *door) {
	t.Helper()
	crds := d.crds.ApiextensionsV1().CustomResourceDefinitions()
	_, err := crds.Patch(t.Context(), "routes.example.com", types.JSONPatchType, []byte(`[{"op":"remove","path":"/spec/versions/0"}]`), metav1.PatchOptions{})
	if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), `status.storedVersions[0]: Invalid value: "v1": missing from spec.versions; v1 was previously a storage version`) {
		t.Errorf("a version that is stored was removed: %v", err)
	}
	if _, err := crds.Patch(t.Context(), "routes.example.com", types.MergePatchType, []byte(`{"status":{"storedVersions":["v1beta1"]}}`), metav1.PatchOptions{}, "status"); err != nil {
		t.Fatal(err)
	}
	if _, err := crds.Patch(t.Context(), "routes.example.com", types.JSONPatchType, []byte(`[{"op":"remove","path":"/spec/versions/0"}]`), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	d.settle(t)
	_, err = d.dynamic.Resource(gvr("example.com", "v1", "routes")).List(t.Context(), metav1.ListOptions{})
	if !apierrors.IsNotFound(err) {
		t.Errorf("a removed version: %v", err)
	}
	var one *unstructured.Unstructured
	if one, err = d.dynamic.Resource(gvr("example.com", "v1beta1", "routes")).Get(t.Context(), "a", metav1.GetOptions{}); err != nil {
		t.Errorf("the other version: %v, %v", one, err)
	}
}
