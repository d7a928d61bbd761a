package nodeagent

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"taffrail.dev/events/errs"
	"taffrail.dev/nodeagent/downward"
	"taffrail.dev/nodeagent/environment"
	"taffrail.dev/nodeagent/logs"
	"taffrail.dev/nodeagent/pod"
	"taffrail.dev/nodeagent/podfiles"
	"taffrail.dev/nodeagent/runtime"
	"taffrail.dev/nodeagent/runtime/cgroup"
	"taffrail.dev/nodeagent/volume"
)

func containerOf(p *corev1.Pod, name string) *corev1.Container {
	for _, list := range [][]corev1.Container{p.Spec.Containers, p.Spec.InitContainers} {
		for i := range list {
			if list[i].Name == name {
				return &list[i]
			}
		}
	}
	for i := range p.Spec.EphemeralContainers {
		if e := &p.Spec.EphemeralContainers[i]; e.Name == name {
			c := corev1.Container(e.EphemeralContainerCommon)
			return &c
		}
	}
	return &corev1.Container{Name: name}
}

// targetOf is the id of the container that an ephemeral one looks into, "" for none.
func targetOf(p *corev1.Pod, name string) (string, error) {
	i := slices.IndexFunc(p.Spec.EphemeralContainers, func(e corev1.EphemeralContainer) bool { return e.Name == name })
	if i < 0 || p.Spec.EphemeralContainers[i].TargetContainerName == "" {
		return "", nil
	}
	target := p.Spec.EphemeralContainers[i].TargetContainerName
	for _, list := range [][]corev1.ContainerStatus{p.Status.ContainerStatuses, p.Status.InitContainerStatuses} {
		for _, c := range list {
			if c.Name == target && c.State.Running != nil {
				return strings.TrimPrefix(c.ContainerID, "containerd://"), nil
			}
		}
	}
	return "", fmt.Errorf("unable to find target container %q", target)
}

func (a *Agent) downward(p *corev1.Pod) downward.Pod {
	return downward.Pod{Pod: p, IPs: ips(p.Status.PodIPs), HostIPs: a.cfg.hostIPs(), Allocatable: a.allocatable()}
}

// create makes a container; what it cannot be made of is told as CreateContainerConfigError.
func (t task) create(ctx context.Context, a pod.Action) pod.Result {
	c, err := t.container(ctx, a)
	if err != nil {
		return pod.Result{Err: text(err), Reason: "CreateContainerConfigError"}
	}
	err = t.runtime.Create(ctx, c)
	if errs.Is(err, errs.AlreadyExists) {
		// An attempt that a crash cut short.
		if err = t.runtime.Remove(ctx, a.ID); err == nil {
			err = t.runtime.Create(ctx, c)
		}
	}
	switch {
	case err == nil:
		return pod.Result{}
	case errors.Is(err, runtime.ErrNotStarted):
		return pod.Result{Err: err.Error(), Reason: pod.StartError}
	case errs.Is(err, errs.Invalid):
		return pod.Result{Err: text(err), Reason: "CreateContainerConfigError"}
	}
	return pod.Result{Err: text(err)}
}

func (t task) container(ctx context.Context, a pod.Action) (runtime.Container, error) {
	spec := t.spec(a.Container)
	img, err := t.images.Get(ctx, spec.Image)
	if err != nil {
		return runtime.Container{}, err
	}
	env, err := environment.Build(t.downward(t.pod), spec, t.objects)
	if err != nil {
		return runtime.Container{}, err
	}
	host, _ := podfiles.Hostname(t.pod, t.cfg.NodeName, t.cfg.ClusterDomain)
	c := runtime.Container{
		ID: a.ID, Pod: t.pod, Spec: spec, Attempt: a.Attempt, Image: img, Sandbox: t.sandbox, Env: env,
		Command: environment.Expand(spec.Command, env), Args: environment.Expand(spec.Args, env), Hostname: host,
		CgroupParent: t.cgroupOf(t.pod), OOMScoreAdj: pod.OOMScore(t.pod, spec, t.ram),
		LogPath: t.logPath(t.pod, spec.Name, a.Attempt),
	}
	if c.Target, err = targetOf(t.pod, spec.Name); err != nil {
		return c, err
	}
	if c.Mounts, err = t.mounts(spec, a.Attempt, env); err != nil {
		return c, err
	}
	return c, nil
}

// mounts are the container's volumes and the pod's own files.
func (t task) mounts(c *corev1.Container, attempt int32, env []string) ([]runtime.Mount, error) {
	dir := t.volumes.PodDir(string(t.pod.UID))
	shm := filepath.Join(dir, "shm")
	if t.pod.Spec.HostIPC {
		shm = "/dev/shm"
	}
	own := []runtime.Mount{
		{HostPath: filepath.Join(dir, "etc", "hosts"), ContainerPath: "/etc/hosts"},
		{HostPath: filepath.Join(dir, "etc", "hostname"), ContainerPath: "/etc/hostname"},
		{HostPath: filepath.Join(dir, "etc", "resolv.conf"), ContainerPath: "/etc/resolv.conf"},
		{HostPath: shm, ContainerPath: "/dev/shm"},
	}
	words, err := t.wordsFile(c, attempt)
	if err != nil {
		return nil, err
	}
	own = append(own, runtime.Mount{HostPath: words, ContainerPath: wordsPath(c)})
	var out []runtime.Mount
	taken := map[string]bool{}
	for _, vm := range c.VolumeMounts {
		m, err := t.volumeMount(vm, env)
		if err != nil {
			return nil, err
		}
		taken[filepath.Clean(vm.MountPath)] = true
		out = append(out, m)
	}
	for _, m := range own {
		if !taken[m.ContainerPath] {
			out = append(out, m)
		}
	}
	return out, nil
}

func (t task) volumeMount(vm corev1.VolumeMount, env []string) (runtime.Mount, error) {
	m := runtime.Mount{ContainerPath: vm.MountPath, ReadOnly: vm.ReadOnly}
	if !filepath.IsAbs(m.ContainerPath) {
		m.ContainerPath = "/" + m.ContainerPath
	}
	if vm.RecursiveReadOnly != nil && *vm.RecursiveReadOnly == corev1.RecursiveReadOnlyEnabled {
		m.Recursive = true
	}
	if vm.MountPropagation != nil {
		m.Propagation = *vm.MountPropagation
	}
	for i := range t.pod.Spec.Volumes {
		v := &t.pod.Spec.Volumes[i]
		if v.Name != vm.Name {
			continue
		}
		m.HostPath = t.volumes.Path(t.pod, v)
		if v.ConfigMap != nil || v.Secret != nil || v.Projected != nil || v.DownwardAPI != nil {
			m.ReadOnly = true
		}
		sub := vm.SubPath
		if vm.SubPathExpr != "" {
			var err error
			if sub, err = environment.ExpandAll(vm.SubPathExpr, env); err != nil {
				return m, err
			}
		}
		if sub != "" {
			var err error
			if m.HostPath, err = volume.SubPath(m.HostPath, sub); err != nil {
				return m, fmt.Errorf("failed to prepare subPath for volumeMount %q: %w", vm.Name, err)
			}
		}
		return m, nil
	}
	return m, fmt.Errorf("no volume %q for the mount at %s", vm.Name, vm.MountPath)
}

func (a *Agent) logDir(p *corev1.Pod) string {
	return filepath.Join(a.cfg.DataDir, "logs", p.Namespace+"_"+p.Name+"_"+string(p.UID))
}

func (a *Agent) logPath(p *corev1.Pod, container string, attempt int32) string {
	return filepath.Join(a.logDir(p), container, strconv.Itoa(int(attempt))+".log")
}

func wordsPath(c *corev1.Container) string {
	if c.TerminationMessagePath != "" {
		return c.TerminationMessagePath
	}
	return corev1.TerminationMessagePathDefault
}

// wordsFile makes the file that a container leaves its last words in.
func (t task) wordsFile(c *corev1.Container, attempt int32) (string, error) {
	file := t.words(t.pod, c.Name, attempt)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return "", err
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDONLY, 0o666)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return file, f.Chmod(0o666)
}

func (a *Agent) words(p *corev1.Pod, container string, attempt int32) string {
	return filepath.Join(a.volumes.PodDir(string(p.UID)), "containers", container, strconv.Itoa(int(attempt)))
}

const (
	maxWords    = 4096
	maxLogWords = 2048
	maxLogLines = 80
)

// lastWords are a container's termination message: its file's or, if it asks for that and failed, the end of
// its log.
func (a *Agent) lastWords(p *corev1.Pod, c *corev1.Container, attempt int32, e runtime.Exit) string {
	b, err := readEnd(a.words(p, c.Name, attempt), maxWords, false)
	if err == nil && len(b) > 0 {
		return string(b)
	}
	if c.TerminationMessagePolicy != corev1.TerminationMessageFallbackToLogsOnError || e.Code == 0 {
		return ""
	}
	b, err = readEnd(a.logPath(p, c.Name, attempt), 4*maxLogWords, true)
	if err != nil {
		return ""
	}
	var lines []string
	for s := bufio.NewScanner(strings.NewReader(string(b))); s.Scan(); {
		if l, ok := logs.ParseLine(s.Bytes()); ok {
			lines = append(lines, string(l.Text))
		}
	}
	lines = lines[max(len(lines)-maxLogLines, 0):]
	if len(lines) == 0 {
		return ""
	}
	out := strings.Join(lines, "\n") + "\n"
	return out[max(len(out)-maxLogWords, 0):]
}

// readEnd reads at most n bytes of a file, the first or the last.
func readEnd(file string, n int64, last bool) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if st, err := f.Stat(); last && err == nil && st.Size() > n {
		if _, err := f.Seek(-n, 2); err != nil {
			return nil, err
		}
	}
	b := make([]byte, n)
	total := 0
	for total < len(b) {
		k, err := f.Read(b[total:])
		total += k
		if err != nil || k == 0 {
			break
		}
	}
	return b[:total], nil
}

func (a *Agent) cgroupOf(p *corev1.Pod) string {
	class := ""
	switch pod.QOS(p) {
	case corev1.PodQOSBurstable:
		class = "/burstable"
	case corev1.PodQOSBestEffort:
		class = "/besteffort"
	}
	return a.cfg.CgroupRoot + class + "/pod" + string(p.UID)
}

func (a *Agent) limitsOf(p *corev1.Pod) cgroup.Limits {
	cpu, _ := pod.Requests(p, corev1.ResourceCPU, false)
	l := cgroup.Limits{CPUShares: runtime.Shares(cpu), Processes: a.cfg.PodPIDs}
	if limit, all := pod.Requests(p, corev1.ResourceCPU, true); all && limit > 0 {
		l.CPUQuota = runtime.Quota(limit)
	}
	if limit, all := pod.Requests(p, corev1.ResourceMemory, true); all && limit > 0 {
		l.Memory = limit
	}
	return l
}
