package nodeagent_test

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"
	"google.golang.org/protobuf/proto"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"taffrail.dev/events/journal"
	"taffrail.dev/events/subject"
	"taffrail.dev/nodeagent"
	"taffrail.dev/nodeagent/network"
	"taffrail.dev/nodeagent/nodetest"
	nodev1 "taffrail.dev/proto/gen/node/v1"
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

// node is an agent under test with its cluster.
type node struct {
	*nodetest.Cluster
	name   string
	assign *journal.Memory
	stop   func()
}

func startNode(t testing.TB, name string) *node {
	n := &node{name: name, Cluster: nodetest.NewCluster(), assign: journal.NewMemory(nil)}
	n.start(t, name)
	return n
}

func (n *node) start(t testing.TB, name string) {
	ctx, cancel := context.WithCancel(context.Background())
	log := zap.NewNop()
	if os.Getenv("VERBOSE") != "" {
		log = zaptest.NewLogger(t)
	}
	ready := make(chan struct{})
	agent := nodeagent.New(nodeagent.Config{
		NodeName: name, Addresses: []netip.Addr{netip.MustParseAddr("127.0.0.1")},
		DataDir: filepath.Join(host.Dir, name), StateDir: filepath.Join(host.Dir, name, "run"), Socket: filepath.Join(host.Dir, "c.sock"), BinDir: host.Dir,
		Assign: n.assign, Commands: n.Cluster, Network: &network.Fake{}, CgroupRoot: host.CgroupRoot() + "/" + name, Log: log,
		Ready: func() { close(ready) },
	})
	done := make(chan error, 1)
	go func() { done <- agent.Run(ctx) }()
	select {
	case <-ready:
	case err := <-done:
		t.Fatal(err)
	}
	var once sync.Once
	n.stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(n.stop)
}

func (n *node) assignPod(t testing.TB, node string, p *corev1.Pod) {
	n.Put(p)
	b, err := p.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	n.tell(t, node, subject.Object{Resource: subject.Pods, Namespace: p.Namespace, Name: p.Name}, &nodev1.Assignment{Sequence: 1, State: b})
}

func (n *node) tell(t testing.TB, node string, o subject.Object, a *nodev1.Assignment) {
	b, err := proto.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	s := subject.Assignment{Node: node, Object: o}.Subject()
	if _, err := n.assign.Append(t.Context(), journal.Record{Subject: s, Expect: journal.Any, Data: b}); err != nil {
		t.Fatal(err)
	}
}

func podOf(name, uid string, command ...string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default", UID: types.UID(uid), CreationTimestamp: metav1.Now()},
		Spec: corev1.PodSpec{RestartPolicy: corev1.RestartPolicyAlways, Containers: []corev1.Container{{
			Name: "app", Image: "busybox:1", Command: command, ImagePullPolicy: corev1.PullIfNotPresent,
		}}},
	}
}

func phase(want corev1.PodPhase) func(*corev1.Pod) bool {
	return func(p *corev1.Pod) bool { return p.Status.Phase == want }
}

func TestPodRunsAndEnds(t *testing.T) {
	n := startNode(t, "n1")
	for i := range 3 {
		p := podOf("web", fmt.Sprintf("uid-%d", i), "sleep", "1000")
		at := time.Now()
		n.assignPod(t, "n1", p)
		got := n.Await(t, "web", phase(corev1.PodRunning))
		t.Log("running after", time.Since(at))
		if got.Status.PodIP == "" {
			t.Error("no address")
		}
		now := metav1.Now()
		grace := int64(1)
		p.DeletionTimestamp, p.DeletionGracePeriodSeconds = &now, &grace
		p.Status = got.Status
		at = time.Now()
		n.assignPod(t, "n1", p)
		n.AwaitGone(t, "web")
		t.Log("gone after", time.Since(at))
	}
	t.Log(n.Events())
}

func TestManyPods(t *testing.T) {
	n := startNode(t, "n2")
	at := time.Now()
	for i := range 50 {
		n.assignPod(t, "n2", podOf(fmt.Sprintf("p%d", i), fmt.Sprintf("many-%d", i), "sleep", "1000"))
	}
	for i := range 50 {
		n.Await(t, fmt.Sprintf("p%d", i), phase(corev1.PodRunning))
	}
	t.Log("50 running after", time.Since(at))
}
