package logs

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// request is what a client writes first, as one line of JSON.
type request struct {
	// Op is "collect", "attach" or "forget".
	Op string `json:"op"`
	ID string `json:"id"`
	// Stdout and Stderr are FIFOs that exist; Stderr may be empty (a terminal).
	Stdout string `json:"stdout,omitempty"`
	Stderr string `json:"stderr,omitempty"`
	// Stdin is a FIFO to hold open, so that a writer's end is not the container's.
	Stdin  string `json:"stdin,omitempty"`
	Path   string `json:"path,omitempty"`
	Limits Limits `json:"limits"`
}

type response struct {
	Error string `json:"error,omitempty"`
}

// Server is the node's log process.
type Server struct {
	mu       sync.Mutex // guards captures; not held over I/O
	captures map[string]*capture
}

// Serve collects logs for the clients of l until ctx ends.
func Serve(ctx context.Context, l net.Listener) error {
	s := &Server{captures: map[string]*capture{}}
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	for {
		c, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		go s.serve(c)
	}
}

func (s *Server) serve(c net.Conn) {
	defer c.Close()
	line, err := bufio.NewReaderSize(c, 4<<10).ReadBytes('\n')
	var r request
	if err == nil {
		err = json.Unmarshal(line, &r)
	}
	if err != nil {
		return
	}
	switch r.Op {
	case "collect":
		err = s.collect(r)
	case "forget":
		s.forget(r.ID)
	case "attach":
		s.attach(c, r.ID)
		return
	default:
		err = fmt.Errorf("unknown operation %q", r.Op)
	}
	var out response
	if err != nil {
		out.Error = err.Error()
	}
	b, _ := json.Marshal(out)
	_, _ = c.Write(append(b, '\n'))
}

// collect is idempotent: an agent says it again after a restart.
func (s *Server) collect(r request) error {
	s.mu.Lock()
	_, known := s.captures[r.ID]
	s.mu.Unlock()
	if known {
		return nil
	}
	c, err := newCapture(r)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.captures[r.ID]; known {
		c.stop()
		return nil
	}
	s.captures[r.ID] = c
	return nil
}

// forget ends a container's capture after what its pipes still hold was written.
func (s *Server) forget(id string) {
	s.mu.Lock()
	c := s.captures[id]
	delete(s.captures, id)
	s.mu.Unlock()
	if c != nil {
		c.stop()
	}
}

func (s *Server) attach(conn net.Conn, id string) {
	s.mu.Lock()
	c := s.captures[id]
	s.mu.Unlock()
	if c == nil {
		return
	}
	sub := c.subscribe()
	defer c.unsubscribe(sub)
	if _, err := conn.Write(frame(Stdout, nil)); err != nil { // from here on nothing is missed
		return
	}
	gone := make(chan struct{})
	go func() { _, _ = io.Copy(io.Discard, conn); close(gone) }()
	for {
		select {
		case f, ok := <-sub:
			if !ok {
				return
			}
			_ = conn.SetWriteDeadline(time.Now().Add(10 * time.Second))
			if _, err := conn.Write(f); err != nil {
				return
			}
		case <-gone:
			return
		}
	}
}

// capture is one container's output under way.
type capture struct {
	file  *file
	pipes []*os.File
	done  sync.WaitGroup

	mu   sync.Mutex // guards subs and ended
	subs map[chan []byte]bool
	// ended closes new subscriptions at once.
	ended bool
}

func newCapture(r request) (*capture, error) {
	f, err := openFile(r.Path, r.Limits)
	if err != nil {
		return nil, err
	}
	c := &capture{file: f, subs: map[chan []byte]bool{}}
	if r.Stdin != "" {
		held, err := os.OpenFile(r.Stdin, os.O_RDWR|syscall.O_NONBLOCK, 0)
		if err != nil {
			c.stop()
			return nil, err
		}
		c.pipes = append(c.pipes, held)
	}
	for i, p := range []string{r.Stdout, r.Stderr} {
		if p == "" {
			continue
		}
		// Read-write, so that neither opening nor the writer's restart ends the pipe.
		pipe, err := os.OpenFile(p, os.O_RDWR|syscall.O_NONBLOCK, 0)
		if err != nil {
			c.stop()
			return nil, err
		}
		c.pipes = append(c.pipes, pipe)
		c.done.Add(1)
		go c.copy(pipe, []Stream{Stdout, Stderr}[i])
	}
	return c, nil
}

func (c *capture) stop() {
	for _, p := range c.pipes {
		_ = p.SetReadDeadline(time.Unix(1, 0)) // wakes who waits; what the pipe holds is read nevertheless
	}
	c.done.Wait()
	for _, p := range c.pipes {
		p.Close()
	}
	c.file.close()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	for sub := range c.subs {
		close(sub)
	}
	c.subs = nil
}

// maxHeld is what a pipe can hold (fs.pipe-max-size).
const maxHeld = 1 << 20

// copy splits a pipe into lines and writes them, until it is stopped and the pipe is empty.
func (c *capture) copy(pipe *os.File, s Stream) {
	defer c.done.Done()
	raw, err := pipe.SyscallConn()
	if err != nil {
		return
	}
	var rest []byte
	for got := true; got; {
		got = false
		_ = raw.Read(func(fd uintptr) (ready bool) { // fails when it is stopped
			var empty bool
			got, empty = c.take(int(fd), s, &rest)
			return !empty
		})
	}
	// As much as a pipe can hold at most, for the sake of a writer that goes on.
	for n, got := 0, true; got && n < maxHeld/maxLine; n++ {
		got = false
		_ = raw.Control(func(fd uintptr) { got, _ = c.take(int(fd), s, &rest) })
	}
	if len(rest) > 0 {
		_ = c.file.write(appendLine(nil, time.Now(), s, true, rest))
	}
}

// take reads once what a pipe holds and writes the whole lines of it; empty says that there was nothing. The buffer is
// taken only while there is something to read, so that a silent container holds none.
func (c *capture) take(fd int, s Stream, rest *[]byte) (got, empty bool) {
	b := buffers.Get().(*[maxLine]byte)
	defer buffers.Put(b)
	n, err := syscall.Read(fd, b[:])
	for errors.Is(err, syscall.EINTR) {
		n, err = syscall.Read(fd, b[:])
	}
	if n <= 0 {
		return false, errors.Is(err, syscall.EAGAIN)
	}
	c.publish(s, b[:n])
	*rest = c.lines(s, append(*rest, b[:n]...))
	return true, false
}

var buffers = sync.Pool{New: func() any { return new([maxLine]byte) }}

// lines writes the whole lines of b and returns what is left over.
func (c *capture) lines(s Stream, b []byte) []byte {
	now := time.Now()
	var out []byte
	for {
		i := indexNewline(b)
		switch {
		case i >= 0 && i <= maxLine:
			out = appendLine(out, now, s, true, b[:i])
			b = b[i+1:]
		case len(b) >= maxLine:
			out = appendLine(out, now, s, false, b[:maxLine])
			b = b[maxLine:]
		default:
			if len(out) > 0 {
				_ = c.file.write(out)
			}
			if len(b) == 0 {
				return nil
			}
			return append([]byte(nil), b...)
		}
	}
}

func indexNewline(b []byte) int {
	for i, ch := range b {
		if ch == '\n' {
			return i
		}
	}
	return -1
}

// publish gives a chunk to whoever is attached; one who reads too slowly loses chunks, as
// the container must not wait for a client.
func (c *capture) publish(s Stream, b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.subs) == 0 {
		return
	}
	f := frame(s, b)
	for sub := range c.subs {
		select {
		case sub <- f:
		default:
		}
	}
}

// frame is a chunk as who is attached gets it: the stream, the length, the bytes.
func frame(s Stream, b []byte) []byte {
	f := make([]byte, 5, 5+len(b))
	if s == Stderr {
		f[0] = 1
	}
	binary.BigEndian.PutUint32(f[1:], uint32(len(b)))
	return append(f, b...)
}

func (c *capture) subscribe() chan []byte {
	sub := make(chan []byte, 256)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		close(sub)
		return sub
	}
	c.subs[sub] = true
	return sub
}

func (c *capture) unsubscribe(sub chan []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.subs, sub)
}
