package history

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"taffrail.dev/events/envelope"
	"taffrail.dev/events/journal"
	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
	eventv1 "taffrail.dev/proto/gen/event/v1"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// journalOf holds a deployment's creation and scaling, and a secret.
func journalOf(t *testing.T) *journal.Memory {
	t.Helper()
	m := journal.NewMemory(func() time.Time { return noon })
	deployment := &eventv1.ObjectRef{Group: "apps", Version: "v1", Kind: "Deployment", Resource: "deployments", Namespace: "shop", Name: "web"}
	secret := &eventv1.ObjectRef{Version: "v1", Kind: "Secret", Resource: "secrets", Namespace: "shop", Name: "key"}
	for i, e := range []*eventv1.Event{
		{Object: deployment, What: eventv1.What_CREATED, Verb: "create", Reason: "first"},
		{Object: secret, What: eventv1.What_CREATED, Verb: "create"},
		{Object: deployment, What: eventv1.What_SCALED, Verb: "patch", Subresource: "scale", Cause: 1, Correlation: 1},
	} {
		e.Id, e.Time = string(rune('a'+i)), noon.Add(time.Duration(i)*time.Minute).UnixNano()
		e.Actor = &eventv1.Actor{User: "ada"}
		e.Encoding, e.State = eventv1.Encoding_ENCODING_PROTOBUF, []byte{}
		data, err := envelope.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		record := journal.Record{Subject: envelope.Object(e).Subject(), Expect: journal.Any, Data: data}
		if _, err := m.Append(t.Context(), record); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func handler(t *testing.T) *Handler {
	m := journalOf(t)
	return &Handler{
		Kinds: []*kind.Kind{
			{GroupVersionKind: schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}, Resource: "deployments", ShortNames: []string{"deploy"}, Namespaced: true},
			{GroupVersionKind: schema.GroupVersionKind{Version: "v1", Kind: "Secret"}, Resource: "secrets", Namespaced: true},
		},
		Journal: func(subject.Stream) journal.Reader { return m },
		Visible: func(_ *http.Request, o Object) bool { return o.Resource != "secrets" },
		Now:     func() time.Time { return noon.Add(3 * time.Minute) },
	}
}

func ask(t *testing.T, query url.Values) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, Path+"?"+query.Encode(), nil)
	handler(t).ServeHTTP(w, r)
	text, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, string(text)
}

func TestLog(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		query url.Values
		want  []string
	}{
		"all that the user may see": {url.Values{}, []string{"Created", "Scaled"}},
		"one object by short name":  {url.Values{"resource": {"deploy"}, "namespace": {"shop"}, "name": {"web"}}, []string{"Created", "Scaled"}},
		"qualified by group":        {url.Values{"resource": {"deployments.apps"}}, []string{"Created", "Scaled"}},
		"a namespace":               {url.Values{"namespace": {"shop"}}, []string{"Created", "Scaled"}},
		"another namespace":         {url.Values{"namespace": {"default"}}, nil},
		"since a while ago":         {url.Values{"since": {"2m"}}, []string{"Scaled"}},
		"hidden objects":            {url.Values{"resource": {"secret"}, "namespace": {"shop"}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, text := ask(t, c.query)
			var got []string
			for line := range strings.Lines(text) {
				var change Change
				if err := json.Unmarshal([]byte(line), &change); err != nil {
					t.Fatal(err)
				}
				got = append(got, change.What)
			}
			if code != http.StatusOK || strings.Join(got, " ") != strings.Join(c.want, " ") {
				t.Errorf("%d %v, want %v", code, got, c.want)
			}
		})
	}
}

func TestBadQueries(t *testing.T) {
	t.Parallel()
	for want, query := range map[string]url.Values{
		"doesn't have a resource type": {"resource": {"nonsense"}},
		"name a resource too":          {"name": {"web"}},
		"want a duration":              {"since": {"yesterday"}},
	} {
		if code, text := ask(t, query); code != http.StatusBadRequest || !strings.Contains(text, want) {
			t.Errorf("%v: %d %q, want 400 and %q", query, code, text, want)
		}
	}
}
