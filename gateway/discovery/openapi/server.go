package openapi

import (
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
)

// Server serves /openapi/v2, /openapi/v3 and what is below it. It is safe for concurrent use.
type Server struct {
	documents map[string]*document
	// custom is what is served now of kinds that come and go.
	custom atomic.Pointer[custom]
	made   cache
}

// New makes a Server of the documents that the program has in it.
func New() (*Server, error) {
	documents, err := read()
	s := &Server{documents: documents}
	s.Describe(nil)
	return s, err
}

// makeIndex lists v3's documents, each with a URL that changes when it does.
func (s *Server) makeIndex(tags map[string]string) []byte {
	type entry struct {
		URL string `json:"serverRelativeURL"`
	}
	paths := map[string]entry{}
	for name, d := range s.documents {
		if path, ok := strings.CutPrefix(name, "v3/"); ok {
			paths[path] = entry{"/openapi/v3/" + path + "?hash=" + d.tag()}
		}
	}
	for path, tag := range tags {
		paths[path] = entry{"/openapi/v3/" + path + "?hash=" + tag}
	}
	body, err := json.Marshal(map[string]any{"paths": paths})
	if err != nil {
		panic(err)
	}
	return body
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "Method Not Allowed", http.StatusMethodNotAllowed)
		return
	}
	name := strings.Trim(strings.TrimPrefix(r.URL.Path, "/openapi/"), "/")
	if name == "v3" {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(s.custom.Load().index())
		return
	}
	d, err := s.find(name)
	if err != nil {
		http.Error(w, "Internal Server Error: "+err.Error(), http.StatusInternalServerError)
		return
	}
	if d == nil {
		http.NotFound(w, r)
		return
	}
	d.serve(w, r, name)
}

func (d *document) serve(w http.ResponseWriter, r *http.Request, name string) {
	form, contentType, ok := negotiate(r.Header.Get("Accept"), name)
	if !ok {
		http.Error(w, "406: an OpenAPI document is application/json or protobuf", http.StatusNotAcceptable)
		return
	}
	h := w.Header()
	etag := strconv.Quote(d.tag())
	h.Set("Vary", "Accept, Accept-Encoding")
	h.Set("ETag", etag)
	if hash := r.URL.Query().Get("hash"); hash != "" {
		if hash != d.tag() {
			http.Redirect(w, r, r.URL.Path+"?hash="+d.tag(), http.StatusMovedPermanently)
			return
		}
		h.Set("Cache-Control", "public, immutable, max-age=31536000")
	}
	if match := r.Header.Get("If-None-Match"); match != "" && strings.Contains(match, d.tag()) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", contentType)
	d.forms[form].send(w, r)
}

// send writes a document, compressed as it is if the client takes that.
func (p *packed) send(w http.ResponseWriter, r *http.Request) {
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
		body := p.bytes()
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body)
		return
	}
	plain, err := p.open()
	if err != nil {
		http.Error(w, "Internal Server Error", http.StatusInternalServerError)
		return
	}
	defer plain.Close()
	// The client may be gone: there is nobody to tell.
	_, _ = io.Copy(w, plain)
}

// negotiate picks the encoding: the first type in accept that there is.
func negotiate(accept, name string) (form, contentType string, ok bool) {
	version, _, _ := strings.Cut(name, "/")
	base := "com.github.proto-openapi.spec." + version
	if strings.TrimSpace(accept) == "" {
		return FormJSON, "application/json", true
	}
	for part := range strings.SplitSeq(accept, ",") {
		media, _, err := mime.ParseMediaType(strings.TrimSpace(part))
		if err != nil {
			// Kubernetes' names for protobuf have an @, which is not allowed in one.
			media, _, _ = strings.Cut(strings.TrimSpace(part), ";")
		}
		switch media {
		case "application/json", "application/*", "*/*":
			return FormJSON, "application/json", true
		case "application/" + base + "@v1.0+protobuf", "application/" + base + ".v1.0+protobuf":
			return FormProtobuf, "application/" + base + ".v1.0+protobuf", true
		}
	}
	return "", "", false
}
