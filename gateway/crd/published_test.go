package crd_test

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/openapi3"
	clientrest "k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/cache"
	"k8s.io/kube-openapi/pkg/util/proto"
)

// TestDiscovery reads what there is, plainly and at once, before and after a definition.
func TestDiscovery(t *testing.T) {
	t.Parallel()
	d := open(t, t.TempDir())
	client := discovery.NewDiscoveryClientForConfigOrDie(d.config)
	find := func() *metav1.APIResource {
		_, lists, err := client.ServerGroupsAndResources()
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range lists {
			for _, r := range l.APIResources {
				if l.GroupVersion == "example.com/v1" && r.Name == "backups" {
					return &r
				}
			}
		}
		return nil
	}
	if find() != nil {
		t.Fatal("there before it is defined")
	}
	d.define(t, backups)
	r := find()
	if r == nil || r.Kind != "Backup" || r.SingularName != "backup" || !slices.Equal(r.ShortNames, []string{"bk"}) || !slices.Equal(r.Categories, []string{"all"}) || !r.Namespaced || len(r.Verbs) != 8 {
		t.Fatalf("discovered %+v", r)
	}
	plain, err := client.WithLegacy().ServerResourcesForGroupVersion("example.com/v1")
	if err != nil || len(plain.APIResources) != 3 || plain.APIResources[1].Name != "backups/scale" || plain.APIResources[1].Group != "autoscaling" {
		t.Errorf("plainly %+v, %v", plain, err)
	}
	groups, err := restmapper.GetAPIGroupResources(client)
	if err != nil {
		t.Fatal(err)
	}
	mapping, err := restmapper.NewShortcutExpander(restmapper.NewDiscoveryRESTMapper(groups), client, nil).KindFor(schema.GroupVersionResource{Resource: "bk"})
	if err != nil || mapping.Kind != "Backup" {
		t.Errorf("by its short name: %v, %v", mapping, err)
	}
	if err := d.crds.ApiextensionsV1().CustomResourceDefinitions().Delete(t.Context(), "backups.example.com", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	d.until(t, "backups.example.com", gone)
	if find() != nil {
		t.Error("there after it is gone")
	}
}

func TestOpenAPI(t *testing.T) {
	t.Parallel()
	d := open(t, t.TempDir())
	client := discovery.NewDiscoveryClientForConfigOrDie(d.config)
	before, err := client.OpenAPISchema()
	if err != nil {
		t.Fatal(err)
	}
	d.define(t, backups)
	root := openapi3.NewRoot(client.OpenAPIV3())
	document, err := root.GVSpec(schema.GroupVersion{Group: "example.com", Version: "v1"})
	if err != nil {
		t.Fatal(err)
	}
	model := document.Components.Schemas["com.example.v1.Backup"]
	if model == nil || model.Properties["spec"].Properties["copies"].Default != float64(1) || model.Properties["kind"].Description == "" {
		t.Fatalf("model %v", model)
	}
	for _, path := range []string{"/apis/example.com/v1/backups", "/apis/example.com/v1/namespaces/{namespace}/backups/{name}/status", "/apis/example.com/v1/namespaces/{namespace}/backups/{name}/scale"} {
		if document.Paths.Paths[path] == nil {
			t.Errorf("no path %s", path)
		}
	}
	after, err := client.OpenAPISchema()
	if err != nil {
		t.Fatal(err)
	}
	if n, m := len(before.Paths.Path), len(after.Paths.Path); m != n+5 {
		t.Errorf("%d paths after %d", m, n)
	}
	models, err := proto.NewOpenAPIData(after)
	if err != nil {
		t.Fatal(err)
	}
	v2, ok := models.LookupModel("com.example.v1.Backup").(*proto.Kind)
	if !ok || v2.Fields["spec"].(*proto.Kind).Fields["target"] == nil || v2.Fields["metadata"] == nil {
		t.Errorf("v2's model %v", v2)
	}
	if text := d.get(t, "/openapi/v2", "application/json"); !strings.Contains(text, `"com.example.v1.BackupList"`) || !strings.Contains(text, `"io.k8s.api.core.v1.Pod"`) {
		t.Error("v2 as JSON lacks models")
	}
}

func (d *door) get(t testing.TB, path, accept string) string {
	t.Helper()
	code, body := d.ask(t, path, accept)
	if code != http.StatusOK {
		t.Fatalf("%s: %d %s", path, code, body)
	}
	return body
}

// settle waits until the gateway serves by all definitions as they were changed.
func (d *door) settle(t testing.TB) { d.get(t, "/apis", "application/json") }

func (d *door) ask(t testing.TB, path, accept string) (int, string) {
	t.Helper()
	client, err := clientrest.HTTPClientFor(d.config)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.config.Host+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", accept)
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// TestShapes asks for tables, for metadata alone, and for what there is not.
func TestShapes(t *testing.T) {
	t.Parallel()
	d := open(t, t.TempDir())
	d.define(t, backups)
	objects := gvr("example.com", "v1", "backups")
	if _, err := d.dynamic.Resource(objects).Namespace("default").Create(t.Context(), backup(t, "a", "{target: db}"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	const path = "/apis/example.com/v1/namespaces/default/backups"
	table := d.get(t, path, "application/json;as=Table;v=v1;g=meta.k8s.io,application/json")
	if !strings.Contains(table, `"cells":["a","db",1,"`) || !strings.Contains(table, `"name":"Copies","type":"integer"`) || strings.Count(table, `"name":"Age"`) != 1 {
		t.Errorf("table %s", table)
	}
	if code, body := d.ask(t, path, "application/vnd.kubernetes.protobuf"); code != http.StatusNotAcceptable {
		t.Errorf("as protobuf: %d %s", code, body)
	}
	if text := d.get(t, path+"/a", "application/vnd.kubernetes.protobuf,application/json"); !strings.HasPrefix(text, `{"apiVersion":"example.com/v1","kind":"Backup","metadata":{"`) {
		t.Errorf("as protobuf or JSON: %s", text)
	}
	if text := d.get(t, path+"/a", "application/yaml"); !strings.Contains(text, "\n  target: db\n") {
		t.Errorf("as YAML: %s", text)
	}
	// client-go's metadata client asks for protobuf first.
	partial, err := metadata.NewForConfigOrDie(metadata.ConfigFor(d.config)).Resource(objects).Namespace("default").List(t.Context(), metav1.ListOptions{})
	if err != nil || len(partial.Items) != 1 || partial.Items[0].Name != "a" || partial.Items[0].UID == "" {
		t.Errorf("metadata %v, %v", partial, err)
	}
}

func TestInformer(t *testing.T) {
	t.Parallel()
	d := open(t, t.TempDir())
	d.define(t, backups)
	objects := gvr("example.com", "v1", "backups")
	factory := dynamicinformer.NewDynamicSharedInformerFactory(d.dynamic, time.Hour)
	informer := factory.ForResource(objects).Informer()
	seen := make(chan string, 16)
	tell := func(what string) func(any) {
		return func(o any) { seen <- what + " " + o.(metav1.Object).GetName() }
	}
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: tell("added"), DeleteFunc: tell("deleted"), UpdateFunc: func(_, o any) { tell("updated")(o) },
	})
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	defer func() { close(stop); factory.Shutdown() }()
	factory.Start(stop)
	if !cache.WaitForCacheSync(t.Context().Done(), informer.HasSynced) {
		t.Fatal("not synced")
	}
	client := d.dynamic.Resource(objects).Namespace("default")
	made, err := client.Create(t.Context(), backup(t, "a", "{target: db}"), metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	made.SetLabels(map[string]string{"a": "b"})
	if _, err := client.Update(t.Context(), made, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := client.DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "a=b"}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"added a", "updated a", "deleted a"} {
		if got := <-seen; got != want {
			t.Errorf("seen %q, want %q", got, want)
		}
	}
}
