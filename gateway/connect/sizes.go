package connect

import (
	"context"
	"encoding/json"
	"io"

	"k8s.io/client-go/tools/remotecommand"
)

// sizes are the terminal sizes that a client sends; only the newest matters.
type sizes struct {
	ctx  context.Context
	next chan remotecommand.TerminalSize
}

// newSizes reads until the channel ends, which it does with its connection.
func newSizes(ctx context.Context, from io.Reader) *sizes {
	s := &sizes{ctx: ctx, next: make(chan remotecommand.TerminalSize)}
	go s.read(from)
	return s
}

func (s *sizes) read(from io.Reader) {
	defer close(s.next)
	decoder := json.NewDecoder(from)
	for {
		var size remotecommand.TerminalSize
		if err := decoder.Decode(&size); err != nil {
			return
		}
		select {
		case s.next <- size:
		case <-s.ctx.Done():
			return
		}
	}
}

// Next waits for a size; nil says that there will be none.
func (s *sizes) Next() *remotecommand.TerminalSize {
	select {
	case size, ok := <-s.next:
		if ok {
			return &size
		}
	case <-s.ctx.Done():
	}
	return nil
}
