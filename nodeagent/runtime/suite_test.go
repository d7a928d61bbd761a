package runtime_test

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"taffrail.dev/nodeagent/image"
	"taffrail.dev/nodeagent/runtime"
	"taffrail.dev/nodeagent/runtime/runtimetest"
)

func TestFake(t *testing.T) {
	t.Parallel()
	runtimetest.Run(t, func(t *testing.T) runtimetest.Subject {
		return runtimetest.Subject{Runtime: &runtime.Fake{Run: func(c runtime.Container) (int, bool) { return 3, slices.Equal(c.Command, runtimetest.Exits3) }},
			Image: runtime.Image{ID: "image"}, CgroupParent: func(*corev1.Pod) string { return "" }}
	})
}

func TestContainerd(t *testing.T) {
	t.Parallel()
	img, err := image.NewStore(host.Client).Get(t.Context(), "busybox:1")
	if err != nil {
		t.Fatal(err)
	}
	runtimetest.Run(t, func(t *testing.T) runtimetest.Subject {
		return runtimetest.Subject{Runtime: rt, Image: img, Logs: filepath.Join(host.Dir, "log"),
			CgroupParent: func(p *corev1.Pod) string { return host.CgroupRoot() + "/pod" + string(p.UID) }}
	})
}

// TestMissingProgram is what a container's process cannot begin with.
func TestMissingProgram(t *testing.T) {
	t.Parallel()
	r := rt
	img, err := image.NewStore(host.Client).Get(t.Context(), "busybox:1")
	if err != nil {
		t.Fatal(err)
	}
	pod := &corev1.Pod{}
	pod.UID = "no-program"
	s, err := r.CreateSandbox(t.Context(), pod)
	if err != nil {
		t.Fatal(err)
	}
	c := runtime.Container{ID: "no-program-0", Pod: pod, Spec: &corev1.Container{Name: "a"}, Image: img, Sandbox: s, Command: []string{"nothing"},
		CgroupParent: host.CgroupRoot() + "/podno-program", LogPath: filepath.Join(host.Dir, "log", "none.log")}
	if err := r.Create(t.Context(), c); !errors.Is(err, runtime.ErrNotStarted) {
		t.Error(err)
	}
	if err := r.RemoveSandbox(t.Context(), "no-program"); err != nil {
		t.Error(err)
	}
}

// TestPauseProgram runs the program of this machine's kind: it sleeps until it is killed.
func TestPauseProgram(t *testing.T) {
	t.Parallel()
	if goruntime.GOARCH != "amd64" && goruntime.GOARCH != "arm64" {
		t.Fatalf("no pause program for %s", goruntime.GOARCH)
	}
	root, err := runtime.PauseRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(root, "pause"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for !strings.Contains(stateOf(t, cmd.Process.Pid), "(sleeping)") {
		goruntime.Gosched()
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Error(err)
	}
}

func stateOf(t *testing.T, pid int) string {
	t.Helper()
	f, err := os.Open(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
