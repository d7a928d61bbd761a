package runtime_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"taffrail.dev/nodeagent/image"
	"taffrail.dev/nodeagent/runtime"
)

// TestLeftBundle makes a container whose folder a shim that died has left, with files mounted in it.
func TestLeftBundle(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	img, err := image.NewStore(host.Client).Get(ctx, "busybox:1")
	if err != nil {
		t.Fatal(err)
	}
	pod := &corev1.Pod{}
	pod.UID = "left"
	s, err := rt.CreateSandbox(ctx, pod)
	if err != nil {
		t.Fatal(err)
	}
	c := runtime.Container{ID: "left-a-0", Pod: pod, Spec: &corev1.Container{Name: "c"}, Image: img, Sandbox: s, Hostname: "p", Command: []string{"sleep", "1000"},
		CgroupParent: host.CgroupRoot() + "/podleft", LogPath: filepath.Join(host.Dir, "log", "left.log")}
	root := filepath.Join(host.Tasks(), runtime.Namespace, c.ID, "rootfs")
	if err := errors.Join(os.MkdirAll(root, 0o711), syscall.Mount("tmpfs", root, "tmpfs", 0, "size=1m")); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(rt.Create(ctx, c), rt.Start(ctx, c.ID), rt.Remove(ctx, c.ID), rt.RemoveSandbox(ctx, "left")); err != nil {
		t.Error(err)
	}
}
