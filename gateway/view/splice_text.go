package view

import (
	"bytes"
	"strconv"
)

// text says whether an object's bytes are JSON: no Kubernetes object's protobuf begins so.
func text(state []byte) bool { return len(state) > 0 && state[0] == '{' }

// A stored object's JSON begins with its apiVersion, its kind and its metadata (kind.Custom). Its
// resourceVersion is put in front of the metadata's other fields.
var (
	textMetadata = []byte(`"metadata":{`)
	textVersion  = `"resourceVersion":"`
)

func spliceText(state []byte, sequence uint64) []byte {
	at := bytes.Index(state, textMetadata)
	if at < 0 {
		return state
	}
	at += len(textMetadata)
	out := make([]byte, 0, len(state)+len(textVersion)+22)
	out = append(append(out, state[:at]...), textVersion...)
	out = append(strconv.AppendUint(out, sequence, 10), '"')
	if at < len(state) && state[at] != '}' {
		out = append(out, ',')
	}
	return append(out, state[at:]...)
}

// unspliceText undoes spliceText.
func unspliceText(spliced []byte) []byte {
	at := bytes.Index(spliced, textMetadata)
	if at < 0 {
		return spliced
	}
	at += len(textMetadata)
	rest, ok := bytes.CutPrefix(spliced[at:], []byte(textVersion))
	if !ok {
		return spliced
	}
	rest = bytes.TrimPrefix(rest[bytes.IndexByte(rest, '"')+1:], []byte(","))
	return append(append(make([]byte, 0, len(spliced)), spliced[:at]...), rest...)
}
