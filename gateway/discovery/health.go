package discovery

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Check is one condition of being alive or ready.
type Check struct {
	// Name is a word of lower-case letters and dashes: it is in the path /readyz/NAME.
	Name string
	// Check's error says what is wrong, and by how much, to people.
	Check func(ctx context.Context) error
}

// healthTimeout bounds all checks of a request together.
const healthTimeout = 5 * time.Second

// healthHandler answers /NAME, /NAME?verbose, /NAME?exclude=CHECK and /NAME/CHECK.
func healthHandler(name string, checks []Check) http.Handler {
	ping := Check{Name: "ping", Check: func(context.Context) error { return nil }}
	checks = append([]Check{ping}, checks...)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !reads(r) {
			refuseMethod(w)
			return
		}
		h := w.Header()
		h.Set("Content-Type", "text/plain; charset=utf-8")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-cache, private")
		ctx, cancel := context.WithTimeout(r.Context(), healthTimeout)
		defer cancel()
		if one := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/"+name), "/"); one != "" {
			serveCheck(ctx, w, r, checks, one)
			return
		}
		serveChecks(ctx, w, r, name, checks)
	})
}

func serveCheck(ctx context.Context, w http.ResponseWriter, r *http.Request, checks []Check, name string) {
	at := slices.IndexFunc(checks, func(c Check) bool { return c.Name == name })
	if at < 0 {
		http.NotFound(w, r)
		return
	}
	if err := checks[at].Check(ctx); err != nil {
		http.Error(w, fmt.Sprintf("internal server error: %v", err), http.StatusInternalServerError)
		return
	}
	_, _ = w.Write([]byte("ok"))
}

func serveChecks(ctx context.Context, w http.ResponseWriter, r *http.Request, name string, checks []Check) {
	query := r.URL.Query()
	excluded := query["exclude"]
	failures := make([]error, len(checks))
	var wg sync.WaitGroup
	for i, c := range checks {
		if !slices.Contains(excluded, c.Name) {
			wg.Go(func() { failures[i] = c.Check(ctx) })
		}
	}
	wg.Wait()
	var out bytes.Buffer
	failed := false
	for i, c := range checks {
		switch {
		case slices.Contains(excluded, c.Name):
			fmt.Fprintf(&out, "[+]%s excluded: ok\n", c.Name)
		case failures[i] != nil:
			failed = true
			fmt.Fprintf(&out, "[-]%s failed: %v\n", c.Name, failures[i])
		default:
			fmt.Fprintf(&out, "[+]%s ok\n", c.Name)
		}
	}
	if failed {
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprintf(&out, "%s check failed\n", name)
		_, _ = w.Write(out.Bytes())
		return
	}
	if !query.Has("verbose") {
		_, _ = w.Write([]byte("ok"))
		return
	}
	fmt.Fprintf(&out, "%s check passed\n", name)
	_, _ = w.Write(out.Bytes())
}
