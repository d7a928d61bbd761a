package openapi

import (
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"
)

//go:embed zz_documents
var files embed.FS

// Endings of the documents' files, one for each encoding.
const (
	FormJSON     = ".json.gz"
	FormProtobuf = ".pb.gz"
)

// packed is a document in one encoding, compressed: in the program and not on the heap, or, of kinds that come
// and go, in body.
type packed struct {
	file string
	body []byte
}

// bytes is the document as it is; it must not be changed.
func (p *packed) bytes() []byte {
	if p.body != nil {
		return p.body
	}
	body, err := files.ReadFile(p.file)
	if err != nil {
		panic(err) // the file was there when the program was built
	}
	return body
}

func (p *packed) open() (io.ReadCloser, error) {
	if p.body != nil {
		return gzip.NewReader(bytes.NewReader(p.body))
	}
	file, err := files.Open(p.file)
	if err != nil {
		return nil, err
	}
	return gzip.NewReader(file)
}

// document is one document in all its encodings.
type document struct {
	forms map[string]*packed
	// tag names its content.
	tag func() string
}

// read finds the documents by name: "v2", "v3/apis/apps/v1".
func read() (map[string]*document, error) {
	entries, err := fs.ReadDir(files, "zz_documents")
	if err != nil {
		return nil, err
	}
	all := map[string]*document{}
	for _, entry := range entries {
		base, form, ok := cutForm(entry.Name())
		if !ok {
			return nil, fmt.Errorf("openapi: unexpected file %s", entry.Name())
		}
		name := strings.ReplaceAll(base, "__", "/")
		if all[name] == nil {
			all[name] = &document{forms: map[string]*packed{}}
		}
		all[name].forms[form] = &packed{file: "zz_documents/" + entry.Name()}
	}
	for _, d := range all {
		json := d.forms[FormJSON]
		if json == nil || d.forms[FormProtobuf] == nil {
			return nil, fmt.Errorf("openapi: a document lacks an encoding")
		}
		d.tag = sync.OnceValue(func() string { return fmt.Sprintf("%X", sha512.Sum512(json.bytes())) })
	}
	return all, nil
}

func cutForm(file string) (base, form string, ok bool) {
	for _, form := range []string{FormJSON, FormProtobuf} {
		if base, ok := strings.CutSuffix(file, form); ok {
			return base, form, true
		}
	}
	return "", "", false
}
