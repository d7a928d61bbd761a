package load

import (
	"fmt"
	"strconv"

	"golang.org/x/net/http2"
)

// read takes frames until the connection ends.
func (c *Conn) read() {
	received := 0
	for {
		frame, err := c.framer.ReadFrame()
		if err == nil {
			err = c.frame(frame, &received)
		}
		if err != nil {
			c.fail(err)
			return
		}
	}
}

func (c *Conn) frame(frame http2.Frame, received *int) error {
	switch f := frame.(type) {
	case *http2.MetaHeadersFrame:
		status, _ := strconv.Atoi(f.PseudoValue("status"))
		c.update(f.StreamID, f.StreamEnded(), func(s *stream) {
			if s.answer.Status == 0 {
				s.answer.Status = status
			}
		})
	case *http2.DataFrame:
		*received += len(f.Data())
		if err := c.acknowledge(received); err != nil {
			return err
		}
		c.data(f)
	case *http2.SettingsFrame:
		if !f.IsAck() {
			c.mu.Lock()
			defer c.mu.Unlock()
			return c.framer.WriteSettingsAck()
		}
	case *http2.PingFrame:
		if !f.IsAck() {
			c.mu.Lock()
			defer c.mu.Unlock()
			return c.framer.WritePing(true, f.Data)
		}
	case *http2.WindowUpdateFrame:
		if f.StreamID == 0 {
			c.mu.Lock()
			c.credit += int64(f.Increment)
			c.mu.Unlock()
			c.credited.Broadcast()
		}
	case *http2.RSTStreamFrame:
		c.update(f.StreamID, true, func(s *stream) { s.answer.Status = -int(f.ErrCode) - 1 })
	case *http2.GoAwayFrame:
		return fmt.Errorf("server went away: %v %s", f.ErrCode, f.DebugData())
	}
	return nil
}

// data counts without the lock: only this goroutine touches a stream's bytes.
func (c *Conn) data(f *http2.DataFrame) {
	c.mu.Lock()
	s := c.streams[f.StreamID]
	c.mu.Unlock()
	if s == nil {
		return
	}
	s.answer.Bytes += len(f.Data())
	if s.data != nil {
		s.data(f.Data())
	}
	if f.StreamEnded() {
		c.update(f.StreamID, true, func(*stream) {})
	}
}

func (c *Conn) update(id uint32, ended bool, change func(*stream)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.streams[id]
	if s == nil {
		return
	}
	change(s)
	if ended {
		delete(c.streams, id)
		close(s.done)
	}
}

// acknowledge gives the connection's window back once half of it is used. A
// stream's window is larger than any answer but a watch's, which ends before.
func (c *Conn) acknowledge(received *int) error {
	if *received < window/2 {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.framer.WriteWindowUpdate(0, uint32(*received))
	*received = 0
	return err
}

func (c *Conn) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
	for id, s := range c.streams {
		delete(c.streams, id)
		close(s.done)
	}
	c.credited.Broadcast()
}
