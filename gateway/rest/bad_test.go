package rest_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

func (w *world) raw(t *testing.T, method, path, contentType, accept, body string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, w.HTTP.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("Accept", accept)
	answer, err := w.HTTP.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(text)
}

func TestBadInputIsExplained(t *testing.T) {
	t.Parallel()
	w := serve(t)
	const maps = "/api/v1/namespaces/ns/configmaps"
	ok := `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"%"}}`
	for _, c := range []struct {
		name, method, path, contentType, body string
		code                                  int
		text                                  string
	}{
		{"malformed JSON", "POST", maps, asJSON, `{"kind":`, 400, "couldn't get version/kind; json parse error"},
		{"malformed YAML", "POST", maps, "application/yaml", "a: [", 400, "unrecognized"},
		{"nothing", "POST", maps, asJSON, `{}`, 422, "name or generateName is required"},
		{"another kind", "POST", maps, asJSON, `{"kind":"Pod","apiVersion":"v1"}`, 400, "Pod in version"},
		{"unknown field", "POST", maps + "?fieldValidation=Strict", asJSON, `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a"},"dat":{}}`, 400, `strict decoding error: unknown field \"dat\"`},
		{"doubled field", "POST", maps + "?fieldValidation=Strict", asJSON, `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a","name":"a"}}`, 400, `duplicate field \"metadata.name\"`},
		{"wrong type", "POST", maps, asJSON, `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":1}}`, 400, "cannot be handled as a ConfigMap"},
		{"long name", "POST", maps, asJSON, strings.Replace(ok, "%", strings.Repeat("a", 300), 1), 422, "must be no more than 253"},
		{"bad name", "POST", maps, asJSON, strings.Replace(ok, "%", "A_", 1), 422, "lowercase RFC 1123 subdomain"},
		{"no name", "POST", maps, asJSON, strings.Replace(ok, "%", "", 1), 422, "name or generateName is required"},
		{"oversize", "POST", maps, asJSON, strings.Repeat(" ", 3<<20+1), 413, "Request entity too large: limit is 3145728"},
		{"format", "POST", maps, "text/plain", "x", 415, "unknown format"},
		{"another namespace", "POST", maps, asJSON, `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a","namespace":"b"}}`, 400, "does not match the namespace sent on the request"},
		{"unknown resource", "GET", "/api/v1/namespaces/ns/whats", asJSON, "", 404, "could not find the requested resource"},
		{"unknown method", "PUT", maps, asJSON, "{}", 405, "is not supported on resources of kind"},
		{"cut protobuf", "POST", maps, asProtobuf, "k8s\x00\x0a\xff", 400, "unrecognized"},
		{"bad dry run", "POST", maps + "?dryRun=Some", asJSON, strings.Replace(ok, "%", "a", 1), 422, "dryRun"},
		{"bad version", "GET", maps + "?resourceVersion=x", asJSON, "", 422, "resourceVersion"},
		{"future version", "GET", maps + "?resourceVersion=999999", asJSON, "", 504, "Too large resource version"},
	} {
		answer, text := w.raw(t, c.method, c.path, c.contentType, asJSON, c.body)
		if answer.StatusCode != c.code || !strings.Contains(text, c.text) {
			t.Errorf("%s: %d %s", c.name, answer.StatusCode, text)
		}
		var status struct{ Kind, Status string }
		if err := json.Unmarshal([]byte(text), &status); err != nil || status.Kind != "Status" || status.Status != "Failure" {
			t.Errorf("%s: no Status: %v %s", c.name, err, text)
		}
	}
}

func TestFormats(t *testing.T) {
	t.Parallel()
	w := serve(t)
	const maps = "/api/v1/namespaces/ns/configmaps"
	answer, _ := w.raw(t, "POST", maps, "application/yaml", asJSON, "kind: ConfigMap\napiVersion: v1\nmetadata: {name: a}\ndata: {k: v}\nwhat: 1\n")
	if answer.StatusCode != 201 || answer.Header.Get("Warning") != `299 - "unknown field \"what\""` {
		t.Fatalf("%d %q", answer.StatusCode, answer.Header)
	}
	const table = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
	for _, c := range []struct{ path, accept, contentType, text string }{
		{"/a", "application/yaml", "application/yaml", "data:\n  k: v\nkind: ConfigMap"},
		{"", table, asJSON, `"cells":["a",1,"`},
		{"/a", table, asJSON, `"object":{"kind":"PartialObjectMetadata"`},
		{"?includeObject=None", table, asJSON, `"object":null`},
		{"", "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io", asJSON, `"kind":"PartialObjectMetadataList"`},
		{"/a", asProtobuf, asProtobuf, "k8s\x00\n\x0f\n\x02v1\x12\tConfigMap"},
		{"", asProtobuf, asProtobuf, "ConfigMapList"},
		{"?pretty=true", asJSON, asJSON, "\n  \"items\": [\n"},
	} {
		answer, text := w.raw(t, "GET", maps+c.path, "", c.accept, "")
		if answer.StatusCode != 200 || answer.Header.Get("Content-Type") != c.contentType || !strings.Contains(text, c.text) {
			t.Errorf("%s %s: %d %s", c.path, c.accept, answer.StatusCode, text)
		}
	}
	if answer, _ := w.raw(t, "GET", maps, "", "text/html", ""); answer.StatusCode != 406 {
		t.Errorf("text/html: %d", answer.StatusCode)
	}
	if _, text := w.raw(t, "GET", maps, "", asProtobuf, ""); !bytes.HasSuffix([]byte(text), []byte("\x1a\x00\x22\x00")) {
		t.Error("a list without its end")
	}
}
