package runtime

import (
	"context"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"taffrail.dev/events/errs"
)

// Fake runs containers in memory. A container runs until it is told to end by End or by a signal, which
// ends it with 128 and the signal's number; the zero value is ready.
type Fake struct {
	// Run, if set, is asked how a container goes when it starts: the code that it ends with at once, or
	// false to run on.
	Run func(Container) (code int, ends bool)
	// OnExec, if set, answers Exec.
	OnExec func(id string, e Exec) (int, error)

	mu         sync.Mutex // guards what follows
	containers map[string]*fakeContainer
	sandboxes  map[string]Sandbox
	watchers   map[chan Exit]bool
}

type fakeContainer struct {
	spec Container
	info Info
}

var _ Runtime = (*Fake)(nil)

// Version implements Runtime.
func (f *Fake) Version(context.Context) (string, error) { return "fake://1", nil }

// CreateSandbox implements Runtime.
func (f *Fake) CreateSandbox(_ context.Context, pod *corev1.Pod) (Sandbox, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.sandboxes == nil {
		f.sandboxes = map[string]Sandbox{}
	}
	s := Sandbox{NetNS: "/fake/net/" + string(pod.UID), IPC: "/fake/ipc/" + string(pod.UID)}
	f.sandboxes[string(pod.UID)] = s
	return s, nil
}

// RemoveSandbox implements Runtime.
func (f *Fake) RemoveSandbox(_ context.Context, uid string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.sandboxes, uid)
	return nil
}

// Create implements Runtime.
func (f *Fake) Create(_ context.Context, c Container) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.containers == nil {
		f.containers = map[string]*fakeContainer{}
	}
	if f.containers[c.ID] != nil {
		return errs.F("create container", errs.AlreadyExists, "container %s exists", c.ID)
	}
	if _, err := argv(c); err != nil {
		return errs.E("create container", errs.Invalid, err)
	}
	f.containers[c.ID] = &fakeContainer{c, Info{ID: c.ID, PodUID: string(c.Pod.UID), PodNamespace: c.Pod.Namespace, PodName: c.Pod.Name,
		Name: c.Spec.Name, Attempt: c.Attempt, Image: c.Image.Name, ImageID: c.Image.ID, LogPath: c.LogPath, State: Created}}
	return nil
}

func (f *Fake) get(op, id string) (*fakeContainer, error) {
	if c := f.containers[id]; c != nil {
		return c, nil
	}
	return nil, errs.F(op, errs.NotFound, "no container %s", id)
}

// Start implements Runtime.
func (f *Fake) Start(_ context.Context, id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	c, err := f.get("start container", id)
	if err != nil {
		return err
	}
	c.info.State, c.info.PID, c.info.StartedAt = Running, len(f.containers)+1000, time.Now()
	if f.Run != nil {
		if code, ends := f.Run(c.spec); ends {
			f.end(c, Exit{ID: id, Code: code, At: time.Now()})
		}
	}
	return nil
}

// End ends a running container by itself.
func (f *Fake) End(e Exit) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c := f.containers[e.ID]; c != nil && c.info.State == Running {
		f.end(c, e)
	}
}

// end tells all watchers; mu is held.
func (f *Fake) end(c *fakeContainer, e Exit) {
	c.info.State, c.info.Exit, c.info.PID = Exited, e, 0
	for w := range f.watchers {
		w <- e
	}
}

// Kill implements Runtime.
func (f *Fake) Kill(_ context.Context, id string, signal int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c := f.containers[id]; c != nil && c.info.State == Running {
		f.end(c, Exit{ID: id, Code: 128 + signal, Signal: signal, At: time.Now()})
	}
	return nil
}

// Remove implements Runtime.
func (f *Fake) Remove(ctx context.Context, id string) error {
	if err := f.Kill(ctx, id, 9); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.containers, id)
	return nil
}

// List implements Runtime.
func (f *Fake) List(context.Context) ([]Info, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []Info
	for _, c := range f.containers {
		out = append(out, c.info)
	}
	return out, nil
}

// Events implements Runtime.
func (f *Fake) Events(ctx context.Context, ready func(), on func(Exit)) error {
	// Ends are few in a test; a full channel is one that forgot to read.
	w := make(chan Exit, 1024)
	f.mu.Lock()
	if f.watchers == nil {
		f.watchers = map[chan Exit]bool{}
	}
	f.watchers[w] = true
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		delete(f.watchers, w)
		f.mu.Unlock()
	}()
	ready()
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-w:
			on(e)
		}
	}
}

// Exec implements Runtime.
func (f *Fake) Exec(_ context.Context, id string, e Exec) (int, error) {
	f.mu.Lock()
	c, err := f.get("exec", id)
	ask := f.OnExec
	f.mu.Unlock()
	switch {
	case err != nil:
		return -1, err
	case c.info.State != Running:
		return -1, errs.F("exec", errs.Internal, "container %s does not run", id)
	case ask == nil:
		return 0, nil
	}
	return ask(id, e)
}

// Attach implements Runtime.
func (f *Fake) Attach(ctx context.Context, id string, _ Streams) error {
	f.mu.Lock()
	_, err := f.get("attach", id)
	f.mu.Unlock()
	if err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// Stats implements Runtime.
func (f *Fake) Stats(_ context.Context, id string) (Stats, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.get("measure container", id); err != nil {
		return Stats{}, err
	}
	return Stats{At: time.Now(), Processes: 1}, nil
}
