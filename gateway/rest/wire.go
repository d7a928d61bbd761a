package rest

import (
	"encoding/binary"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// magic precedes every object in Kubernetes protobuf.
const magic = "k8s\x00"

// unknownTail is the empty contentEncoding and contentType that end a runtime.Unknown.
const unknownTail = "\x1a\x00\x22\x00"

// wire has the constant parts of a kind's encodings.
type wire struct {
	// object and list are k8s magic and a runtime.Unknown's typeMeta, up to the tag of raw.
	object, list []byte
	// text and textList are `"kind":"Pod","apiVersion":"v1",` and the list's.
	text, textList string
}

func newWire(gvk schema.GroupVersionKind) wire {
	list := gvk.GroupVersion().WithKind(gvk.Kind + "List")
	return wire{object: unknownHead(gvk), list: unknownHead(list), text: typeMeta(gvk), textList: typeMeta(list)}
}

// newTextWire is for a kind whose objects have their kind and apiVersion themselves.
func newTextWire(gvk schema.GroupVersionKind, list string) wire {
	return wire{textList: typeMeta(gvk.GroupVersion().WithKind(list))}
}

func typeMeta(gvk schema.GroupVersionKind) string {
	return `"kind":` + strconv.Quote(gvk.Kind) + `,"apiVersion":` + strconv.Quote(gvk.GroupVersion().String()) + `,`
}

func unknownHead(gvk schema.GroupVersionKind) []byte {
	types := runtime.TypeMeta{APIVersion: gvk.GroupVersion().String(), Kind: gvk.Kind}
	encoded, err := types.Marshal()
	if err != nil { // two strings
		panic(err)
	}
	out := append([]byte(magic), 1<<3|byte(protowire.BytesType))
	out = protowire.AppendBytes(out, encoded)
	return append(out, 2<<3|byte(protowire.BytesType))
}

// unknownSize is the size of an object wrapped with a head.
func unknownSize(head []byte, raw int) int {
	return len(head) + protowire.SizeBytes(raw) + len(unknownTail)
}

// appendUnknown wraps an object's protobuf.
func appendUnknown(out, head, raw []byte) []byte {
	out = append(out, head...)
	out = protowire.AppendBytes(out, raw)
	return append(out, unknownTail...)
}

// appendText is an object's JSON with its kind and apiVersion put in.
func appendText(out []byte, meta string, text []byte) []byte {
	out = append(out, '{')
	out = append(out, meta...)
	return append(out, text[1:]...)
}

// appendWatchProto is a length-delimited WatchEvent.
func appendWatchProto(out []byte, event string, head, raw []byte) []byte {
	object := unknownSize(head, len(raw))
	extension := 1 + protowire.SizeBytes(object)
	size := 1 + protowire.SizeBytes(len(event)) + 1 + protowire.SizeBytes(extension)
	out = binary.BigEndian.AppendUint32(out, uint32(size))
	out = append(out, 1<<3|byte(protowire.BytesType))
	out = protowire.AppendString(out, event)
	out = append(out, 2<<3|byte(protowire.BytesType))
	out = protowire.AppendVarint(out, uint64(extension))
	out = append(out, 1<<3|byte(protowire.BytesType))
	out = protowire.AppendVarint(out, uint64(object))
	return appendUnknown(out, head, raw)
}

// appendWatchText is a line of a JSON watch; object is complete but for meta, which may be empty.
func appendWatchText(out []byte, event, meta string, object []byte) []byte {
	out = append(out, `{"type":"`...)
	out = append(out, event...)
	out = append(out, `","object":`...)
	out = appendText(out, meta, object)
	return append(out, "}\n"...)
}
