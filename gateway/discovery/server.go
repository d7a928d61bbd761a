package discovery

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

	apiversion "k8s.io/apimachinery/pkg/version"

	"taffrail.dev/gateway/kind"
)

// Config of a Server.
type Config struct {
	// Kinds served; internal ones are left out.
	Kinds []*kind.Kind
	// Custom are the kinds that come and go, asked for after every Changed; nil for none.
	Custom func() []*kind.Kind
	// Fresh waits until Changed was called for every change that was acknowledged before; nil for none. What it
	// fails at is told as it was last.
	Fresh func(ctx context.Context)
	// Version is told at /version; the zero Version is DefaultVersion's.
	Version apiversion.Info
	// Address is the gateway's host:port as clients reach it, for /api.
	Address string
	// Live and Ready are asked at /livez and /readyz; /healthz asks Live's.
	Live, Ready []Check
	// OpenAPI serves the paths below /openapi/; nil serves none.
	OpenAPI http.Handler
	// Others are handlers by path: "/metrics", "/openid/v1/jwks". A path ending in "/" is served with all below.
	Others map[string]http.Handler
}

// Server serves every path that is not a resource's. It is safe for concurrent use.
type Server struct {
	config Config
	// documents are those that never change, told those of the kinds as of now.
	documents map[string]*document
	told      atomic.Pointer[told]
	others    map[string]http.Handler
	prefixes  []string
}

// New makes a Server of what there is to discover. The kinds' documents are encoded once, here.
func New(c Config) (*Server, error) {
	if len(c.Kinds) == 0 {
		return nil, errors.New("discovery: no kinds")
	}
	if c.Version.GitVersion == "" {
		c.Version = DefaultVersion()
	}
	s := &Server{config: c, documents: map[string]*document{}, others: map[string]http.Handler{}}
	body, err := json.MarshalIndent(c.Version, "", "  ")
	if err != nil {
		return nil, err
	}
	s.documents["/version"] = &document{json: body}
	s.documents["/version/"] = s.documents["/version"]
	s.serve("/livez", healthHandler("livez", c.Live))
	s.serve("/healthz", healthHandler("healthz", c.Live))
	s.serve("/readyz", healthHandler("readyz", c.Ready))
	if c.OpenAPI != nil {
		s.serve("/openapi/", c.OpenAPI)
	}
	for path, handler := range c.Others {
		s.serve(path, handler)
	}
	s.Changed()
	_, err = s.told.Load().document("/")
	return s, err
}

// Changed has the kinds that come and go asked for again.
func (s *Server) Changed() { s.told.Store(s.tell()) }

// serve registers a handler; health checks have paths below their own.
func (s *Server) serve(path string, h http.Handler) {
	s.others[path] = h
	if strings.HasSuffix(path, "/") {
		s.prefixes = append(s.prefixes, path)
	}
	if strings.HasSuffix(path, "z") {
		s.others[path+"/"] = h
		s.prefixes = append(s.prefixes, path+"/")
	}
}

// listPaths makes the answer at "/".
func (s *Server) listPaths(kinds map[string]func() (*document, error)) (*document, error) {
	var paths []string
	for path := range kinds {
		paths = append(paths, path)
	}
	for path := range s.documents {
		paths = append(paths, path)
	}
	for path := range s.others {
		paths = append(paths, strings.TrimSuffix(path, "/"))
	}
	slices.Sort(paths)
	body, err := json.MarshalIndent(map[string][]string{"paths": slices.Compact(paths)}, "", "  ")
	return &document{json: body}, err
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	if s.config.Fresh != nil && (strings.HasPrefix(path, "/api") || strings.HasPrefix(path, "/openapi/")) {
		s.config.Fresh(r.Context())
	}
	d, err := s.document(path)
	if err != nil {
		http.Error(w, "Internal Server Error: "+err.Error(), http.StatusInternalServerError)
		return
	}
	if d != nil {
		if !reads(r) {
			refuseMethod(w)
			return
		}
		d.ServeHTTP(w, r)
		return
	}
	if h, ok := s.others[path]; ok {
		h.ServeHTTP(w, r)
		return
	}
	for _, prefix := range s.prefixes {
		if strings.HasPrefix(path, prefix) {
			s.others[prefix].ServeHTTP(w, r)
			return
		}
	}
	http.NotFound(w, r)
}

// document finds a document, with or without a trailing slash; nil for none.
func (s *Server) document(path string) (*document, error) {
	for _, p := range []string{path, strings.TrimSuffix(path, "/")} {
		if d, ok := s.documents[p]; ok {
			return d, nil
		}
		if d, err := s.told.Load().document(p); d != nil || err != nil {
			return d, err
		}
	}
	return nil, nil
}

func reads(r *http.Request) bool { return r.Method == http.MethodGet || r.Method == http.MethodHead }

func refuseMethod(w http.ResponseWriter) {
	w.Header().Set("Allow", "GET, HEAD")
	http.Error(w, "Method Not Allowed", http.StatusMethodNotAllowed)
}
