package runtime_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"taffrail.dev/nodeagent/image"
	"taffrail.dev/nodeagent/nodetest"
	"taffrail.dev/nodeagent/runtime"
	"taffrail.dev/nodeagent/runtime/cgroup"
)

var (
	host *nodetest.Host
	rt   *runtime.Containerd
)

func TestMain(m *testing.M) {
	ctx := context.Background()
	var err error
	if host, err = nodetest.Start(ctx); err == nil {
		err = host.Import(ctx, "busybox:1")
	}
	code := 1
	if err == nil {
		rt = newRuntime()
		code = m.Run()
	} else {
		fmt.Fprintln(os.Stderr, err)
	}
	if host != nil {
		if err := host.Close(ctx); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

func newRuntime() *runtime.Containerd {
	return host.Runtime(func(c *runtime.Config) {
		c.CgroupParent = func(p *corev1.Pod) string { return host.CgroupRoot() + "/pod" + string(p.UID) }
		c.PodLimits = func(*corev1.Pod) cgroup.Limits { return cgroup.Limits{CPUShares: 2} }
	})
}

func TestOutputIsLogged(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	r := rt
	img, err := image.NewStore(host.Client).Get(ctx, "busybox:1")
	if err != nil {
		t.Fatal(err)
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "default", UID: types.UID("logged")}}
	s, err := r.CreateSandbox(ctx, pod)
	if err != nil {
		t.Fatal(err)
	}
	exits, ready, done := make(chan runtime.Exit, 10), make(chan struct{}), make(chan error, 1)
	watching, cancel := context.WithCancel(ctx)
	go func() { done <- r.Events(watching, func() { close(ready) }, func(e runtime.Exit) { exits <- e }) }()
	<-ready
	log := filepath.Join(host.Dir, "log", "logged.log")
	c := runtime.Container{ID: "logged-a-0", Pod: pod, Spec: &corev1.Container{Name: "c"}, Image: img, Sandbox: s, Hostname: "p",
		Command: []string{"sh", "-c", "echo out; echo err >&2; sleep 1; printf unfinished"}, CgroupParent: host.CgroupRoot() + "/podlogged", LogPath: log}
	if err := errors.Join(r.Create(ctx, c), r.Start(ctx, c.ID)); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	code, err := r.Exec(ctx, c.ID, runtime.Exec{Command: []string{"sh", "-c", "id; cat; exit 4"}, Streams: runtime.Streams{Stdin: strings.NewReader("input"), Stdout: &out}})
	if code != 4 || err != nil || !strings.Contains(out.String(), "uid=0(root)") || !strings.HasSuffix(out.String(), "input") {
		t.Errorf("exec: %d, %v, %q", code, err, out.String())
	}
	for e := range exits {
		if e.ID == c.ID {
			break
		}
	}
	b, err := os.ReadFile(log) // all that it wrote is there when its end is told
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Z stdout F out\n", "Z stderr F err\n", "Z stdout F unfinished\n"} {
		if !strings.Contains(string(b), want) {
			t.Errorf("no %q in %q", want, b)
		}
	}
	if err := errors.Join(r.Remove(ctx, c.ID), r.RemoveSandbox(ctx, "logged")); err != nil {
		t.Error(err)
	}
}
