package runtime

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	tasks "github.com/containerd/containerd/api/services/tasks/v1"
	"github.com/containerd/containerd/v2/pkg/cio"
	"github.com/containerd/errdefs/pkg/errgrpc"
	"github.com/containerd/typeurl/v2"
	"github.com/opencontainers/runtime-spec/specs-go"
	"google.golang.org/protobuf/types/known/anypb"
)

// execs numbers the commands of this process; with its start they are unique.
var execs = struct {
	start int64
	n     atomic.Int64
}{start: time.Now().UnixNano()}

// Exec implements Runtime.
func (r *Containerd) Exec(ctx context.Context, id string, e Exec) (int, error) {
	ctx = scoped(ctx)
	process, err := r.process(ctx, id, e)
	if err != nil {
		return -1, err
	}
	execID := fmt.Sprintf("exec-%x-%d", execs.start, execs.n.Add(1))
	ended := make(chan struct{})
	defer close(ended)
	switch {
	case e.Stdin != nil && e.TTY:
		e.Stdin = &lasting{Reader: e.Stdin, until: ended}
	case e.Stdin != nil:
		// The shim holds the pipe open until it is told that no more comes.
		e.Stdin = &ending{Reader: e.Stdin, end: func() { r.closeStdin(context.WithoutCancel(ctx), id, execID) }}
	}
	out := streams(e)
	pipes, err := cio.NewCreator(out, cio.WithFIFODir(filepath.Join(r.cfg.State, "io")))(execID)
	if err != nil {
		return -1, err
	}
	defer pipes.Close()
	ts := r.cfg.Client.TaskService()
	c := pipes.Config()
	_, err = ts.Exec(ctx, &tasks.ExecProcessRequest{
		ContainerID: id, ExecID: execID, Spec: process, Terminal: e.TTY, Stdin: c.Stdin, Stdout: c.Stdout, Stderr: c.Stderr,
	})
	if err != nil {
		pipes.Cancel()
		return -1, kinded("exec", errgrpc.ToNative(err))
	}
	clean := context.WithoutCancel(ctx)
	defer func() { _, _ = ts.DeleteProcess(clean, &tasks.DeleteProcessRequest{ContainerID: id, ExecID: execID}) }()
	if _, err = ts.Start(ctx, &tasks.StartRequest{ContainerID: id, ExecID: execID}); err != nil {
		pipes.Cancel()
		return -1, kinded("exec", errgrpc.ToNative(err))
	}
	stop := context.AfterFunc(ctx, func() {
		_, _ = ts.Kill(clean, &tasks.KillRequest{ContainerID: id, ExecID: execID, Signal: 9})
	})
	defer stop()
	resized := make(chan struct{})
	defer close(resized)
	go r.resize(clean, id, execID, e.Resize, resized)
	w, err := ts.Wait(clean, &tasks.WaitRequest{ContainerID: id, ExecID: execID})
	if err != nil {
		return -1, kinded("exec", errgrpc.ToNative(err))
	}
	awaitOutput(pipes)
	if ctx.Err() != nil {
		return -1, ctx.Err()
	}
	return int(w.ExitStatus), nil
}

// ending calls end once its reader has.
type ending struct {
	io.Reader
	once sync.Once
	end  func()
}

func (r *ending) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	if err != nil {
		r.once.Do(r.end)
	}
	return n, err
}

// lasting keeps its reader's end back: a terminal whose input is closed hangs up, but who has typed all there is
// still wants to see what comes of it.
type lasting struct {
	io.Reader
	until <-chan struct{}
}

func (r *lasting) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	if n == 0 && err != nil {
		<-r.until
	}
	return n, err
}

// closeStdin fails only for a process that has ended.
func (r *Containerd) closeStdin(ctx context.Context, id, execID string) {
	_, _ = r.cfg.Client.TaskService().CloseIO(ctx, &tasks.CloseIORequest{ContainerID: id, ExecID: execID, Stdin: true})
}

// awaitOutput waits for what the command wrote; a process that it left behind may
// hold the pipe open, and is not waited for.
func awaitOutput(pipes cio.IO) {
	done := make(chan struct{})
	go func() { pipes.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(time.Second):
		pipes.Cancel()
	}
}

func streams(e Exec) cio.Opt {
	return func(s *cio.Streams) {
		s.Stdin, s.Stdout, s.Stderr, s.Terminal = e.Stdin, e.Stdout, e.Stderr, e.TTY
		if s.Stdout == nil {
			s.Stdout = io.Discard
		}
		if s.Stderr == nil && !e.TTY {
			s.Stderr = io.Discard
		}
	}
}

// process is the container's own process with another command line.
func (r *Containerd) process(ctx context.Context, id string, e Exec) (*anypb.Any, error) {
	rec, err := r.cfg.Client.ContainerService().Get(ctx, id)
	if err != nil {
		return nil, kinded("exec", err)
	}
	var spec specs.Spec
	if err := typeurl.UnmarshalTo(rec.Spec, &spec); err != nil {
		return nil, err
	}
	p := *spec.Process
	p.Args, p.Terminal = e.Command, e.TTY
	if e.TTY {
		p.Env = append(p.Env, "TERM=xterm")
	}
	any, err := typeurl.MarshalAny(&p)
	if err != nil {
		return nil, err
	}
	return typeurl.MarshalProto(any), nil
}

func (r *Containerd) resize(ctx context.Context, id, execID string, sizes <-chan Size, done <-chan struct{}) {
	if sizes == nil {
		return
	}
	for {
		select {
		case s, ok := <-sizes:
			if !ok {
				return
			}
			_, _ = r.cfg.Client.TaskService().ResizePty(ctx, &tasks.ResizePtyRequest{
				ContainerID: id, ExecID: execID, Width: uint32(s.Width), Height: uint32(s.Height)})
		case <-done:
			return
		}
	}
}

// Attach implements Runtime.
func (r *Containerd) Attach(ctx context.Context, id string, s Streams) error {
	ctx, cancel := context.WithCancel(scoped(ctx))
	defer cancel()
	go r.resize(ctx, id, "", s.Resize, ctx.Done())
	ready := func() {}
	if s.Stdin != nil {
		in, err := os.OpenFile(filepath.Join(r.pipeDir(id), "stdin"), os.O_WRONLY, 0)
		if err != nil {
			return fmt.Errorf("the container takes no standard input: %w", err)
		}
		defer in.Close()
		ready = func() { go r.feed(ctx, id, in, s.Stdin) } // what it answers is not missed
	}
	return r.cfg.Logs.Attach(ctx, id, s.Stdout, s.Stderr, ready)
}

// feed copies a client's input to a container, to whom a client that is the only one ends it.
func (r *Containerd) feed(ctx context.Context, id string, in io.WriteCloser, from io.Reader) {
	_, _ = io.Copy(in, from)
	in.Close()
	if rec, err := r.cfg.Client.ContainerService().Get(ctx, id); err == nil && rec.Labels[labelOnce] != "" {
		r.closeStdin(ctx, id, "")
	}
}

// Stats implements Runtime.
func (r *Containerd) Stats(ctx context.Context, id string) (Stats, error) {
	u := r.cfg.Cgroups.Usage(r.group(id))
	s := Stats{At: time.Now(), CPUNanos: u.CPUNanos, MemoryUsage: u.Memory, MemoryWorkingSet: u.WorkingSet, MemoryRSS: u.RSS,
		PageFaults: u.Faults, MajorPageFaults: u.MajorFaults, Processes: u.Procs}
	usage, err := r.cfg.Client.SnapshotService(snapshotter).Usage(scoped(ctx), id)
	if err != nil {
		return s, kinded("measure the container's files", err)
	}
	s.RootBytes, s.RootInodes = uint64(usage.Size), uint64(usage.Inodes)
	return s, nil
}
