package rest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"taffrail.dev/gateway/kind"
	"taffrail.dev/gateway/view"
)

// page is the length from which a list is shaped item by item, and its objects are not kept for the next list: all
// of them decoded at once would be several times the view.
const page = 500

// serveShaped answers a list as a table, or of its objects' metadata.
func (q *request) serveShaped(l *listing) error {
	if len(l.entries) > page && q.format.media == mediaJSON && !q.format.pretty && l.served.Stored == nil {
		return q.streamShaped(l)
	}
	var body []byte
	var err error
	if q.format.shape == asPartial {
		var list *metav1.PartialObjectMetadataList
		if list, err = l.partial(); err == nil {
			body, err = encodeMeta(list, &partialListWire, q.format)
		}
	} else {
		var objects []kind.Object
		if objects, err = l.objects(); err == nil {
			body, err = q.tabler().table(l.meta, objects, false)
		}
		if err == nil {
			body, err = dressed(body, q.format)
		}
	}
	if err != nil {
		return err
	}
	q.write(http.StatusOK, q.format.contentType(), body)
	return nil
}

func (q *request) tabler() *tabler { return newTabler(q.served, q.query.Get("includeObject"), q.Now) }

// streamShaped writes a list item by item: an empty one with the items put in, which are its last field.
func (q *request) streamShaped(l *listing) error {
	empty := any(&metav1.PartialObjectMetadataList{TypeMeta: partialListTypes, ListMeta: l.meta, Items: []metav1.PartialObjectMetadata{}})
	item := func(obj kind.Object) (any, error) { return partialOf(obj), nil }
	if q.format.shape == asTable {
		t := q.tabler()
		empty = &metav1.Table{TypeMeta: tableTypes, ListMeta: l.meta, ColumnDefinitions: t.definitions(), Rows: []metav1.TableRow{}}
		item = func(obj kind.Object) (any, error) { return t.row(obj) }
	}
	head, err := json.Marshal(empty)
	if err != nil {
		return err
	}
	head = bytes.TrimSuffix(head, []byte("]}"))
	q.stream(contentJSON, l.bytes, false, func(w io.Writer) error {
		return buffered(w, head, []byte("]}\n"), l.entries, func(out []byte, i int, e *view.Entry) ([]byte, error) {
			obj, err := e.Peek()
			if err != nil {
				return out, err
			}
			shaped, err := item(obj)
			if err != nil {
				return out, err
			}
			text, err := json.Marshal(shaped)
			if i > 0 {
				out = append(out, ',')
			}
			return append(out, text...), err
		})
	})
	return nil
}

// object is one of the list's, kept if the list is short.
func (l *listing) object(i int) (kind.Object, error) {
	if len(l.entries) > page {
		return l.entries[i].Peek()
	}
	return l.entries[i].Object()
}

func (l *listing) objects() ([]kind.Object, error) {
	if l.served.Stored != nil {
		return l.served.objects(l.entries)
	}
	out := make([]kind.Object, len(l.entries))
	for i := range l.entries {
		var err error
		if out[i], err = l.object(i); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (l *listing) partial() (*metav1.PartialObjectMetadataList, error) {
	objects, err := l.objects()
	if err != nil {
		return nil, err
	}
	out := &metav1.PartialObjectMetadataList{TypeMeta: partialListTypes, ListMeta: l.meta, Items: make([]metav1.PartialObjectMetadata, len(objects))}
	for i, obj := range objects {
		out.Items[i] = *partialOf(obj)
	}
	return out, nil
}
