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
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// Client talks to the node's log process and starts it when it is not there.
type Client struct {
	// Program is the log process's binary; Socket is where it listens.
	Program, Socket string

	starting sync.Mutex // one start at a time; held over it
}

// Ensure starts the log process unless it listens already. It lives in its own
// session and outlives the caller.
func (c *Client) Ensure(ctx context.Context) error {
	c.starting.Lock()
	defer c.starting.Unlock()
	if conn, err := net.Dial("unix", c.Socket); err == nil {
		conn.Close()
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(c.Socket), 0o700); err != nil {
		return err
	}
	cmd := exec.Command(c.Program, c.Socket)
	cmd.Env = []string{"GOMAXPROCS=1", "GOGC=25", "GODEBUG=madvdontneed=1"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	ready, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the log process: %w", err)
	}
	// The process says "ready" once it listens, and then closes its standard output.
	stop := context.AfterFunc(ctx, func() { ready.Close() })
	b, _ := io.ReadAll(ready)
	stop()
	go func() { _ = cmd.Wait() }()
	if string(b) != readyLine {
		// Another may have started it at the same time.
		if conn, err := net.Dial("unix", c.Socket); err == nil {
			return conn.Close()
		}
		return fmt.Errorf("the log process %s did not start: %s", c.Program, b)
	}
	return nil
}

const readyLine = "ready\n"

func (c *Client) do(ctx context.Context, r request) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", c.Socket)
	if errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ECONNREFUSED) {
		if err = c.Ensure(ctx); err != nil {
			return nil, err
		}
		conn, err = d.DialContext(ctx, "unix", c.Socket)
	}
	if err != nil {
		return nil, err
	}
	b, _ := json.Marshal(r)
	if _, err := conn.Write(append(b, '\n')); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

func (c *Client) call(ctx context.Context, r request) error {
	conn, err := c.do(ctx, r)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	var out response
	if err := json.NewDecoder(conn).Decode(&out); err != nil {
		return fmt.Errorf("log process: %w", err)
	}
	if out.Error != "" {
		return errors.New(out.Error)
	}
	return nil
}

// Output is where a container's output comes from and goes to.
type Output struct {
	// Stdout and Stderr are FIFOs that exist; Stderr is empty for a terminal. Stdin, if set, is held open.
	Stdin, Stdout, Stderr string
	// Path is the log file.
	Path   string
	Limits Limits
}

// Collect has the FIFOs of container id read into its log file. Saying it again changes nothing.
func (c *Client) Collect(ctx context.Context, id string, o Output) error {
	return c.call(ctx, request{Op: "collect", ID: id, Stdin: o.Stdin, Stdout: o.Stdout, Stderr: o.Stderr, Path: o.Path, Limits: o.Limits})
}

// Forget ends the collection; what the FIFOs still hold is written before it returns.
func (c *Client) Forget(ctx context.Context, id string) error {
	return c.call(ctx, request{Op: "forget", ID: id})
}

// Attach copies what the container writes from when it calls ready, once, until ctx or the container ends.
func (c *Client) Attach(ctx context.Context, id string, stdout, stderr io.Writer, ready func()) error {
	conn, err := c.do(ctx, request{Op: "attach", ID: id})
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	in := bufio.NewReader(conn)
	for {
		var head [5]byte
		if _, err := io.ReadFull(in, head[:]); err != nil {
			return nil // the end of the container or of the attachment
		}
		if ready != nil {
			ready()
			ready = nil
		}
		w := stdout
		if head[0] == 1 {
			w = stderr
		}
		if w == nil {
			w = io.Discard
		}
		if _, err := io.CopyN(w, in, int64(binary.BigEndian.Uint32(head[1:]))); err != nil {
			return err
		}
	}
}
