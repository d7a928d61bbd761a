package server

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"k8s.io/cri-streaming/pkg/streaming/portforward"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
	utilexec "k8s.io/utils/exec"

	"taffrail.dev/nodeagent/network/netns"
	"taffrail.dev/nodeagent/runtime"
)

// The kubelet's limits on streaming connections.
const (
	idleTimeout     = 4 * time.Hour
	creationTimeout = 30 * time.Second
	dialTimeout     = 10 * time.Second
)

func (s *Server) exec(w http.ResponseWriter, r *http.Request) {
	options, err := remotecommand.NewOptions(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c, err := s.running(r)
	if err != nil {
		fail(w, err)
		return
	}
	command := r.URL.Query()["command"]
	remotecommand.ServeExec(w, r, streams{s.Runtime, nil}, r.PathValue("pod"), r.PathValue("uid"), c.ID, command, options,
		idleTimeout, creationTimeout, remotecommand.SupportedStreamingProtocols)
}

func (s *Server) attach(w http.ResponseWriter, r *http.Request) {
	options, err := remotecommand.NewOptions(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c, err := s.running(r)
	if err != nil {
		fail(w, err)
		return
	}
	remotecommand.ServeAttach(w, r, streams{s.Runtime, c.Ended}, r.PathValue("pod"), r.PathValue("uid"), c.ID, options,
		idleTimeout, creationTimeout, remotecommand.SupportedStreamingProtocols)
}

func (s *Server) running(r *http.Request) (Container, error) {
	return s.Pods.Container(r.PathValue("namespace"), r.PathValue("pod"), r.PathValue("uid"), r.PathValue("container"), false)
}

// streams runs commands and attaches, as the streaming library asks: a container's
// ID stands for its name.
type streams struct {
	runtime runtime.Runtime
	// ended is closed when the container that is attached to has ended.
	ended <-chan struct{}
}

// lastOutput is how long an attached client still gets what an ended container had written, on its way from the
// log process.
const lastOutput = 200 * time.Millisecond

var (
	_ remotecommand.Executor = streams{}
	_ remotecommand.Attacher = streams{}
)

// ExecInContainer runs a command. A code other than 0 is an ExitError.
func (s streams) ExecInContainer(ctx context.Context, _, _, id string, command []string, in io.Reader, out, err io.WriteCloser, tty bool, resize <-chan remotecommand.TerminalSize, _ time.Duration) error {
	code, failed := s.runtime.Exec(ctx, id, runtime.Exec{Command: command, TTY: tty, Streams: clientStreams(ctx, in, out, err, resize)})
	if failed != nil {
		return failed
	}
	if code != 0 {
		return utilexec.CodeExitError{Err: fmt.Errorf("command terminated with exit code %d", code), Code: code}
	}
	return nil
}

// AttachContainer connects to a container's own process.
func (s streams) AttachContainer(ctx context.Context, _, _, id string, in io.Reader, out, err io.WriteCloser, _ bool, resize <-chan remotecommand.TerminalSize) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // ends with the container or the session
		select {
		case <-s.ended:
		case <-ctx.Done():
			return
		}
		select {
		case <-time.After(lastOutput):
			cancel()
		case <-ctx.Done():
		}
	}()
	return s.runtime.Attach(ctx, id, clientStreams(ctx, in, out, err, resize))
}

// clientStreams keeps absent streams nil, which a nil WriteCloser in an io.Writer would not be.
func clientStreams(ctx context.Context, in io.Reader, out, err io.WriteCloser, resize <-chan remotecommand.TerminalSize) runtime.Streams {
	s := runtime.Streams{Stdin: in}
	if out != nil {
		s.Stdout = out
	}
	if err != nil {
		s.Stderr = err
	}
	if resize != nil {
		sizes := make(chan runtime.Size)
		s.Resize = sizes
		go func() { // ends with the client's sizes or the session
			defer close(sizes)
			for size := range resize {
				select {
				case sizes <- runtime.Size{Width: size.Width, Height: size.Height}:
				case <-ctx.Done():
					return
				}
			}
		}()
	}
	return s
}

func (s *Server) portForward(w http.ResponseWriter, r *http.Request) {
	options, err := portforward.NewV4Options(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	path, err := s.Pods.NetNS(r.PathValue("namespace"), r.PathValue("pod"), r.PathValue("uid"))
	if err != nil {
		fail(w, err)
		return
	}
	portforward.ServePortForward(w, r, forwarder{path}, r.PathValue("pod"), r.PathValue("uid"), options,
		idleTimeout, creationTimeout, portforward.SupportedProtocols)
}

// forwarder connects to ports of loopback in a network namespace.
type forwarder struct{ netns string }

var _ portforward.PortForwarder = forwarder{}

// PortForward copies between the client's stream and the port until both are done.
func (f forwarder) PortForward(ctx context.Context, _, _ string, port int32, stream io.ReadWriteCloser) error {
	defer stream.Close()
	conn, err := f.dial(ctx, port)
	if err != nil {
		return err
	}
	defer conn.Close()
	sent := make(chan error, 1)
	go func() {
		_, err := io.Copy(conn, stream)
		if half, ok := conn.(*net.TCPConn); ok && err == nil {
			err = half.CloseWrite()
		}
		sent <- err
	}()
	_, err = io.Copy(stream, conn)
	stream.Close() // ends the copy towards the pod
	conn.Close()
	<-sent
	return err
}

func (f forwarder) dial(ctx context.Context, port int32) (net.Conn, error) {
	var conn net.Conn
	var err error
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(int(port)))
	do := func() (err error) { // one address: the socket is made on the calling thread
		conn, err = (&net.Dialer{}).DialContext(ctx, "tcp4", address)
		return err
	}
	if f.netns == "" {
		err = do()
	} else {
		err = netns.Do(f.netns, do)
	}
	return conn, err
}
