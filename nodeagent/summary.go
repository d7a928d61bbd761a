package nodeagent

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	stats "k8s.io/kubelet/pkg/apis/stats/v1alpha1"

	"taffrail.dev/nodeagent/network/netns"
	"taffrail.dev/nodeagent/runtime"
	"taffrail.dev/nodeagent/runtime/cgroup"
)

// Summary implements server.Pods.
func (a *Agent) Summary(ctx context.Context) (*stats.Summary, error) {
	tree, now := cgroup.New("/sys/fs/cgroup"), metav1.Now()
	all := tree.Usage("/")
	s := &stats.Summary{Node: stats.NodeStats{NodeName: a.cfg.NodeName, StartTime: metav1.NewTime(bootTime()),
		CPU: cpuStats(now, all.CPUNanos), Memory: memoryStats(now, all), Fs: diskStats(a.cfg.DataDir, now)}}
	available := uint64(max(a.ram-int64(all.WorkingSet), 0))
	s.Node.Memory.AvailableBytes = &available
	var workers []*worker
	a.each(func(w *worker) { workers = append(workers, w) })
	for _, w := range workers {
		w.mu.Lock()
		v := w.view
		w.mu.Unlock()
		if v.pod.Status.Phase == corev1.PodRunning {
			s.Pods = append(s.Pods, a.podStats(ctx, tree, v))
		}
	}
	return s, nil
}

func (a *Agent) podStats(ctx context.Context, tree cgroup.Tree, v view) stats.PodStats {
	now := metav1.Now()
	u := tree.Usage(a.cgroupOf(v.pod))
	p := stats.PodStats{PodRef: stats.PodReference{Name: v.pod.Name, Namespace: v.pod.Namespace, UID: string(v.pod.UID)},
		CPU: cpuStats(now, u.CPUNanos), Memory: memoryStats(now, u), ProcessStats: &stats.ProcessStats{ProcessCount: &u.Procs}}
	if v.pod.Status.StartTime != nil {
		p.StartTime = *v.pod.Status.StartTime
	}
	if v.sandbox.NetNS != "" {
		p.Network = networkStats(v.sandbox.NetNS, now)
	}
	for _, cs := range append(append([]corev1.ContainerStatus(nil), v.pod.Status.ContainerStatuses...), v.pod.Status.InitContainerStatuses...) {
		if cs.State.Running == nil {
			continue
		}
		st, err := a.runtime.Stats(ctx, v.ids[cs.Name])
		if err != nil {
			continue // it has ended meanwhile
		}
		c := stats.ContainerStats{Name: cs.Name, StartTime: cs.State.Running.StartedAt, CPU: cpuStats(now, st.CPUNanos),
			Memory: memoryStats(now, usageOf(st)), Rootfs: &stats.FsStats{Time: now, UsedBytes: &st.RootBytes, InodesUsed: &st.RootInodes}}
		p.Containers = append(p.Containers, c)
	}
	return p
}

func usageOf(s runtime.Stats) cgroup.Usage {
	return cgroup.Usage{Memory: s.MemoryUsage, WorkingSet: s.MemoryWorkingSet, RSS: s.MemoryRSS, Faults: s.PageFaults, MajorFaults: s.MajorPageFaults}
}

func cpuStats(now metav1.Time, nanos uint64) *stats.CPUStats {
	return &stats.CPUStats{Time: now, UsageCoreNanoSeconds: &nanos}
}

func memoryStats(now metav1.Time, u cgroup.Usage) *stats.MemoryStats {
	return &stats.MemoryStats{Time: now, UsageBytes: &u.Memory, WorkingSetBytes: &u.WorkingSet, RSSBytes: &u.RSS,
		PageFaults: &u.Faults, MajorPageFaults: &u.MajorFaults}
}

func diskStats(dir string, now metav1.Time) *stats.FsStats {
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) != nil {
		return nil
	}
	size, free := st.Blocks*uint64(st.Bsize), st.Bavail*uint64(st.Bsize)
	used := size - st.Bfree*uint64(st.Bsize)
	return &stats.FsStats{Time: now, CapacityBytes: &size, AvailableBytes: &free, UsedBytes: &used, Inodes: &st.Files, InodesFree: &st.Ffree}
}

func bootTime() time.Time {
	var up unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &up) != nil {
		return time.Time{}
	}
	return time.Now().Add(-time.Duration(up.Nano()))
}

// networkStats are the counters of a pod's eth0.
func networkStats(path string, now metav1.Time) *stats.NetworkStats {
	var text []byte
	err := netns.Do(path, func() (err error) {
		text, err = os.ReadFile(filepath.Join("/proc/self/task", strconv.Itoa(unix.Gettid()), "net/dev"))
		return err
	})
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(text)) {
		name, rest, ok := strings.Cut(line, ":")
		f := strings.Fields(rest)
		if !ok || strings.TrimSpace(name) != "eth0" || len(f) < 11 {
			continue
		}
		n := func(i int) *uint64 {
			v, _ := strconv.ParseUint(f[i], 10, 64) // the kernel's own numbers
			return &v
		}
		i := stats.InterfaceStats{Name: "eth0", RxBytes: n(0), RxErrors: n(2), TxBytes: n(8), TxErrors: n(10)}
		return &stats.NetworkStats{Time: now, InterfaceStats: i, Interfaces: []stats.InterfaceStats{i}}
	}
	return nil
}
