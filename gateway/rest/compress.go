package rest

import (
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// compressAbove is the size in bytes from which answers are compressed for who asks for it.
const compressAbove = 128 << 10

var compressors = sync.Pool{New: func() any {
	w, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil { // the level is valid
		panic(err)
	}
	return w
}}

func acceptsGzip(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept-Encoding"), "gzip")
}

// compressed writes a gzipped body and returns its plain size.
func compressed(w http.ResponseWriter, code int, body func(io.Writer) error) int {
	w.Header().Set("Content-Encoding", "gzip")
	w.Header().Add("Vary", "Accept-Encoding")
	w.WriteHeader(code)
	z := compressors.Get().(*gzip.Writer)
	defer compressors.Put(z)
	z.Reset(w)
	counted := &counter{w: z}
	if err := body(counted); err != nil || z.Close() != nil {
		panic(http.ErrAbortHandler) // the head is out: no one must take the body for whole
	}
	return counted.n
}

type counter struct {
	w io.Writer
	n int
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += n
	return n, err
}
