// Package load is a lean HTTP/2 client: it counts what is answered and decodes
// nothing, so that a benchmark measures the server.
package load

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/url"
	"sync"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// window is how much a server may send unacknowledged, a stream and a connection.
const window = 1 << 30

// Request is one HTTP request.
type Request struct {
	Method, Path        string
	ContentType, Accept string
	Body                []byte
	// Data is called with each piece of the answer's body, on the connection's
	// reading goroutine; nil to count it only.
	Data func([]byte)
}

// Answer is what came back.
type Answer struct {
	Status int
	Bytes  int
}

// Conn is one HTTP/2 connection, for many goroutines.
type Conn struct {
	authority string
	net       net.Conn
	framer    *http2.Framer

	// mu guards writing and everything below.
	mu       sync.Mutex
	encoder  *hpack.Encoder
	encoded  bytes.Buffer
	next     uint32
	streams  map[uint32]*stream
	credit   int64
	credited *sync.Cond
	err      error
}

type stream struct {
	answer Answer
	data   func([]byte)
	done   chan struct{}
}

// Dial connects to an https URL.
func Dial(address string, config *tls.Config) (*Conn, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	config = config.Clone()
	config.NextProtos = []string{"h2"}
	raw, err := tls.Dial("tcp", u.Host, config)
	if err != nil {
		return nil, err
	}
	c := &Conn{authority: u.Host, net: raw, framer: http2.NewFramer(raw, raw), next: 1, streams: map[uint32]*stream{}, credit: 65535}
	c.encoder = hpack.NewEncoder(&c.encoded)
	c.credited = sync.NewCond(&c.mu)
	c.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	c.framer.MaxHeaderListSize = 1 << 16
	if _, err := io.WriteString(raw, http2.ClientPreface); err != nil {
		return nil, err
	}
	err = c.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: window}, http2.Setting{ID: http2.SettingEnablePush, Val: 0}, http2.Setting{ID: http2.SettingMaxFrameSize, Val: 1 << 20})
	if err != nil {
		return nil, err
	}
	if err := c.framer.WriteWindowUpdate(0, window-65535); err != nil {
		return nil, err
	}
	go c.read()
	return c, nil
}

// Close breaks the connection off.
func (c *Conn) Close() error { return c.net.Close() }

// Do sends a request and waits for the whole answer.
func (c *Conn) Do(r Request) (Answer, error) {
	s, err := c.send(r)
	if err != nil {
		return Answer{}, err
	}
	<-s.done
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.answer.Status == 0 {
		return s.answer, fmt.Errorf("%s %s: %w", r.Method, r.Path, c.err)
	}
	return s.answer, nil
}

func (c *Conn) send(r Request) (*stream, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.credit < int64(len(r.Body)) && c.err == nil {
		c.credited.Wait()
	}
	if c.err != nil {
		return nil, c.err
	}
	c.credit -= int64(len(r.Body))
	id := c.next
	c.next += 2
	s := &stream{data: r.Data, done: make(chan struct{})}
	c.streams[id] = s
	err := c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: c.headers(r), EndHeaders: true, EndStream: len(r.Body) == 0})
	if err == nil && len(r.Body) > 0 {
		err = c.framer.WriteData(id, true, r.Body)
	}
	return s, err
}

func (c *Conn) headers(r Request) []byte {
	c.encoded.Reset()
	field := func(name, value string) {
		if value != "" {
			c.encoder.WriteField(hpack.HeaderField{Name: name, Value: value}) // into memory: cannot fail
		}
	}
	field(":method", r.Method)
	field(":scheme", "https")
	field(":authority", c.authority)
	field(":path", r.Path)
	field("content-type", r.ContentType)
	field("accept", r.Accept)
	return c.encoded.Bytes()
}
