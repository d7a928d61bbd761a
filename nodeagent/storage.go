package nodeagent

import (
	"context"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"

	"taffrail.dev/nodeagent/pod"
)

// storagePeriod is how often pods' storage is compared with their limits.
const storagePeriod = 10 * time.Second

// watchStorage evicts pods that have more on the disk than they may. Only pods with such limits are measured.
func (a *Agent) watchStorage(ctx context.Context) error {
	tick := time.NewTicker(storagePeriod)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		var workers []*worker
		a.each(func(w *worker) { workers = append(workers, w) })
		for _, w := range workers {
			p := w.snapshot()
			if p.Status.Phase != corev1.PodRunning && p.Status.Phase != corev1.PodPending || !pod.LimitsStorage(p) {
				continue
			}
			if why := pod.Exceeds(p, a.storage(ctx, p)); why != "" && ctx.Err() == nil {
				w.send(message{evict: why})
			}
		}
	}
}

// storage measures a pod's emptyDirs on the disk, its containers' own files and their logs.
func (a *Agent) storage(ctx context.Context, p *corev1.Pod) pod.Storage {
	s := pod.Storage{Volumes: map[string]int64{}, Containers: map[string]int64{}}
	for i := range p.Spec.Volumes {
		v := &p.Spec.Volumes[i]
		if v.EmptyDir != nil && v.EmptyDir.Medium == corev1.StorageMediumDefault {
			s.Volumes[v.Name] = diskUse(ctx, a.volumes.Path(p, v))
		}
	}
	for _, cs := range p.Status.ContainerStatuses {
		s.Containers[cs.Name] = diskUse(ctx, filepath.Join(a.logDir(p), cs.Name))
		if cs.State.Running == nil {
			continue
		}
		if st, err := a.runtime.Stats(ctx, strings.TrimPrefix(cs.ContainerID, "containerd://")); err == nil { // else it has ended meanwhile
			s.Containers[cs.Name] += int64(st.RootBytes)
		}
	}
	return s
}

// diskUse is what a folder's files take on the disk, a file of several names once. What vanishes meanwhile takes nothing.
func diskUse(ctx context.Context, dir string) int64 {
	var total int64
	seen := map[uint64]bool{}
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return nil
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		if !ok || st.Nlink > 1 && !d.IsDir() && seen[st.Ino] {
			return nil
		}
		if st.Nlink > 1 && !d.IsDir() {
			seen[st.Ino] = true
		}
		total += st.Blocks * 512
		return nil
	})
	return total
}
