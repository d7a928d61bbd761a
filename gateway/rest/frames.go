package rest

import (
	"encoding/json"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"taffrail.dev/gateway/kind"
	"taffrail.dev/gateway/view"
)

// frames encodes the events of one watch.
type frames struct {
	served *served
	format format
	tabler *tabler
	headed bool
	now    func() time.Time
}

func newFrames(q *request, now func() time.Time) *frames {
	f := &frames{served: q.served, format: q.format, now: now}
	if q.format.shape == asTable {
		f.tabler = newTabler(q.served, q.query.Get("includeObject"), q.Now)
	}
	return f
}

func (f *frames) contentType() string {
	if f.format.media == mediaProtobuf {
		return contentProtobuf + ";stream=watch"
	}
	return contentJSON
}

// event appends a frame.
func (f *frames) event(out []byte, what watch.EventType, e *view.Entry) ([]byte, error) {
	if f.format.shape != asObject {
		obj, err := f.served.object(e)
		if err != nil {
			return out, err
		}
		return f.shaped(out, what, obj)
	}
	if f.format.media == mediaProtobuf {
		raw, err := f.served.proto(e)
		if err != nil {
			return out, err
		}
		return appendWatchProto(out, string(what), f.served.wire.object, raw), nil
	}
	text, err := f.served.text(e)
	if err != nil {
		return out, err
	}
	return appendWatchText(out, string(what), f.served.wire.text, text), nil
}

func (f *frames) shaped(out []byte, what watch.EventType, obj kind.Object) ([]byte, error) {
	if f.format.shape == asPartial {
		return f.meta(out, what, partialOf(obj), &partialWire)
	}
	row := []kind.Object{obj}
	f.tabler.now = f.now()
	text, err := f.tabler.table(metav1.ListMeta{ResourceVersion: obj.GetResourceVersion()}, row, f.headed)
	if err != nil {
		return out, err
	}
	f.headed = true
	return appendWatchText(out, string(what), "", text), nil
}

func (f *frames) meta(out []byte, what watch.EventType, v protobuf, w *wire) ([]byte, error) {
	if f.format.media == mediaProtobuf {
		raw, err := v.Marshal()
		if err != nil {
			return out, err
		}
		return appendWatchProto(out, string(what), w.object, raw), nil
	}
	text, err := json.Marshal(v)
	if err != nil {
		return out, err
	}
	return appendWatchText(out, string(what), "", text), nil
}

// bookmark appends how far the watch is; end says that what there was at its start is complete.
func (f *frames) bookmark(out []byte, sequence uint64, end bool) ([]byte, error) {
	obj := f.served.New()
	obj.SetResourceVersion(formatVersion(sequence))
	if end {
		obj.SetAnnotations(map[string]string{metav1.InitialEventsAnnotationKey: "true"})
	}
	if f.format.shape != asObject {
		if f.format.shape == asPartial {
			return f.meta(out, watch.Bookmark, partialOf(obj), &partialWire)
		}
		return f.shaped(out, watch.Bookmark, obj)
	}
	if f.format.media == mediaProtobuf {
		raw, err := obj.Marshal()
		if err != nil {
			return out, err
		}
		return appendWatchProto(out, string(watch.Bookmark), f.served.wire.object, raw), nil
	}
	text, err := textOf(obj)
	if err != nil {
		return out, err
	}
	return appendWatchText(out, string(watch.Bookmark), f.served.wire.text, text), nil
}

// status appends an error.
func (f *frames) status(out []byte, s *metav1.Status) ([]byte, error) {
	return f.meta(out, watch.Error, s, &statusWire)
}
