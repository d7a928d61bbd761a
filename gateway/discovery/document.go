package discovery

import (
	"crypto/sha512"
	"encoding/json"
	"fmt"
	"net/http"

	"k8s.io/apimachinery/pkg/runtime"
)

// document is one answer, encoded.
type document struct {
	json []byte
	// protobuf is nil where there is no such form, or has Kubernetes' prefix.
	protobuf []byte
	// aggregated forms by version ("v2"); nil for documents without.
	aggregated map[string]*tagged
}

// tagged is an aggregated form with its entity tag.
type tagged struct {
	body              []byte
	etag, contentType string
}

const contentProtobuf = "application/vnd.kubernetes.protobuf"

func (d *document) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	if d.aggregated != nil {
		h.Set("Vary", "Accept")
	}
	switch chosen := choose(r.Header.Get("Accept"), d); {
	case chosen.form == formNone:
		http.Error(w, "406: only application/json and "+contentProtobuf+" are served here", http.StatusNotAcceptable)
	case chosen.form == formProtobuf:
		write(w, contentProtobuf, d.protobuf)
	case chosen.aggregated != "":
		form := d.aggregated[chosen.aggregated]
		h.Set("ETag", form.etag)
		h.Set("Cache-Control", "public")
		if r.Header.Get("If-None-Match") == form.etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		write(w, form.contentType, form.body)
	default:
		write(w, "application/json", d.json)
	}
}

func write(w http.ResponseWriter, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	// The client may be gone: there is nobody to tell.
	_, _ = w.Write(body)
}

// encodable is an API type of discovery.
type encodable interface {
	runtime.Object
	Marshal() ([]byte, error)
}

// newDocument encodes obj, whose kind and version are set.
func newDocument(obj encodable) (*document, error) {
	body, err := json.Marshal(obj)
	if err != nil {
		return nil, err
	}
	raw, err := obj.Marshal()
	if err != nil {
		return nil, err
	}
	unknown := runtime.Unknown{Raw: raw}
	unknown.APIVersion, unknown.Kind = obj.GetObjectKind().GroupVersionKind().ToAPIVersionAndKind()
	enveloped, err := unknown.Marshal()
	if err != nil {
		return nil, err
	}
	return &document{json: body, protobuf: append([]byte("k8s\x00"), enveloped...)}, nil
}

// aggregate adds an aggregated form.
func (d *document) aggregate(version string, obj runtime.Object) error {
	body, err := json.Marshal(obj)
	if err != nil {
		return err
	}
	if d.aggregated == nil {
		d.aggregated = map[string]*tagged{}
	}
	d.aggregated[version] = &tagged{
		body: body, etag: fmt.Sprintf("%q", fmt.Sprintf("%X", sha512.Sum512(body))),
		contentType: "application/json;g=apidiscovery.k8s.io;v=" + version + ";as=APIGroupDiscoveryList",
	}
	return nil
}
