package openapi

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"

	"taffrail.dev/gateway/discovery/openapi/assembly"
	"taffrail.dev/gateway/kind"
)

// Custom describes kinds that come and go, as of one time.
type Custom interface {
	// Tags of the group versions that have such kinds, by "apis/example.com/v1"; Tag of all together. They
	// change when the kinds do, and are the same in every replica.
	Tags() map[string]string
	Tag() string
	// GroupVersion is the document of one of Tags' paths; own are the kinds there that never go.
	GroupVersion(path string, own []*kind.Kind) (assembly.Document, error)
	// Parts are what the kinds add to v2's document.
	Parts() ([]*assembly.Part, error)
}

// custom is a description with what was made of it.
type custom struct {
	describe func() Custom
	tags     func() map[string]string
	index    func() []byte
	v2       func() (*document, error)
}

// Describe changes the kinds that come and go: now is called when a document is next asked for. nil is for
// none.
func (s *Server) Describe(now func() Custom) {
	c := &custom{tags: func() map[string]string { return nil }}
	c.v2 = func() (*document, error) { return s.documents["v2"], nil }
	if now != nil {
		c.describe = sync.OnceValue(now)
		c.tags = sync.OnceValue(func() map[string]string { return c.describe().Tags() })
		c.v2 = sync.OnceValues(func() (*document, error) { return s.whole(c.describe(), len(c.tags())) })
	}
	c.index = sync.OnceValue(func() []byte {
		s.made.keep(c.tags())
		return s.makeIndex(c.tags())
	})
	s.custom.Store(c)
}

// find is a document by name; nil for none.
func (s *Server) find(name string) (*document, error) {
	c := s.custom.Load()
	if name == "v2" {
		return c.v2()
	}
	path := strings.TrimPrefix(name, "v3/")
	tag, ok := c.tags()[path]
	if !ok || path == name {
		return s.documents[name], nil
	}
	return s.made.get(path, tag, func() (*document, error) {
		built, err := c.describe().GroupVersion(path, own(path))
		if err != nil {
			return nil, err
		}
		return pack(tag, built)
	})
}

// own are the gateway's own kinds of a group version.
func own(path string) []*kind.Kind {
	return slices.DeleteFunc(assembly.Kinds(), func(k *kind.Kind) bool { return "apis/"+k.GroupVersion().String() != path })
}

// cache has the documents that were asked for, at most one a path.
type cache struct {
	mu   sync.Mutex // guards made; building under it keeps one from being built twice
	made map[string]*document
}

func (c *cache) get(path, tag string, build func() (*document, error)) (*document, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d := c.made[path]; d != nil && d.tag() == tag {
		return d, nil
	}
	d, err := build()
	if err != nil {
		return nil, err
	}
	if c.made == nil {
		c.made = map[string]*document{}
	}
	c.made[path] = d
	return d, nil
}

// keep forgets documents of paths that are no more.
func (c *cache) keep(tags map[string]string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.made, func(path string, _ *document) bool { _, ok := tags[path]; return !ok })
}

func pack(tag string, built assembly.Document) (*document, error) {
	d := &document{forms: map[string]*packed{}, tag: func() string { return tag }}
	for form, body := range map[string][]byte{FormJSON: built.JSON, FormProtobuf: built.Protobuf} {
		var out bytes.Buffer
		w, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(body); err != nil {
			return nil, err
		}
		if err := w.Close(); err != nil {
			return nil, err
		}
		d.forms[form] = &packed{body: out.Bytes()}
	}
	return d, nil
}

// whole is v2's document with what the kinds add to it.
func (s *Server) whole(c Custom, kinds int) (*document, error) {
	base := s.documents["v2"]
	if kinds == 0 {
		return base, nil
	}
	parts, err := c.Parts()
	if err != nil {
		return nil, err
	}
	own := map[string]json.RawMessage{}
	text, err := unpack(base.forms[FormJSON])
	if err == nil {
		err = json.Unmarshal(text, &own)
	}
	if err != nil {
		return nil, err
	}
	encoded, err := unpack(base.forms[FormProtobuf])
	if err != nil {
		return nil, err
	}
	parameters := map[string]json.RawMessage{}
	if err := json.Unmarshal(own["parameters"], &parameters); err != nil {
		return nil, err
	}
	paths, definitions := inner(own["paths"]), inner(own["definitions"])
	for _, p := range parts {
		paths, definitions = join(paths, p.Paths), join(definitions, p.Definitions)
		encoded = append(encoded, p.Protobuf...)
		for name, d := range p.Parameters {
			if _, known := parameters[name]; !known {
				parameters[name] = d.JSON
				encoded = append(encoded, d.Protobuf...)
			}
		}
	}
	own["paths"], own["definitions"] = outer(paths), outer(definitions)
	if own["parameters"], err = json.Marshal(parameters); err != nil {
		return nil, err
	}
	body, err := json.Marshal(own)
	if err != nil {
		return nil, err
	}
	return pack(base.tag()+c.Tag(), assembly.Document{JSON: body, Protobuf: encoded})
}

func unpack(p *packed) ([]byte, error) {
	r, err := p.open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// inner is an object's members, outer the object of such.
func inner(object []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimPrefix(object, []byte("{")), []byte("}"))
}

func outer(members []byte) []byte {
	return append(append(append(make([]byte, 0, len(members)+2), '{'), members...), '}')
}

func join(a, b []byte) []byte {
	if len(a) > 0 && len(b) > 0 {
		a = append(a, ',')
	}
	return append(a, b...)
}
