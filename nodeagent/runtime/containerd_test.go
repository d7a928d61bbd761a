package runtime_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"taffrail.dev/nodeagent/image"
	"taffrail.dev/nodeagent/nodetest"
	"taffrail.dev/nodeagent/runtime"
	"taffrail.dev/nodeagent/runtime/cgroup"
)

var host *nodetest.Host

func TestMain(m *testing.M) {
	ctx := context.Background()
	var err error
	if host, err = nodetest.Start(ctx); err == nil {
		err = host.Import(ctx, "busybox:1")
	}
	code := 1
	if err == nil {
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
		c.CgroupParent = func(p *corev1.Pod) string { return "/kubepods-test/pod" + string(p.UID) }
		c.PodLimits = func(*corev1.Pod) cgroup.Limits { return cgroup.Limits{CPUShares: 2} }
	})
}

func TestContainerdRunsProcesses(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	r := newRuntime()
	img, err := image.NewStore(host.Client).Get(ctx, "busybox:1")
	if err != nil {
		t.Fatal(err)
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "default", UID: types.UID("uid-1")}}
	at := time.Now()
	s, err := r.CreateSandbox(ctx, pod)
	if err != nil {
		t.Fatal(err)
	}
	t.Log("sandbox", time.Since(at))
	exits := make(chan runtime.Exit, 10)
	ready := make(chan struct{})
	ectx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- r.Events(ectx, func() { close(ready) }, func(e runtime.Exit) { exits <- e }) }()
	<-ready
	for i := range 5 {
		log := filepath.Join(host.Dir, fmt.Sprintf("log/%d.log", i))
		c := runtime.Container{ID: fmt.Sprintf("c%d", i), Pod: pod, Spec: &corev1.Container{Name: "c"}, Image: img, Sandbox: s,
			Command: []string{"sh", "-c", "echo hello; sleep 0.2; exit 3"}, Hostname: "p", CgroupParent: "/kubepods-test/poduid-1", LogPath: log}
		at = time.Now()
		if err := r.Create(ctx, c); err != nil {
			t.Fatal(err)
		}
		created := time.Since(at)
		if err := r.Start(ctx, c.ID); err != nil {
			t.Fatal(err)
		}
		t.Log("create", created, "start", time.Since(at)-created)
		if i == 0 {
			var out bytes.Buffer
			code, err := r.Exec(ctx, c.ID, runtime.Exec{Command: []string{"sh", "-c", "id; exit 4"}, Streams: runtime.Streams{Stdout: &out}})
			t.Log(code, err, out.String())
		}
		e := <-exits
		if e.Code != 3 || e.ID != c.ID {
			t.Fatalf("exit %+v", e)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	b, _ := os.ReadFile(filepath.Join(host.Dir, "log/0.log"))
	t.Logf("%s", b)
	infos, err := r.List(ctx)
	if err != nil || len(infos) != 5 {
		t.Fatal(infos, err)
	}
	for _, i := range infos {
		if i.Exit.Code != 3 {
			t.Errorf("%+v", i)
		}
		if err := r.Remove(ctx, i.ID); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.RemoveSandbox(ctx, "uid-1"); err != nil {
		t.Fatal(err)
	}
}
