package rest

import (
	"context"
	"io"
	"net/http"
	"strconv"
)

// serveList answers a list in the format asked for, streaming the bytes that the view shares.
func (s *Server) serveList(ctx context.Context, q *request) error {
	o, err := q.listOptions()
	if err != nil {
		return err
	}
	if q.target.name != "" {
		o.FieldSelector = "metadata.name=" + q.target.name
	}
	l, err := s.list(ctx, &q.Call, o)
	if err != nil {
		return err
	}
	if q.format.shape != asObject {
		return q.serveShaped(l)
	}
	if q.served.Stored != nil {
		if err := l.convert(q.format.media); err != nil {
			return err
		}
	}
	switch {
	case q.format.media == mediaProtobuf:
		head, size, err := l.protoHead()
		if err != nil {
			return err
		}
		q.stream(contentProtobuf, size, true, func(w io.Writer) error { return l.writeProto(w, head) })
	case q.format.media == mediaJSON && !q.format.pretty:
		q.stream(contentJSON, l.bytes, false, l.writeText)
	default:
		var text collected
		if err := l.writeText(&text); err != nil {
			return err
		}
		body, err := dressed(text, q.format)
		if err != nil {
			return err
		}
		q.write(http.StatusOK, q.format.contentType(), body)
	}
	return nil
}

// collected is a body kept in memory.
type collected []byte

func (c *collected) Write(p []byte) (int, error) {
	*c = append(*c, p...)
	return len(p), nil
}

// stream writes a body of about size bytes; exactly, if exact.
func (q *request) stream(contentType string, size int, exact bool, body func(io.Writer) error) {
	h := q.w.Header()
	h["Content-Type"] = []string{contentType}
	h["Cache-Control"] = noCache
	q.code = http.StatusOK
	if size > compressAbove && acceptsGzip(q.r) {
		q.size = compressed(q.w, q.code, body)
		return
	}
	if exact {
		h["Content-Length"] = []string{strconv.Itoa(size)}
	}
	q.w.WriteHeader(q.code)
	counted := &counter{w: q.w}
	if err := body(counted); err != nil {
		panic(http.ErrAbortHandler)
	}
	q.size = counted.n
}
