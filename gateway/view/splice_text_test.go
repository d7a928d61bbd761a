package view

import (
	"bytes"
	"strconv"
	"testing"

	"taffrail.dev/gateway/kind"
)

// FuzzSpliceText puts a resourceVersion into any custom object and takes it out again.
func FuzzSpliceText(f *testing.F) {
	f.Add([]byte(`{"apiVersion":"a/v1","kind":"K","metadata":{"name":"n"},"spec":{"metadata":{"resourceVersion":"x"}}}`), uint64(7))
	f.Add([]byte(`{"apiVersion":"\"metadata\":{","kind":"K","metadata":{}}`), uint64(0))
	f.Add([]byte(`{"metadata":null}`), uint64(1))
	f.Fuzz(func(t *testing.T, text []byte, sequence uint64) {
		var obj kind.Custom
		if obj.Unmarshal(text) != nil {
			return
		}
		metadata, ok := obj.Object["metadata"].(map[string]any)
		if !ok {
			return
		}
		delete(metadata, "resourceVersion") // as what is stored
		state, err := obj.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		spliced := Splice(state, sequence)
		e := &Entry{Sequence: sequence, state: spliced}
		if got := e.State(); !bytes.Equal(got, state) {
			t.Fatalf("%s becomes %s", state, got)
		}
		var back kind.Custom
		if err := back.Unmarshal(spliced); err != nil || back.GetResourceVersion() != strconv.FormatUint(sequence, 10) {
			t.Fatalf("%s: version %q, %v", spliced, back.GetResourceVersion(), err)
		}
	})
}
