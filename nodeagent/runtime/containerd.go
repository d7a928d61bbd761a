package runtime

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	tasks "github.com/containerd/containerd/api/services/tasks/v1"
	apitypes "github.com/containerd/containerd/api/types"
	"github.com/containerd/containerd/api/types/runc/options"
	"github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/errdefs"
	"github.com/containerd/errdefs/pkg/errgrpc"
	"github.com/containerd/typeurl/v2"
	"github.com/opencontainers/runtime-spec/specs-go"
	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"

	"taffrail.dev/events/errs"
	"taffrail.dev/nodeagent/lock"
	"taffrail.dev/nodeagent/logs"
	"taffrail.dev/nodeagent/runtime/cgroup"
)

// Namespace is containerd's namespace for Kubernetes, which crictl and nerdctl look at too.
const Namespace = "k8s.io"

const (
	snapshotter = "overlayfs"
	runcRuntime = "io.containerd.runc.v2"
	gcRoot      = "containerd.io/gc.root"
)

// Config is what the containerd runtime needs of its node.
type Config struct {
	Client *client.Client
	Logs   *logs.Client
	// LogLimits bound each container's log files.
	LogLimits logs.Limits
	// Root keeps small files across reboots; State holds namespaces and pipes. Tasks is containerd's folder of tasks'
	// bundles.
	Root, State, Tasks string
	// Seccomp is the folder of Localhost profiles.
	Seccomp string
	// SeccompDefault confines containers that name no profile by the default one.
	SeccompDefault bool
	// Cgroups is the tree, CgroupParent gives a pod's group in it and PodLimits its bounds.
	Cgroups      cgroup.Tree
	CgroupParent func(*corev1.Pod) string
	PodLimits    func(*corev1.Pod) cgroup.Limits
	Log          *zap.Logger
}

// Containerd runs containers by containerd.
type Containerd struct {
	cfg Config
	ns  namespacesOf
	// locks order what is done to one container, pods what starts and ends a pod's shim.
	locks, pods lock.ByName

	mu       sync.Mutex // guards what follows; not held over I/O
	accounts map[string]accounts
	groups   map[string]string // cgroup by container
	warned   bool
}

var _ Runtime = (*Containerd)(nil)

// NewContainerd makes a Runtime of a connected client.
func NewContainerd(cfg Config) *Containerd {
	return &Containerd{cfg: cfg, ns: namespacesOf{filepath.Join(cfg.State, "ns")}, accounts: map[string]accounts{}, groups: map[string]string{}}
}

func scoped(ctx context.Context) context.Context { return namespaces.WithNamespace(ctx, Namespace) }

// Version implements Runtime.
func (r *Containerd) Version(ctx context.Context) (string, error) {
	v, err := r.cfg.Client.Version(scoped(ctx))
	if err != nil {
		return "", err
	}
	return "containerd://" + trimV(v.Version), nil
}

func seccompOf(c Config) profiles { return profiles{c.Seccomp, c.SeccompDefault} }

func trimV(s string) string {
	if len(s) > 0 && s[0] == 'v' {
		return s[1:]
	}
	return s
}

// CreateSandbox implements Runtime.
func (r *Containerd) CreateSandbox(ctx context.Context, pod *corev1.Pod) (Sandbox, error) {
	s, err := r.ns.ensure(pod)
	if err != nil {
		return s, err
	}
	if err := r.cfg.Cgroups.Ensure(r.cfg.CgroupParent(pod), r.cfg.PodLimits(pod)); err != nil {
		return s, fmt.Errorf("cgroup of pod: %w", err)
	}
	if share := pod.Spec.ShareProcessNamespace; share != nil && *share && !pod.Spec.HostPID {
		if s.PID, err = r.ensurePause(scoped(ctx), pod, s); err != nil {
			return s, fmt.Errorf("pause process: %w", err)
		}
	}
	return s, os.WriteFile(r.sandboxFile(string(pod.UID)), []byte(r.cfg.CgroupParent(pod)), 0o600)
}

// sandboxFile remembers a pod's cgroup, which is needed when the pod is no longer known.
func (r *Containerd) sandboxFile(uid string) string {
	dir := filepath.Join(r.cfg.State, "sandbox")
	_ = os.MkdirAll(dir, 0o711)
	return filepath.Join(dir, uid)
}

// Sandboxes are the uids of the pods that have a sandbox.
func (r *Containerd) Sandboxes() []string {
	entries, _ := os.ReadDir(filepath.Join(r.cfg.State, "sandbox"))
	out := make([]string, len(entries))
	for i, e := range entries {
		out[i] = e.Name()
	}
	return out
}

// RemoveSandbox implements Runtime.
func (r *Containerd) RemoveSandbox(ctx context.Context, uid string) error {
	if err := r.Remove(ctx, pauseID(uid)); err != nil {
		return err
	}
	if err := r.ns.remove(uid); err != nil {
		return err
	}
	group, err := os.ReadFile(r.sandboxFile(uid))
	if err != nil {
		return nil
	}
	// A container's group goes a moment after its last process.
	for wait := 5 * time.Millisecond; ; wait *= 2 {
		if err = r.cfg.Cgroups.Remove(string(group)); err == nil || wait > time.Second || !errors.Is(err, syscall.EBUSY) {
			break
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
	if err != nil {
		r.cfg.Log.Warn("a pod's cgroup stays", zap.String("uid", uid), zap.Error(err))
	}
	return os.Remove(r.sandboxFile(uid))
}

func pauseID(uid string) string { return "pause-" + uid }

// ensurePause starts the pause process of a pod, or finds it.
func (r *Containerd) ensurePause(ctx context.Context, pod *corev1.Pod, s Sandbox) (int, error) {
	id := pauseID(string(pod.UID))
	if t, err := r.cfg.Client.TaskService().Get(ctx, &tasks.GetRequest{ContainerID: id}); err == nil && t.Process.Pid > 0 {
		return int(t.Process.Pid), nil
	}
	if err := r.Remove(ctx, id); err != nil {
		return 0, err
	}
	root, err := pauseRoot(r.cfg.Root)
	if err != nil {
		return 0, err
	}
	c := Container{ID: id, Pod: pod, Spec: &corev1.Container{Name: "pause"}, Sandbox: s, Command: []string{"/pause"},
		CgroupParent: r.cfg.CgroupParent(pod), OOMScoreAdj: -998}
	spec, err := specify(c, identity{}, profiles{})
	if err != nil {
		return 0, err
	}
	spec.Root = &specs.Root{Path: root, Readonly: true}
	if err := r.record(ctx, c, spec, ""); err != nil {
		return 0, err
	}
	if _, err := r.cfg.Client.TaskService().Create(ctx, &tasks.CreateTaskRequest{ContainerID: id}); err != nil {
		return 0, errgrpc.ToNative(err)
	}
	started, err := r.cfg.Client.TaskService().Start(ctx, &tasks.StartRequest{ContainerID: id})
	if err != nil {
		return 0, errgrpc.ToNative(err)
	}
	return int(started.Pid), nil
}

// Create implements Runtime.
func (r *Containerd) Create(ctx context.Context, c Container) (err error) {
	ctx = scoped(ctx)
	defer r.locks.Lock(c.ID)()
	who, err := r.identify(ctx, c)
	if err != nil {
		return errs.E("create container", errs.Invalid, err)
	}
	if err := r.join(ctx, &c); err != nil {
		return errs.E("create container", errs.Invalid, err)
	}
	spec, err := specify(c, who, seccompOf(r.cfg))
	if err != nil {
		return errs.E("create container", errs.Invalid, err)
	}
	if c.OOMScoreAdj < 0 && spec.Process.OOMScoreAdj == nil {
		r.warnOOM()
	}
	out, err := r.pipes(c)
	if err != nil {
		return err
	}
	mounts, err := r.cfg.Client.SnapshotService(snapshotter).Prepare(ctx, c.ID, c.Image.Snapshot,
		snapshots.WithLabels(map[string]string{gcRoot: c.Pod.CreationTimestamp.UTC().Format("2006-01-02T15:04:05Z")}))
	if err != nil {
		return kinded("prepare the container's files", err)
	}
	defer func() {
		if err != nil {
			_ = r.remove(context.WithoutCancel(ctx), c.ID)
		}
	}()
	if err := r.record(ctx, c, spec, snapshotter); err != nil {
		return kinded("record the container", err)
	}
	if err := r.cfg.Logs.Collect(ctx, c.ID, out); err != nil {
		return fmt.Errorf("collect the container's output: %w", err)
	}
	request := &tasks.CreateTaskRequest{ContainerID: c.ID, Stdout: out.Stdout, Stderr: out.Stderr, Terminal: c.Spec.TTY}
	if c.Spec.Stdin {
		request.Stdin = filepath.Join(r.pipeDir(c.ID), "stdin")
	}
	for _, m := range mounts {
		request.Rootfs = append(request.Rootfs, &apitypes.Mount{Type: m.Type, Source: m.Source, Target: m.Target, Options: m.Options})
	}
	if err := r.createTask(ctx, string(c.Pod.UID), request); err != nil {
		if err = kinded("create the container's process", err); cannotBegin(err) {
			return fmt.Errorf("%w: %w", ErrNotStarted, err)
		}
		return err
	}
	return nil
}

// join puts a container into its target's process namespace.
func (r *Containerd) join(ctx context.Context, c *Container) error {
	if c.Target == "" || c.Pod.Spec.HostPID || c.Sandbox.PID > 0 {
		return nil
	}
	t, err := r.cfg.Client.TaskService().Get(ctx, &tasks.GetRequest{ContainerID: c.Target})
	if err != nil || t.Process.Pid == 0 {
		return fmt.Errorf("target container %s is not running", c.Target)
	}
	c.Sandbox.PID = int(t.Process.Pid)
	return nil
}

func (r *Containerd) warnOOM() {
	r.mu.Lock()
	first := !r.warned
	r.warned = true
	r.mu.Unlock()
	if first {
		r.cfg.Log.Warn("containers run without their OOM protection: this node may not lower oom_score_adj (CAP_SYS_RESOURCE)")
	}
}

// record writes containerd's record of a container; its labels are all that adopting it needs.
func (r *Containerd) record(ctx context.Context, c Container, spec *specs.Spec, snapshotter string) error {
	// One shim serves all of a pod's containers.
	spec.Annotations = map[string]string{"io.containerd.runc.v2.group": string(c.Pod.UID)}
	any, err := typeurl.MarshalAny(spec)
	if err != nil {
		return err
	}
	// The OCI runtime's own state lives with the node's, so that nodes on one host don't meet.
	how, err := typeurl.MarshalAny(&options.Options{Root: filepath.Join(r.cfg.State, "runc")})
	if err != nil {
		return err
	}
	rec := containers.Container{ID: c.ID, Image: c.Image.Name, Labels: labelsOf(c), Spec: any,
		Runtime: containers.RuntimeInfo{Name: runcRuntime, Options: how}}
	if snapshotter != "" {
		rec.Snapshotter, rec.SnapshotKey = snapshotter, c.ID
	}
	r.mu.Lock()
	r.groups[c.ID] = spec.Linux.CgroupsPath
	r.mu.Unlock()
	_, err = r.cfg.Client.ContainerService().Create(ctx, rec)
	return err
}

func (r *Containerd) pipeDir(id string) string { return filepath.Join(r.cfg.State, "io", id) }

// pipes makes the FIFOs that the shim writes to and the log process reads.
func (r *Containerd) pipes(c Container) (logs.Output, error) {
	dir := r.pipeDir(c.ID)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return logs.Output{}, err
	}
	o := logs.Output{Stdout: filepath.Join(dir, "stdout"), Path: c.LogPath, Limits: r.cfg.LogLimits}
	names := []string{"stdout"}
	if !c.Spec.TTY {
		names, o.Stderr = append(names, "stderr"), filepath.Join(dir, "stderr")
	}
	if c.Spec.Stdin {
		names = append(names, "stdin")
		if !c.Spec.StdinOnce {
			o.Stdin = filepath.Join(dir, "stdin")
		}
	}
	for _, n := range names {
		if err := syscall.Mkfifo(filepath.Join(dir, n), 0o600); err != nil && !errors.Is(err, syscall.EEXIST) {
			return o, err
		}
	}
	return o, nil
}

// identify looks the process's user up in the image, whose accounts are read once.
func (r *Containerd) identify(ctx context.Context, c Container) (identity, error) {
	r.mu.Lock()
	a, ok := r.accounts[c.Image.Snapshot]
	r.mu.Unlock()
	if !ok {
		var err error
		if a, err = r.readAccounts(ctx, c.Image.Snapshot); err != nil {
			return identity{}, err
		}
		r.mu.Lock()
		if len(r.accounts) > 500 {
			clear(r.accounts)
		}
		r.accounts[c.Image.Snapshot] = a
		r.mu.Unlock()
	}
	return a.identify(c)
}

func (r *Containerd) readAccounts(ctx context.Context, parent string) (a accounts, err error) {
	sn := r.cfg.Client.SnapshotService(snapshotter)
	key := "accounts-" + parent + "-" + rand.Text()
	ms, err := sn.View(ctx, key, parent)
	if err != nil {
		return a, err
	}
	defer func() { err = errors.Join(err, sn.Remove(context.WithoutCancel(ctx), key)) }()
	if len(ms) == 1 && ms[0].Type == "bind" {
		return readAccounts(ms[0].Source)
	}
	err = mount.WithTempMount(ctx, ms, func(root string) (err error) {
		a, err = readAccounts(root)
		return err
	})
	return a, err
}

// Start implements Runtime.
func (r *Containerd) Start(ctx context.Context, id string) error {
	_, err := r.cfg.Client.TaskService().Start(scoped(ctx), &tasks.StartRequest{ContainerID: id})
	return kinded("start container", errgrpc.ToNative(err))
}

// Kill implements Runtime.
func (r *Containerd) Kill(ctx context.Context, id string, signal int) error {
	_, err := r.cfg.Client.TaskService().Kill(scoped(ctx), &tasks.KillRequest{ContainerID: id, Signal: uint32(signal)})
	if err = errgrpc.ToNative(err); err == nil || errdefs.IsNotFound(err) {
		return nil
	}
	return kinded("signal container", err)
}
