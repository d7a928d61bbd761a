package runtime_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"taffrail.dev/nodeagent/image"
	"taffrail.dev/nodeagent/runtime"
)

// TestResources looks at limits from inside, and exceeds one in a child process: under version 2 of control
// groups that is the end of the container, under version 1 of the child.
func TestResources(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	img, err := image.NewStore(host.Client).Get(ctx, "busybox:1")
	if err != nil {
		t.Fatal(err)
	}
	pod := &corev1.Pod{}
	pod.UID = "resources"
	s, err := rt.CreateSandbox(ctx, pod)
	if err != nil {
		t.Fatal(err)
	}
	exits, ready, done := make(chan runtime.Exit, 10), make(chan struct{}), make(chan error, 1)
	watching, cancel := context.WithCancel(ctx)
	go func() { done <- rt.Events(watching, func() { close(ready) }, func(e runtime.Exit) { exits <- e }) }()
	<-ready
	limits := corev1.ResourceList{"cpu": resource.MustParse("500m"), "memory": resource.MustParse("32Mi")}
	c := runtime.Container{ID: "resources-a-0", Pod: pod, Spec: &corev1.Container{Name: "c", Resources: corev1.ResourceRequirements{Limits: limits}}, Image: img, Sandbox: s, Hostname: "p",
		Command: []string{"sh", "-c", "until test -e /go; do sleep 0.1; done; dd if=/dev/zero of=/dev/null bs=128M count=1; exit 7"}, CgroupParent: host.CgroupRoot() + "/podresources",
		LogPath: filepath.Join(host.Dir, "log", "resources.log")}
	if err := errors.Join(rt.Create(ctx, c), rt.Start(ctx, c.ID)); err != nil {
		t.Fatal(err)
	}
	_, err = os.Stat("/sys/fs/cgroup/cgroup.controllers")
	files, want, code := "cpu/cpu.cfs_quota_us memory/memory.limit_in_bytes", "50000\n33554432\n", 7
	if err == nil {
		files, want, code = "cpu.max memory.max memory.oom.group", "50000 100000\n33554432\n1\n", 137
	}
	var out bytes.Buffer
	_, err = rt.Exec(ctx, c.ID, runtime.Exec{Command: []string{"sh", "-c", "cd /sys/fs/cgroup; cat " + files + "; touch /go"}, Streams: runtime.Streams{Stdout: &out}})
	if err != nil || !strings.HasPrefix(out.String(), want) {
		t.Errorf("limits from inside: %q, want %q; %v", out.String(), want, err)
	}
	for e := range exits {
		if e.ID == c.ID {
			if !e.OOM || e.Code != code {
				t.Errorf("the end for want of memory: %+v, want code %d", e, code)
			}
			break
		}
	}
	cancel()
	if err := errors.Join(<-done, rt.Remove(ctx, c.ID), rt.RemoveSandbox(ctx, "resources")); err != nil {
		t.Error(err)
	}
}
