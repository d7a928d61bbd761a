package runtime

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	corev1 "k8s.io/api/core/v1"
)

const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// specify builds the OCI specification of a container.
func specify(c Container, who identity, seccomp profiles) (*specs.Spec, error) {
	e := effectiveSecurity(c.Pod, c.Spec)
	args, err := argv(c)
	if err != nil {
		return nil, err
	}
	cwd := firstOf(c.Spec.WorkingDir, c.Image.Config.WorkingDir, "/")
	s := &specs.Spec{
		Version:  "1.0.2",
		Hostname: c.Hostname,
		Root:     &specs.Root{Path: "rootfs"},
		Process: &specs.Process{
			Terminal: c.Spec.TTY, Args: args, Cwd: path.Join("/", cwd), Env: environment(c),
			User: specs.User{UID: who.uid, GID: who.gid, AdditionalGids: who.groups},
		},
		Linux: &specs.Linux{
			CgroupsPath: path.Join(c.CgroupParent, c.ID),
			Namespaces:  namespacesFor(c),
			Resources:   resources(c.Spec, unifiedCgroups()),
		},
	}
	if c.Sandbox.NetNS == "" {
		s.Hostname = "" // the host's name goes with its network
	}
	if c.OOMScoreAdj > 1 || canLowerOOM() {
		adj := c.OOMScoreAdj
		s.Process.OOMScoreAdj = &adj
	}
	if err := applySecurity(s, e, who.uid == 0, seccomp); err != nil {
		return nil, err
	}
	s.Mounts = mounts(c, e)
	if e.privileged() {
		s.Linux.Resources.Devices = []specs.LinuxDeviceCgroup{{Allow: true, Access: "rwm"}}
		s.Linux.Devices = hostDevices()
	} else {
		s.Linux.Resources.Devices = []specs.LinuxDeviceCgroup{{Allow: false, Access: "rwm"}}
	}
	s.Linux.RootfsPropagation = rootPropagation(c.Mounts)
	return s, nil
}

func argv(c Container) ([]string, error) {
	command, args := c.Command, c.Args
	if len(command) == 0 {
		command = c.Image.Config.Entrypoint
		if len(args) == 0 {
			args = c.Image.Config.Cmd
		}
	}
	out := append(append([]string(nil), command...), args...)
	if len(out) == 0 {
		return nil, fmt.Errorf("no command specified")
	}
	return out, nil
}

// environment is the image's, then the pod's; a later one of a name replaces the earlier.
func environment(c Container) []string {
	all := []string{defaultPath}
	all = append(all, c.Image.Config.Env...)
	all = append(all, "HOSTNAME="+c.Hostname)
	if c.Spec.TTY {
		all = append(all, "TERM=xterm")
	}
	all = append(all, c.Env...)
	at := map[string]int{}
	var out []string
	for _, kv := range all {
		name, _, _ := strings.Cut(kv, "=")
		if i, ok := at[name]; ok {
			out[i] = kv
			continue
		}
		at[name] = len(out)
		out = append(out, kv)
	}
	return out
}

func namespacesFor(c Container) []specs.LinuxNamespace {
	ns := []specs.LinuxNamespace{{Type: specs.MountNamespace}}
	if c.Sandbox.NetNS != "" {
		ns = append(ns, specs.LinuxNamespace{Type: specs.NetworkNamespace, Path: c.Sandbox.NetNS}, specs.LinuxNamespace{Type: specs.UTSNamespace})
	}
	if c.Sandbox.IPC != "" {
		ns = append(ns, specs.LinuxNamespace{Type: specs.IPCNamespace, Path: c.Sandbox.IPC})
	}
	switch {
	case c.Pod.Spec.HostPID:
	case c.Sandbox.PID > 0:
		ns = append(ns, specs.LinuxNamespace{Type: specs.PIDNamespace, Path: fmt.Sprintf("/proc/%d/ns/pid", c.Sandbox.PID)})
	default:
		ns = append(ns, specs.LinuxNamespace{Type: specs.PIDNamespace})
	}
	if unifiedCgroups() {
		ns = append(ns, specs.LinuxNamespace{Type: specs.CgroupNamespace})
	}
	return ns
}

func mounts(c Container, e effective) []specs.Mount {
	sysfs := []string{"nosuid", "noexec", "nodev", "ro"}
	cgroup := []string{"nosuid", "noexec", "nodev", "relatime", "ro"}
	if e.privileged() {
		sysfs[3], cgroup[4] = "rw", "rw"
	}
	out := []specs.Mount{
		{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "noexec", "nodev"}},
		{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
		{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
		{Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue", Options: []string{"nosuid", "noexec", "nodev"}},
		{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: sysfs},
		{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: cgroup},
	}
	if c.Sandbox.NetNS == "" {
		// sysfs cannot be mounted by who does not own the network namespace; the host's is shown.
		out[4] = specs.Mount{Destination: "/sys", Type: "bind", Source: "/sys", Options: append([]string{"rbind"}, sysfs...)}
	}
	own := map[string]bool{}
	ms := append([]Mount(nil), c.Mounts...)
	sort.SliceStable(ms, func(i, j int) bool {
		return strings.Count(path.Clean(ms[i].ContainerPath), "/") < strings.Count(path.Clean(ms[j].ContainerPath), "/")
	})
	for _, m := range ms {
		own[path.Clean(m.ContainerPath)] = true
		out = append(out, bind(m))
	}
	kept := out[:0]
	for i, m := range out {
		if i < 6 && own[m.Destination] {
			continue
		}
		kept = append(kept, m)
	}
	return kept
}

func bind(m Mount) specs.Mount {
	options := []string{"rbind"}
	switch m.Propagation {
	case corev1.MountPropagationBidirectional:
		options = append(options, "rshared")
	case corev1.MountPropagationHostToContainer:
		options = append(options, "rslave")
	default:
		options = append(options, "rprivate")
	}
	switch {
	case m.ReadOnly && m.Recursive:
		options = append(options, "rro")
	case m.ReadOnly:
		options = append(options, "ro")
	default:
		options = append(options, "rw")
	}
	return specs.Mount{Destination: m.ContainerPath, Type: "bind", Source: m.HostPath, Options: options}
}

func rootPropagation(ms []Mount) string {
	p := "rprivate"
	for _, m := range ms {
		switch m.Propagation {
		case corev1.MountPropagationBidirectional:
			return "rshared"
		case corev1.MountPropagationHostToContainer:
			p = "rslave"
		}
	}
	return p
}

// resources are a container's cgroup values; the runtime turns shares into weights on v2.
func resources(c *corev1.Container, unified bool) *specs.LinuxResources {
	r := &specs.LinuxResources{CPU: &specs.LinuxCPU{}, Memory: &specs.LinuxMemory{}}
	if unified {
		// For want of memory a container ends as a whole, as kubelet has it where the kernel can.
		r.Unified = map[string]string{"memory.oom.group": "1"}
	}
	cpu := c.Resources.Requests.Cpu()
	if _, ok := c.Resources.Requests[corev1.ResourceCPU]; !ok {
		cpu = c.Resources.Limits.Cpu()
	}
	shares := Shares(cpu.MilliValue())
	r.CPU.Shares = &shares
	if limit := c.Resources.Limits.Cpu().MilliValue(); limit > 0 {
		quota, period := Quota(limit), uint64(cpuPeriod)
		r.CPU.Quota, r.CPU.Period = &quota, &period
	}
	if limit := c.Resources.Limits.Memory().Value(); limit > 0 {
		r.Memory.Limit = &limit
	}
	for name, q := range c.Resources.Limits {
		if size, ok := strings.CutPrefix(string(name), corev1.ResourceHugePagesPrefix); ok {
			r.HugepageLimits = append(r.HugepageLimits, specs.LinuxHugepageLimit{Pagesize: hugepage(size), Limit: uint64(q.Value())})
		}
	}
	return r
}

const cpuPeriod = 100_000

// Shares are cgroup v1 CPU shares for thousandths of a core.
func Shares(milli int64) uint64 {
	return uint64(min(max(milli*1024/1000, 2), 262144))
}

// Quota is microseconds of CPU per period of 100 ms.
func Quota(milli int64) int64 { return max(milli*cpuPeriod/1000, 1000) }

// hugepage turns Kubernetes' "2Mi" into the kernel's "2MB".
func hugepage(size string) string {
	return strings.TrimSuffix(size, "i") + "B"
}

// hostDevices are the nodes below /dev that a privileged container sees.
func hostDevices() []specs.LinuxDevice {
	var out []specs.LinuxDevice
	_ = filepath.WalkDir("/dev", func(p string, d os.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		if d.IsDir() {
			switch p {
			case "/dev/pts", "/dev/shm", "/dev/fd", "/dev/mqueue", "/dev/.lxc", "/dev/.udev", "/dev/hugepages":
				return filepath.SkipDir
			}
			return nil
		}
		if dev, ok := deviceOf(p); ok && p != "/dev/console" && p != "/dev/ptmx" {
			out = append(out, dev)
		}
		return nil
	})
	return out
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
