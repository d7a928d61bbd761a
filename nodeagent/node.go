package nodeagent

import (
	"context"
	"net"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/types"

	"taffrail.dev/events/errs"
	"taffrail.dev/nodeagent/image"
	"taffrail.dev/nodeagent/report"
	"taffrail.dev/nodeagent/server"
)

func totalMemory() int64 {
	var i unix.Sysinfo_t
	if unix.Sysinfo(&i) != nil {
		return 0
	}
	return int64(i.Totalram) * int64(i.Unit)
}

func (a *Agent) allocatable() corev1.ResourceList {
	var disk unix.Statfs_t
	_ = unix.Statfs(a.cfg.DataDir, &disk) // an unknown size is told as none
	return corev1.ResourceList{
		corev1.ResourceCPU:              *resource.NewQuantity(int64(goruntime.NumCPU()), resource.DecimalSI),
		corev1.ResourceMemory:           *resource.NewQuantity(a.ram, resource.BinarySI),
		corev1.ResourceEphemeralStorage: *resource.NewQuantity(int64(disk.Blocks)*disk.Bsize, resource.BinarySI),
	}
}

func (a *Agent) nodeConfig() report.NodeConfig {
	c := &a.cfg
	addresses := []corev1.NodeAddress{}
	for _, ip := range c.hostIPs() {
		addresses = append(addresses, corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: ip})
	}
	addresses = append(addresses, corev1.NodeAddress{Type: corev1.NodeHostName, Address: c.NodeName})
	return report.NodeConfig{Name: c.NodeName, Addresses: addresses, Port: a.port(), DataDir: c.DataDir, Labels: c.Labels, Taints: c.Taints,
		MaxPods: c.MaxPods, Reserved: c.Reserved, Version: c.Version, Source: a, Commands: c.Commands, Log: c.Log}
}

func (a *Agent) port() int32 {
	if a.cfg.Listener == nil {
		return 0
	}
	if t, ok := a.cfg.Listener.Addr().(*net.TCPAddr); ok {
		return int32(t.Port)
	}
	return 0
}

// Health implements report.Source.
func (a *Agent) Health() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.health
}

// RuntimeVersion implements report.Source.
func (a *Agent) RuntimeVersion(ctx context.Context) (string, error) { return a.runtime.Version(ctx) }

// Images implements report.Source.
func (a *Agent) Images(ctx context.Context) ([]corev1.ContainerImage, error) {
	list, err := a.images.List(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]corev1.ContainerImage, 0, len(list))
	for _, i := range list {
		out = append(out, corev1.ContainerImage{Names: i.Names, SizeBytes: i.Bytes})
	}
	return out, nil
}

func (a *Agent) collector() *image.Collector {
	return &image.Collector{Store: a.images, Dir: filepath.Join(a.cfg.DataDir, "containerd"), Log: a.cfg.Log, InUse: func(ctx context.Context) (map[string]bool, error) {
		list, err := a.runtime.List(ctx)
		if err != nil {
			return nil, err
		}
		used := map[string]bool{}
		for _, i := range list {
			used[i.ImageID] = true
		}
		return used, nil
	}}
}

// Pods implements server.Pods.
func (a *Agent) Pods() []*corev1.Pod {
	var out []*corev1.Pod
	a.each(func(w *worker) { out = append(out, w.snapshot()) })
	slices.SortFunc(out, func(x, y *corev1.Pod) int {
		return strings.Compare(x.Namespace+"/"+x.Name, y.Namespace+"/"+y.Name)
	})
	return out
}

func (a *Agent) find(namespace, name, uid string) (*worker, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	id := types.UID(uid)
	if uid == "" {
		id = a.byName[key{namespace, name}]
	}
	if w := a.workers[id]; w != nil && w.namespace == namespace {
		return w, nil
	}
	return nil, errs.F("find pod", errs.NotFound, "pod %q not found", name+"_"+namespace)
}

// Container implements server.Pods.
func (a *Agent) Container(namespace, name, uid, container string, previous bool) (server.Container, error) {
	w, err := a.find(namespace, name, uid)
	if err != nil {
		return server.Container{}, err
	}
	w.mu.Lock()
	v := w.view
	w.mu.Unlock()
	if containerOf(v.pod, container).Image == "" {
		return server.Container{}, errs.F("find container", errs.NotFound, "container %s is not valid for pod %s", container, name)
	}
	id := v.ids[container]
	if previous {
		if id = v.previous[container]; id == "" {
			return server.Container{}, errs.F("find container", errs.BadRequest, "previous terminated container %q in pod %q not found", container, name)
		}
		closed := make(chan struct{})
		close(closed)
		return server.Container{ID: id, LogPath: a.logPath(v.pod, container, attemptOf(id)), Ended: closed}, nil
	}
	if id == "" && v.previous[container] != "" {
		// Between two attempts the last one's log is what there is.
		return a.Container(namespace, name, uid, container, true)
	}
	if id == "" {
		return server.Container{}, errs.F("find container", errs.BadRequest, "container %q in pod %q is waiting to start: %s", container, name, waitingFor(v.pod, container))
	}
	return server.Container{ID: id, LogPath: a.logPath(v.pod, container, attemptOf(id)), Ended: v.ended[id]}, nil
}

func waitingFor(p *corev1.Pod, container string) string {
	st := &p.Status
	for _, list := range [][]corev1.ContainerStatus{st.ContainerStatuses, st.InitContainerStatuses, st.EphemeralContainerStatuses} {
		for _, c := range list {
			if c.Name == container && c.State.Waiting != nil {
				switch c.State.Waiting.Reason {
				case "ErrImagePull":
					return "image can't be pulled"
				case "ImagePullBackOff":
					return "trying and failing to pull image"
				}
				return c.State.Waiting.Reason
			}
		}
	}
	return "ContainerCreating"
}

// NetNS implements server.Pods.
func (a *Agent) NetNS(namespace, name, uid string) (string, error) {
	w, err := a.find(namespace, name, uid)
	if err != nil {
		return "", err
	}
	p := w.snapshot()
	if p.Spec.HostNetwork {
		return "", nil
	}
	return a.netNS(p.UID), nil
}

var (
	_ server.Pods   = (*Agent)(nil)
	_ report.Source = (*Agent)(nil)
)

// attemptOf is which attempt a container's id is of.
func attemptOf(id string) int32 {
	n, _ := strconv.ParseInt(id[strings.LastIndexByte(id, '-')+1:], 10, 32)
	return int32(n)
}
