package nodeagent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/containerd/containerd/v2/client"
	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"taffrail.dev/events/subject"
	"taffrail.dev/nodeagent/assignment"
	"taffrail.dev/nodeagent/image"
	"taffrail.dev/nodeagent/logs"
	"taffrail.dev/nodeagent/pod"
	"taffrail.dev/nodeagent/report"
	"taffrail.dev/nodeagent/runtime"
	"taffrail.dev/nodeagent/runtime/cgroup"
	"taffrail.dev/nodeagent/runtime/daemon"
	"taffrail.dev/nodeagent/server"
	"taffrail.dev/nodeagent/volume"
)

const (
	// busy bounds the actions under way at once that cost processor time.
	busy = 8
	// pulls bounds the images fetched at once.
	pulls = 5
)

// Agent runs one node.
type Agent struct {
	cfg      Config
	objects  *objects
	daemon   *daemon.Daemon
	logs     *logs.Client
	runtime  *runtime.Containerd
	images   *image.Store
	puller   *image.Puller
	volumes  *volume.Volumes
	statuses *report.Pods
	events   *report.Events
	node     *report.Node
	slots    chan struct{}
	// ram is the machine's, in bytes.
	ram int64

	mu      sync.Mutex // guards what follows; not held over I/O
	workers map[types.UID]*worker
	byName  map[key]types.UID
	health  error
	// adopted is what an earlier agent left, by pod, until its pod is known.
	adopted map[types.UID][]runtime.Info
	running sync.WaitGroup
}

// New makes a node agent; Run runs it.
func New(c Config) *Agent {
	return &Agent{cfg: c, objects: newObjects(), workers: map[types.UID]*worker{}, byName: map[key]types.UID{},
		slots: make(chan struct{}, busy), health: errors.New("container runtime is not up yet")}
}

// Run runs the node until ctx ends. Containers, containerd and the log process go on then.
func (a *Agent) Run(ctx context.Context) error {
	if err := a.cfg.complete(); err != nil {
		return err
	}
	if err := a.start(ctx); err != nil {
		return err
	}
	defer a.images.Client().Close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var parts sync.WaitGroup
	part := func(name string, run func(context.Context) error) {
		parts.Go(func() {
			if err := run(ctx); err != nil && ctx.Err() == nil {
				cancel(fmt.Errorf("%s: %w", name, err))
			}
		})
	}
	part("statuses", a.statuses.Run)
	part("events", a.events.Run)
	part("containerd", a.daemon.Run)
	adopting := make(chan struct{})
	part("container events", func(ctx context.Context) error { return a.followContainers(ctx, adopting) })
	select {
	case <-adopting:
	case <-ctx.Done():
		parts.Wait()
		return nil
	}
	if err := a.follower().Load(func(c assignment.Change) { a.apply(ctx, c) }); err != nil {
		cancel(err)
	}
	part("assignment", func(ctx context.Context) error {
		return a.follower().Run(ctx, func(c assignment.Change) { a.apply(ctx, c) }, func() { a.complete(ctx) })
	})
	part("node", a.node.Run)
	part("image collection", a.collector().Run)
	part("storage", a.watchStorage)
	if a.cfg.Listener != nil {
		part("kubelet API", a.server().Run)
	}
	if a.cfg.Ready != nil {
		a.cfg.Ready()
	}
	parts.Wait()
	a.running.Wait()
	if err := context.Cause(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// start brings up what pods run on.
func (a *Agent) start(ctx context.Context) error {
	c := &a.cfg
	for _, dir := range []string{c.DataDir, c.StateDir} {
		if err := os.MkdirAll(dir, 0o711); err != nil {
			return err
		}
	}
	own := daemon.Config{Root: filepath.Join(c.DataDir, "containerd"), State: filepath.Join(c.StateDir, "containerd"), Socket: c.Socket, Bin: c.BinDir, Log: c.Log}
	a.daemon = daemon.New(own)
	a.logs = &logs.Client{Program: filepath.Join(c.BinDir, "taffrail-logger"), Socket: filepath.Join(c.StateDir, "logs.sock")}
	var up sync.WaitGroup
	var logsErr error
	up.Go(func() { logsErr = a.logs.Ensure(ctx) })
	err := a.daemon.Ensure(ctx)
	up.Wait()
	if err = errors.Join(err, logsErr); err != nil {
		return err
	}
	cl, err := client.New(c.Socket, client.WithTimeout(10*time.Second))
	if err != nil {
		return fmt.Errorf("connect to containerd: %w", err)
	}
	registries, err := image.LoadRegistries(c.RegistryConfig)
	if err != nil {
		return err
	}
	a.runtime = runtime.NewContainerd(runtime.Config{
		Client: cl, Logs: a.logs, LogLimits: c.LogLimits, Root: c.DataDir, State: c.StateDir, Tasks: own.Tasks(), Seccomp: filepath.Join(c.DataDir, "seccomp"),
		SeccompDefault: c.SeccompDefault, Cgroups: cgroup.New("/sys/fs/cgroup"), CgroupParent: a.cgroupOf, PodLimits: a.limitsOf, Log: c.Log,
	})
	a.images = image.NewStore(cl)
	a.puller = image.NewPuller(a.images, registries, pulls)
	a.volumes = volume.New(volume.Config{Dir: filepath.Join(c.DataDir, "pods"), Objects: a.objects, Tokens: tokens{c.Commands}, Now: time.Now})
	a.statuses = report.NewPods(c.Commands, c.Log)
	a.events = report.NewEvents(c.NodeName, c.Commands, c.Log)
	a.node = report.NewNode(a.nodeConfig())
	a.ram = totalMemory()
	return nil
}

func (a *Agent) follower() *assignment.Follower {
	return &assignment.Follower{Node: a.cfg.NodeName, Dir: filepath.Join(a.cfg.DataDir, "assignment"), Assign: a.cfg.Assign, Conn: a.cfg.Conn, Log: a.cfg.Log}
}

func (a *Agent) server() *server.Server {
	c := &a.cfg
	return server.New(server.Config{Pods: a, Runtime: a.runtime, Listener: c.Listener, Certificate: c.Certificate, Clients: c.Clients,
		Names: c.Names, Metrics: c.MetricsPage, Log: c.Log})
}

// apply takes one change of the assignment.
func (a *Agent) apply(ctx context.Context, c assignment.Change) {
	if a.cfg.Proxy != nil && c.ToAll {
		a.cfg.Proxy.Apply(c.Message)
	}
	if c.Object.Resource == subject.Pods {
		a.applyPod(ctx, c)
		return
	}
	used, err := a.objects.apply(c)
	if err != nil {
		a.cfg.Log.Error("an assigned object cannot be decoded", zap.Stringer("object", c.Object), zap.Error(err))
		return
	}
	if used {
		a.each(func(w *worker) {
			if w.namespace == c.Object.Namespace {
				w.send(message{objects: true})
			}
		})
	}
}

func (a *Agent) applyPod(ctx context.Context, c assignment.Change) {
	k := key{c.Object.Namespace, c.Object.Name}
	cause := cause{c.Sequence, c.Correlation}
	a.mu.Lock()
	defer a.mu.Unlock()
	old := a.workers[a.byName[k]]
	if c.Removed {
		if old != nil {
			old.send(message{removed: true, cause: cause})
		}
		return
	}
	p := &corev1.Pod{}
	if err := p.Unmarshal(c.State); err != nil {
		a.cfg.Log.Error("an assigned pod cannot be decoded", zap.Stringer("object", c.Object), zap.Error(err))
		return
	}
	if old != nil && old.uid == p.UID {
		old.send(message{pod: p, cause: cause})
		return
	}
	if old != nil {
		old.send(message{removed: true, cause: cause}) // another pod took the name
	}
	w := a.newWorker(p, cause)
	w.adopt = a.adopted[p.UID]
	delete(a.adopted, p.UID)
	a.workers[p.UID], a.byName[k] = w, p.UID
	a.running.Go(func() { w.run(ctx) })
}

// each calls do with every worker.
func (a *Agent) each(do func(*worker)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, w := range a.workers {
		do(w)
	}
}

// complete is called when all that the node has to know is known: what is left of other pods goes.
func (a *Agent) complete(ctx context.Context) {
	if a.cfg.Proxy != nil {
		a.cfg.Proxy.Mark(nil)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	left := map[types.UID][]string{}
	for uid, list := range a.adopted {
		for _, i := range list {
			left[uid] = append(left[uid], i.ID)
		}
	}
	a.adopted = nil
	for _, uid := range append(a.runtime.Sandboxes(), a.volumes.Pods()...) {
		if a.workers[types.UID(uid)] == nil {
			left[types.UID(uid)] = append(left[types.UID(uid)], nil...)
		}
	}
	for uid, ids := range left {
		if a.workers[uid] == nil {
			a.running.Go(func() {
				a.removeLeft(ctx, uid, ids)
				if err := a.volumes.Remove(string(uid)); err != nil {
					a.cfg.Log.Warn("the folder of a pod stays", zap.String("uid", string(uid)), zap.Error(err))
				}
			})
		}
	}
}

// removeLeft ends what an earlier agent left of a pod: all but its files.
func (a *Agent) removeLeft(ctx context.Context, uid types.UID, containers []string) {
	var err error
	for _, id := range containers {
		err = errors.Join(err, a.runtime.Remove(ctx, id))
	}
	err = errors.Join(err, a.cfg.Network.Teardown(ctx, sandboxOf(uid, "", "", a.netNS(uid))), a.runtime.RemoveSandbox(ctx, string(uid)), a.volumes.Teardown(string(uid)))
	if err != nil && ctx.Err() == nil {
		a.cfg.Log.Warn("what is left of a pod stays", zap.String("uid", string(uid)), zap.Error(err))
	}
}

// followContainers tells workers of containers' ends, and first what there is.
func (a *Agent) followContainers(ctx context.Context, adopting chan<- struct{}) error {
	first := true
	for wait := 50 * time.Millisecond; ctx.Err() == nil; wait = min(2*wait, 5*time.Second) {
		session, stop := context.WithCancel(ctx)
		ready := func() {
			if err := a.adoptAll(session, first); err != nil {
				a.cfg.Log.Error("listing containers failed", zap.Error(err))
				stop()
				return
			}
			wait = 50 * time.Millisecond
			if first {
				first = false
				close(adopting)
			}
			a.setHealth(nil)
		}
		err := a.runtime.Events(session, ready, a.ended)
		stop()
		if ctx.Err() != nil {
			return nil
		}
		a.setHealth(fmt.Errorf("container runtime is down: %v", err))
		a.cfg.Log.Warn("the connection to containerd broke", zap.Error(err))
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
	return nil
}

// adoptAll reads what containers there are: at first to hand them to their pods, later to tell of ends
// that were missed.
func (a *Agent) adoptAll(ctx context.Context, first bool) error {
	list, err := a.runtime.List(ctx)
	if err != nil {
		return err
	}
	if !first {
		for _, i := range list {
			if i.State == runtime.Exited {
				a.ended(i.Exit)
			}
		}
		return nil
	}
	live := map[string]bool{}
	for _, uid := range a.runtime.Sandboxes() {
		live[uid] = true
	}
	if err := a.cfg.Network.Prune(ctx, live); err != nil {
		a.cfg.Log.Warn("pruning the pod network failed", zap.Error(err))
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.adopted = map[types.UID][]runtime.Info{}
	for _, i := range list {
		a.adopted[types.UID(i.PodUID)] = append(a.adopted[types.UID(i.PodUID)], i)
	}
	return nil
}

func (a *Agent) ended(e runtime.Exit) {
	uid := types.UID(pod.PodOf(e.ID))
	a.mu.Lock()
	w := a.workers[uid]
	for i := range a.adopted[uid] { // its pod is not known yet
		if c := &a.adopted[uid][i]; c.ID == e.ID {
			c.State, c.Exit = runtime.Exited, e
		}
	}
	a.mu.Unlock()
	if w != nil {
		w.send(message{exit: &e})
	}
}

func (a *Agent) setHealth(err error) {
	a.mu.Lock()
	changed := (a.health == nil) != (err == nil)
	a.health = err
	a.mu.Unlock()
	if changed {
		a.node.Changed()
	}
}
