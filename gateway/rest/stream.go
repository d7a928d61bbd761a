package rest

import (
	"encoding/json"
	"io"
	"slices"
	"sync"

	"google.golang.org/protobuf/encoding/protowire"

	"taffrail.dev/gateway/view"
)

// chunk is how much of a list is written at once: large enough that TLS and HTTP/2 are not
// driven item by item.
const chunk = 256 << 10

var chunks = sync.Pool{New: func() any {
	b := make([]byte, 0, chunk+chunk/4)
	return &b
}}

// itemTag is field 2 of every list.
const itemTag = 2<<3 | byte(protowire.BytesType)

// protoHead is a list's protobuf up to its first item, and the size of the whole.
func (l *listing) protoHead() (head []byte, size int, err error) {
	meta, err := l.meta.Marshal()
	if err != nil {
		return nil, 0, err
	}
	raw := 1 + protowire.SizeBytes(len(meta))
	for i := range l.entries {
		raw += 1 + protowire.SizeBytes(len(l.proto(i)))
	}
	head = append(head, l.served.wire.list...)
	head = protowire.AppendVarint(head, uint64(raw))
	head = append(head, 1<<3|byte(protowire.BytesType))
	head = protowire.AppendBytes(head, meta)
	size = len(l.served.wire.list) + protowire.SizeVarint(uint64(raw)) + raw + len(unknownTail)
	return head, size, nil
}

// convert encodes the entries if some of them are stored at another version than the kind's.
func (l *listing) convert(m media) error {
	if !slices.ContainsFunc(l.entries, func(e *view.Entry) bool { return !l.served.same(e) }) {
		return nil
	}
	objects, err := l.served.objects(l.entries)
	if err != nil {
		return err
	}
	l.encoded = make([][]byte, len(objects))
	for i, obj := range objects {
		if m == mediaProtobuf {
			l.encoded[i], err = obj.Marshal()
		} else {
			l.encoded[i], err = textOf(obj)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *listing) proto(i int) []byte {
	if l.encoded != nil {
		return l.encoded[i]
	}
	return l.entries[i].Proto()
}

// writeProto writes the rest of a list after its head.
func (l *listing) writeProto(w io.Writer, head []byte) error {
	return buffered(w, head, []byte(unknownTail), l.entries, func(out []byte, i int, _ *view.Entry) ([]byte, error) {
		return protowire.AppendBytes(append(out, itemTag), l.proto(i)), nil
	})
}

// writeText writes a list as JSON.
func (l *listing) writeText(w io.Writer) error {
	meta, err := json.Marshal(l.meta)
	if err != nil {
		return err
	}
	head := []byte(`{` + l.served.wire.textList + `"metadata":` + string(meta) + `,"items":[`)
	return buffered(w, head, []byte("]}\n"), l.entries, func(out []byte, i int, e *view.Entry) ([]byte, error) {
		if i > 0 {
			out = append(out, ',')
		}
		if l.encoded != nil {
			return append(out, l.encoded[i]...), nil
		}
		text, err := e.JSON()
		return append(out, text...), err
	})
}

func buffered(w io.Writer, head, tail []byte, entries []*view.Entry, item func(out []byte, i int, e *view.Entry) ([]byte, error)) error {
	pooled := chunks.Get().(*[]byte)
	defer func() {
		if cap(*pooled) <= 4*chunk {
			chunks.Put(pooled)
		}
	}()
	out := append((*pooled)[:0], head...)
	var err error
	for i, e := range entries {
		if out, err = item(out, i, e); err != nil {
			return err
		}
		if len(out) >= chunk {
			if _, err = w.Write(out); err != nil {
				return err
			}
			out = out[:0]
		}
	}
	out = append(out, tail...)
	*pooled = out
	_, err = w.Write(out)
	return err
}
