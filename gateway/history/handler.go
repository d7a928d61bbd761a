package history

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"taffrail.dev/events/journal"
	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
)

// Path is where the log is served: one JSON object a line, oldest first.
const Path = "/history/log"

// Handler serves the log. Query parameters, all optional: resource ("deployments", a short name, a kind, or
// "deployments.apps"), namespace, name, since (RFC 3339, or a duration back from now: 10m), follow.
type Handler struct {
	Kinds []*kind.Kind
	// Custom are kinds beside these that come and go; nil for none.
	Custom  func() []*kind.Kind
	Journal func(subject.Stream) journal.Reader
	// Visible says whether the request's user may get the object.
	Visible func(r *http.Request, o Object) bool
	Now     func() time.Time
}

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q, err := h.query(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	lines, flush := json.NewEncoder(w), http.NewResponseController(w)
	err = Read(r.Context(), h.Journal(q.Stream), q, func(c *Change) error {
		if !h.Visible(r, c.Object) {
			return nil
		}
		if err := lines.Encode(c); err != nil || !q.Follow {
			return err
		}
		return flush.Flush()
	})
	if err != nil && r.Context().Err() == nil {
		// The head is out: break the body off, so that no one takes it for whole.
		panic(http.ErrAbortHandler)
	}
}

func (h *Handler) query(r *http.Request) (Query, error) {
	values := r.URL.Query()
	q := Query{Stream: subject.State, Follow: values.Get("follow") == "true"}
	var err error
	if q.Since, err = h.since(values.Get("since")); err != nil {
		return q, err
	}
	name, namespace := values.Get("name"), values.Get("namespace")
	asked := values.Get("resource")
	if asked == "" {
		if name != "" {
			return q, fmt.Errorf("name %q: name a resource too", name)
		}
		if namespace != "" {
			q.Filters = []string{q.Stream.FilterIn(namespace)}
		}
		return q, nil
	}
	k := Find(h.Kinds, asked)
	if k == nil && h.Custom != nil {
		k = Find(h.Custom(), asked)
	}
	if k == nil {
		return q, fmt.Errorf("resource %q: the server doesn't have a resource type %q", asked, asked)
	}
	if !k.Namespaced {
		namespace = ""
	}
	q.Stream = k.Stream()
	q.Filters = []string{filter(k.SubjectResource(), namespace, name)}
	return q, nil
}

func filter(r subject.Resource, namespace, name string) string {
	switch {
	case name != "":
		return subject.Object{Resource: r, Namespace: namespace, Name: name}.Subject()
	case namespace != "":
		return r.FilterIn(namespace)
	}
	return r.Filter()
}

func (h *Handler) since(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if back, err := time.ParseDuration(text); err == nil {
		return h.Now().Add(-back), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("since %q: want a duration like 10m or an RFC 3339 time", text)
	}
	return at, nil
}

// Find is the kind that a user means by a plural, singular, kind or short name,
// with or without its group; nil if there is none.
func Find(kinds []*kind.Kind, asked string) *kind.Kind {
	name, group, qualified := strings.Cut(strings.ToLower(asked), ".")
	for _, k := range kinds {
		if k.Internal || qualified && k.Group != group {
			continue
		}
		names := append([]string{k.Resource, k.Singular, strings.ToLower(k.Kind)}, k.ShortNames...)
		for _, n := range names {
			if n != "" && n == name {
				return k
			}
		}
	}
	return nil
}
