package openapi

import (
	"bytes"
	"compress/gzip"
	"io"
	"maps"
	"slices"
	"testing"

	"taffrail.dev/gateway/discovery/openapi/assembly"
)

// TestDocumentsAreCurrent fails when kinds changed and the documents were not generated again.
func TestDocumentsAreCurrent(t *testing.T) {
	t.Parallel()
	want, err := assembly.Documents(assembly.Kinds())
	if err != nil {
		t.Fatal(err)
	}
	have, err := read()
	if err != nil {
		t.Fatal(err)
	}
	if a, b := slices.Sorted(maps.Keys(have)), slices.Sorted(maps.Keys(want)); !slices.Equal(a, b) {
		t.Errorf("documents %q, want %q: go generate ./discovery/openapi", a, b)
	}
	for name, d := range want {
		for form, body := range map[string][]byte{FormJSON: d.JSON, FormProtobuf: d.Protobuf} {
			if have[name] != nil && !bytes.Equal(unpacked(t, have[name].forms[form]), body) {
				t.Errorf("%s%s is not of these kinds: go generate ./discovery/openapi", name, form)
			}
		}
	}
}

func unpacked(t *testing.T, p *packed) []byte {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(p.bytes()))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return body
}
