package rest

import (
	"bytes"
	"encoding/json"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"taffrail.dev/gateway/kind"
)

// encodeReply is a reply's body in a format.
func (s *Server) encodeReply(c *Call, r *Reply, f format, include string) ([]byte, error) {
	if r.Status != nil {
		return encodeStatus(r.Status, f)
	}
	if f.shape != asObject && r.gvk == c.served.gvk && c.served.Review == nil {
		obj, err := r.Object()
		if err != nil {
			return nil, err
		}
		if f.shape == asPartial {
			return encodeMeta(partialOf(obj), &partialWire, f)
		}
		meta := metav1.ListMeta{ResourceVersion: obj.GetResourceVersion()}
		text, err := newTabler(c.served, include, c.Now).table(meta, []kind.Object{obj}, false)
		if err != nil {
			return nil, err
		}
		return dressed(text, f)
	}
	if f.media == mediaProtobuf {
		raw, err := r.Proto()
		if err != nil {
			return nil, err
		}
		return appendUnknown(make([]byte, 0, unknownSize(r.wire.object, len(raw))), r.wire.object, raw), nil
	}
	text, err := r.text()
	if err != nil {
		return nil, err
	}
	return dressed(appendText(make([]byte, 0, len(r.wire.text)+len(text)+1), r.wire.text, text), f)
}

func (r *Reply) text() ([]byte, error) {
	if r.entry != nil {
		return r.served.text(r.entry)
	}
	return textOf(r.object)
}

// protobuf is an apimachinery type that can be either encoding.
type protobuf interface{ Marshal() ([]byte, error) }

func encodeMeta(v protobuf, w *wire, f format) ([]byte, error) {
	if f.media == mediaProtobuf {
		raw, err := v.Marshal()
		if err != nil {
			return nil, err
		}
		return appendUnknown(nil, w.object, raw), nil
	}
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return dressed(text, f)
}

var statusWire = newWire(metav1.Unversioned.WithKind("Status"))

func encodeStatus(s *metav1.Status, f format) ([]byte, error) { return encodeMeta(s, &statusWire, f) }

// dressed is JSON as the client wants text.
func dressed(text []byte, f format) ([]byte, error) {
	switch {
	case f.media == mediaYAML:
		return yaml.JSONToYAML(text)
	case f.pretty:
		var out bytes.Buffer
		if err := json.Indent(&out, text, "", "  "); err != nil {
			return nil, err
		}
		return append(out.Bytes(), '\n'), nil
	}
	return append(text, '\n'), nil
}
