package discovery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	apiversion "k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"

	"taffrail.dev/gateway/discovery/openapi/assembly"
	"taffrail.dev/gateway/kind"
)

func front(t *testing.T, c Config) *httptest.Server {
	t.Helper()
	c.Kinds = assembly.Kinds()
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return server
}

// TestClients reads all there is with client-go's client, in each of its ways.
func TestClients(t *testing.T) {
	t.Parallel()
	server := front(t, Config{Address: "10.0.0.1:6443"})
	kinds := map[schema.GroupVersionKind]*kind.Kind{}
	for _, k := range assembly.Kinds() {
		kinds[k.GroupVersionKind] = k
	}
	for name, change := range map[string]func(*rest.Config, *discovery.DiscoveryClient){
		"aggregated": func(*rest.Config, *discovery.DiscoveryClient) {},
		"plain":      func(_ *rest.Config, d *discovery.DiscoveryClient) { d.UseLegacyDiscovery = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := &rest.Config{Host: server.URL}
			client, err := discovery.NewDiscoveryClientForConfig(config)
			if err != nil {
				t.Fatal(err)
			}
			change(config, client)
			groups, lists, err := client.ServerGroupsAndResources()
			if err != nil {
				t.Fatal(err)
			}
			if groups[0].Name != "" || groups[0].PreferredVersion.Version != "v1" {
				t.Errorf("the first group is %q", groups[0].Name)
			}
			checkResources(t, lists, kinds)
			info, err := client.ServerVersion()
			if err != nil || info.GitVersion != "v1.37.2+taffrail" || info.Major != "1" || info.Minor != "37" {
				t.Errorf("%+v %v", info, err)
			}
		})
	}
}

func checkResources(t *testing.T, lists []*metav1.APIResourceList, kinds map[schema.GroupVersionKind]*kind.Kind) {
	t.Helper()
	found := map[schema.GroupVersionKind]bool{}
	subresources := map[string]string{}
	for _, list := range lists {
		gv, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range list.APIResources {
			if strings.Contains(r.Name, "/") {
				subresources[r.Name] = r.Kind
				continue
			}
			k := kinds[gv.WithKind(r.Kind)]
			if k == nil {
				t.Errorf("%s: no such kind", gv.WithKind(r.Kind))
				continue
			}
			found[k.GroupVersionKind] = true
			if r.Name != k.Resource || r.Namespaced != k.Namespaced || r.SingularName == "" || len(r.Verbs) == 0 || !slices.Equal(r.ShortNames, k.ShortNames) {
				t.Errorf("%s: %+v", k.Kind, r)
			}
		}
	}
	if len(found) != len(kinds) {
		t.Errorf("%d of %d kinds found", len(found), len(kinds))
	}
	for name, want := range map[string]string{
		"pods/exec": "PodExecOptions", "pods/log": "Pod", "pods/portforward": "PodPortForwardOptions", "pods/eviction": "Eviction", "pods/binding": "Binding",
		"deployments/scale": "Scale", "serviceaccounts/token": "TokenRequest", "nodes/proxy": "NodeProxyOptions", "services/proxy": "ServiceProxyOptions",
	} {
		if subresources[name] != want {
			t.Errorf("%s is a %q, want %s", name, subresources[name], want)
		}
	}
}

type reply struct {
	*http.Response
	body string
}

func ask(t *testing.T, method, url string, header ...string) reply {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
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
	return reply{response, string(body)}
}

func TestNegotiation(t *testing.T) {
	t.Parallel()
	server := front(t, Config{})
	const aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
	const beta = "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"
	for _, c := range []struct{ path, accept, contentType, kind string }{
		{"/apis", aggregated + "," + beta + ",application/json", aggregated, "APIGroupDiscoveryList"},
		{"/api", beta + ",application/json", beta, "APIGroupDiscoveryList"},
		{"/apis", "application/json;g=apidiscovery.k8s.io;v=v9;as=APIGroupDiscoveryList,application/json", "application/json", "APIGroupList"},
		{"/apis/", "", "application/json", "APIGroupList"},
		{"/api", "*/*", "application/json", "APIVersions"},
		{"/apis/apps", aggregated + ",application/json", "application/json", "APIGroup"},
		{"/apis/apps/v1", "text/html, application/json;q=0.1", "application/json", "APIResourceList"},
	} {
		r := ask(t, "GET", server.URL+c.path, "Accept", c.accept)
		var body struct{ Kind string }
		if err := json.Unmarshal([]byte(r.body), &body); err != nil || r.Header.Get("Content-Type") != c.contentType || body.Kind != c.kind {
			t.Errorf("%s, %s: %s %s %v", c.path, c.accept, r.Header.Get("Content-Type"), body.Kind, err)
		}
	}
	first := ask(t, "GET", server.URL+"/apis", "Accept", aggregated)
	etag := first.Header.Get("ETag")
	if again := ask(t, "GET", server.URL+"/apis", "Accept", aggregated, "If-None-Match", etag); etag == "" || again.StatusCode != 304 || again.body != "" {
		t.Errorf("unchanged: %d", again.StatusCode)
	}
	if r := ask(t, "GET", server.URL+"/apis", "Accept", "text/html"); r.StatusCode != 406 {
		t.Errorf("HTML: %d", r.StatusCode)
	}
	if r := ask(t, "POST", server.URL+"/apis"); r.StatusCode != 405 {
		t.Errorf("post: %d", r.StatusCode)
	}
	if r := ask(t, "GET", server.URL+"/apis/nothing/v1"); r.StatusCode != 404 {
		t.Errorf("no such group: %d", r.StatusCode)
	}
	r := ask(t, "GET", server.URL+"/api/v1", "Accept", "application/vnd.kubernetes.protobuf")
	obj, _, err := scheme.Codecs.UniversalDeserializer().Decode([]byte(r.body), nil, nil)
	if list, ok := obj.(*metav1.APIResourceList); err != nil || !ok || len(list.APIResources) < 10 {
		t.Errorf("protobuf: %T %v", obj, err)
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	lag := errors.New("scheduler is 12 events behind")
	server := front(t, Config{Ready: []Check{
		{Name: "journal", Check: func(context.Context) error { return nil }},
		{Name: "folds", Check: func(context.Context) error { return lag }},
	}, Live: []Check{{Name: "journal", Check: func(context.Context) error { return nil }}}})
	for _, c := range []struct {
		path string
		code int
		body string
	}{
		{"/livez", 200, "ok"},
		{"/healthz", 200, "ok"},
		{"/livez?verbose", 200, "[+]ping ok\n[+]journal ok\nlivez check passed\n"},
		{"/readyz", 500, "[+]ping ok\n[+]journal ok\n[-]folds failed: scheduler is 12 events behind\nreadyz check failed\n"},
		{"/readyz?exclude=folds", 200, "ok"},
		{"/readyz?exclude=folds&verbose", 200, "[+]ping ok\n[+]journal ok\n[+]folds excluded: ok\nreadyz check passed\n"},
		{"/readyz/journal", 200, "ok"},
		{"/readyz/folds", 500, "internal server error: scheduler is 12 events behind\n"},
		{"/readyz/nothing", 404, "404 page not found\n"},
	} {
		if r := ask(t, "GET", server.URL+c.path); r.StatusCode != c.code || r.body != c.body {
			t.Errorf("%s: %d %q, want %d %q", c.path, r.StatusCode, r.body, c.code, c.body)
		}
	}
}

func TestOthers(t *testing.T) {
	t.Parallel()
	say := func(what string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, what, " ", r.URL.Path) })
	}
	server := front(t, Config{
		Version: apiversion.Info{GitVersion: "v1.37.9"}, OpenAPI: say("openapi"), Others: map[string]http.Handler{"/metrics": say("metrics"), "/history/": say("history")},
	})
	for path, want := range map[string]string{
		"/metrics": "metrics /metrics", "/history/a/b": "history /history/a/b", "/openapi/v3/api/v1": "openapi /openapi/v3/api/v1", "/metrics/x": "404 page not found\n",
	} {
		if r := ask(t, "GET", server.URL+path); r.body != want {
			t.Errorf("%s: %q", path, r.body)
		}
	}
	var root struct{ Paths []string }
	if err := json.Unmarshal([]byte(ask(t, "GET", server.URL+"/").body), &root); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"/api", "/api/v1", "/apis", "/apis/apps", "/apis/apps/v1", "/livez", "/readyz", "/metrics", "/openapi", "/version"} {
		if !slices.Contains(root.Paths, want) {
			t.Errorf("/ does not list %s: %q", want, root.Paths)
		}
	}
	if r := ask(t, "GET", server.URL+"/version"); !strings.Contains(r.body, `"gitVersion": "v1.37.9"`) {
		t.Error(r.body)
	}
}
