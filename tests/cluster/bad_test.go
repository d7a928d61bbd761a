package cluster

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"taffrail.dev/tests/instance"
)

// Requests that make no sense, or too much of it, are refused with a Status, and the server goes on.
func TestBadRequests(t *testing.T) {
	t.Parallel()
	i := start(t, instance.Setup{Binary: binary(t), Data: dataDir(t)})
	client := httpClient(i)
	defer client.CloseIdleConnections()
	const asJSON, asYAML, asApply, asPatch = "application/json", "application/yaml", "application/apply-patch+yaml", "application/merge-patch+json"
	const depth = 1_400_000
	maps := i.URL + "/api/v1/namespaces/default/configmaps"
	head := `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a"},"data":`
	for _, c := range []struct {
		name, method, url, contentType, body string
		code                                 int
	}{
		{"oversize", http.MethodPost, maps, asJSON, strings.Repeat(" ", 3<<20+1), http.StatusRequestEntityTooLarge},
		{"much oversize", http.MethodPost, maps, asJSON, strings.Repeat(" ", 30<<20), http.StatusRequestEntityTooLarge},
		{"malformed JSON", http.MethodPost, maps, asJSON, `{"kind":`, http.StatusBadRequest},
		{"malformed YAML", http.MethodPost, maps, asYAML, "a: [", http.StatusBadRequest},
		{"deep JSON arrays", http.MethodPost, maps, asJSON, head + strings.Repeat("[", depth), http.StatusBadRequest},
		{"deep JSON objects", http.MethodPost, maps, asJSON, head + strings.Repeat(`{"a":`, depth/5), http.StatusBadRequest},
		{"deep unknown JSON", http.MethodPost, maps, asJSON, `{"x":` + strings.Repeat("[", depth) + strings.Repeat("]", depth) + "}", http.StatusBadRequest},
		{"deep YAML", http.MethodPost, maps, asYAML, "data: " + strings.Repeat("[", depth/10), http.StatusBadRequest},
		{"deep YAML to apply", http.MethodPatch, maps + "/a?fieldManager=m", asApply, "data: " + strings.Repeat("{a: ", depth/10), http.StatusBadRequest},
		{"aliases that multiply", http.MethodPost, maps, asYAML, laughs(), http.StatusBadRequest},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			code, text, err := send(t.Context(), client, c.method, c.url, c.contentType, c.body)
			var status struct{ Kind, Status, Message string }
			if err != nil || code != c.code || json.Unmarshal([]byte(text), &status) != nil || status.Kind != "Status" || status.Message == "" {
				t.Errorf("%v, %d %.300s", err, code, text)
			}
		})
	}
	t.Run("then", func(t *testing.T) { put(t, client, i.URL, "then", "good").want(t, http.StatusCreated, "then") })
}

// laughs is a small YAML whose aliases stand for billions of values.
func laughs() string {
	var b strings.Builder
	b.WriteString("a: &a [x,x,x,x,x,x,x,x,x]\n")
	for c := 'b'; c < 'l'; c++ {
		from := "*" + string(c-1)
		b.WriteString(string(c) + ": &" + string(c) + " [" + strings.Repeat(from+",", 8) + from + "]\n")
	}
	return b.String()
}
