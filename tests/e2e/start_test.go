package e2e

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// BenchmarkStart times pods whose image is present from their creation until a watch sees them
// run: one after the other, then fifty at once.
func BenchmarkStart(b *testing.B) {
	s := newStarter(b)
	s.start(b, 1) // pulls the image
	b.Run("pod", func(b *testing.B) {
		var took []time.Duration
		for b.Loop() {
			took = append(took, s.start(b, 1)...)
		}
		slices.Sort(took)
		b.ReportMetric(took[len(took)/2].Seconds(), "p50-s")
		b.ReportMetric(took[len(took)*99/100].Seconds(), "p99-s")
	})
	b.Run("fifty", func(b *testing.B) {
		for b.Loop() {
			took := s.start(b, 50)
			b.ReportMetric(took[0].Seconds(), "first-s")
			b.ReportMetric(took[len(took)-1].Seconds(), "last-s")
		}
	})
}

// starter makes pods in a namespace of its own.
type starter struct {
	client    *kubernetes.Clientset
	namespace string
	made      int
}

func newStarter(b *testing.B) *starter {
	config, err := clientcmd.BuildConfigFromFlags("", filepath.Join(shared.Data, "kubeconfig"))
	if err != nil {
		b.Fatal(err)
	}
	config.QPS = -1
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		b.Fatal(err)
	}
	s := &starter{client: client, namespace: "bench-start"}
	shared.Must(b, "create", "namespace", s.namespace)
	b.Cleanup(func() { shared.Must(b, "delete", "namespace", s.namespace, "--timeout=120s") })
	return s
}

// start makes n pods and returns how long each took to run, the quickest first.
func (s *starter) start(b *testing.B, n int) []time.Duration {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	s.made++
	group := fmt.Sprintf("round-%d", s.made)
	pods := s.client.CoreV1().Pods(s.namespace)
	seen, err := pods.Watch(ctx, metav1.ListOptions{LabelSelector: "round=" + group})
	if err != nil {
		b.Fatal(err)
	}
	defer seen.Stop()
	begun := time.Now()
	for i := range n {
		pod := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%s-%d", group, i), Labels: map[string]string{"round": group}},
			Spec: corev1.PodSpec{
				TerminationGracePeriodSeconds: new(int64), // nobody waits for them
				Containers:                    []corev1.Container{{Name: "main", Image: images.Address + "/busybox:1", Command: []string{"sleep", "3600"}}},
			},
		}
		if _, err := pods.Create(ctx, pod, metav1.CreateOptions{}); err != nil {
			b.Fatal(err)
		}
	}
	took := running(ctx, b, seen, begun, n)
	if err := pods.DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "round=" + group}); err != nil {
		b.Fatal(err)
	}
	return took
}

// running waits until n pods of a watch run, and returns when each did.
func running(ctx context.Context, b *testing.B, seen watch.Interface, begun time.Time, n int) []time.Duration {
	b.Helper()
	at := map[string]time.Duration{}
	var took []time.Duration
	for len(took) < n {
		select {
		case e := <-seen.ResultChan():
			pod, ok := e.Object.(*corev1.Pod)
			if !ok {
				b.Fatalf("the watch ended: %v", e)
			}
			if _, known := at[pod.Name]; !known && pod.Status.Phase == corev1.PodRunning {
				at[pod.Name] = time.Since(begun)
				took = append(took, at[pod.Name])
			}
		case <-ctx.Done():
			b.Fatalf("%d of %d pods run", len(took), n)
		}
	}
	return took
}
