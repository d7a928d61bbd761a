package nodeagent_test

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"

	"taffrail.dev/events/journal"
	"taffrail.dev/nodeagent"
	"taffrail.dev/nodeagent/network"
	"taffrail.dev/nodeagent/nodetest"
)

// TestTearDown has an agent start its own containerd, and nothing left after it.
func TestTearDown(t *testing.T) {
	dir, err := os.MkdirTemp("", "td")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	bin := filepath.Join(dir, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	for from, name := range map[string]string{host.Bin: "containerd", host.Bin + "/": "containerd-shim-runc-v2", host.Dir: "taffrail-logger"} {
		if err := os.Symlink(filepath.Join(from, name), filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	n := &node{name: "down", Cluster: nodetest.NewCluster(), assign: journal.NewMemory(nil)}
	ctx, cancel := context.WithCancel(context.Background())
	left := nodeagent.Leftovers{DataDir: filepath.Join(dir, "data"), StateDir: filepath.Join(dir, "run"), Socket: filepath.Join(dir, "c.sock"), BinDir: bin, CgroupRoot: "/kubepods-down", Log: zap.NewNop()}
	agent := nodeagent.New(nodeagent.Config{NodeName: "down", Addresses: []netip.Addr{netip.MustParseAddr("127.0.0.1")}, DataDir: left.DataDir,
		StateDir: left.StateDir, Socket: left.Socket, BinDir: bin, CgroupRoot: left.CgroupRoot, Assign: n.assign, Commands: n.Cluster, Network: &network.Fake{}})
	done := make(chan error, 1)
	go func() { done <- agent.Run(ctx) }()
	p := podOf("p", "down-1", "sleep", "1000")
	p.Spec.Containers[0].Image = "absent:1"
	p.Spec.Containers[0].ImagePullPolicy = corev1.PullNever
	p.Spec.Volumes = []corev1.Volume{{Name: "m", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory}}}}
	n.assignPod(t, "down", p)
	n.Await(t, "p", func(p *corev1.Pod) bool { return p.Status.PodIP != "" })
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := nodeagent.TearDown(t.Context(), left); err != nil {
			t.Fatal(err)
		}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(mounts), dir) {
		t.Errorf("mounts are left:\n%s", mounts)
	}
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range lines {
		if b, err := os.ReadFile(file); err == nil && strings.Contains(string(b), dir+"/") {
			t.Errorf("a process is left: %q", b)
		}
	}
	if _, err := os.Stat("/sys/fs/cgroup/cpu/kubepods-down"); err == nil {
		t.Error("a cgroup is left")
	}
}
