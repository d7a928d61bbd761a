package cluster

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"taffrail.dev/tests/instance"
)

// kills is how often the control plane is killed, over all runs of the test.
const kills = 200

func binary(t *testing.T) string {
	t.Helper()
	folder := os.Getenv("TAFFRAIL_BIN")
	if folder == "" {
		folder = "../../bin"
	}
	path, err := filepath.Abs(filepath.Join(folder, "taffrail"))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Killed at a random moment under load, a control plane has every acknowledged
// write when it is back, with the content of the last acknowledged one or a later one.
func TestKilledControlPlaneKeepsEveryAcknowledgedWrite(t *testing.T) {
	t.Parallel()
	const lines = 2
	for line := range lines {
		t.Run(fmt.Sprint(line), func(t *testing.T) {
			t.Parallel()
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			killing(t, rand.New(rand.NewPCG(seed, uint64(line))), kills/lines)
		})
	}
}

func killing(t *testing.T, random *rand.Rand, rounds int) {
	ctx, data, bin := t.Context(), filepath.Join(t.TempDir(), "data"), binary(t)
	acked := &ledger{names: map[string]bool{}}
	for round := range rounds {
		i, err := instance.Start(ctx, bin, data)
		if err != nil {
			t.Fatal(err)
		}
		check(t, i, acked)
		var writers sync.WaitGroup
		load, stop := context.WithCancel(ctx)
		for w := range 8 {
			writers.Go(func() { write(load, i, acked, fmt.Sprintf("r%d-w%d", round, w)) })
		}
		select {
		case <-time.After(time.Duration(random.IntN(150)) * time.Millisecond):
		case <-ctx.Done():
		}
		i.Kill()
		stop()
		writers.Wait()
		if t.Failed() {
			t.Fatalf("after kill %d\n%s", round, i.Output())
		}
	}
	t.Logf("%d kills, %d writes acknowledged, none lost", rounds, acked.len())
}

// ledger is what was acknowledged.
type ledger struct {
	mu    sync.Mutex
	names map[string]bool
}

func (l *ledger) add(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.names[name] = true
}

func (l *ledger) len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.names)
}

// write creates config maps until the server is gone, and notes each acknowledged
// one.
func write(ctx context.Context, i *instance.Instance, acked *ledger, prefix string) {
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: i.TLS.Clone(), ForceAttemptHTTP2: true}}
	defer client.CloseIdleConnections()
	for n := 0; ctx.Err() == nil; n++ {
		name := fmt.Sprintf("%s-%d", prefix, n)
		body := fmt.Sprintf(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":%q},"data":{"content":%q}}`, name, strings.Repeat(name, 20))
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, i.URL+"/api/v1/namespaces/default/configmaps", strings.NewReader(body))
		if err != nil {
			return
		}
		request.Header.Set("Content-Type", "application/json")
		response, err := client.Do(request)
		if err != nil {
			return
		}
		io.Copy(io.Discard, response.Body)
		response.Body.Close()
		if response.StatusCode == http.StatusCreated {
			acked.add(name)
		}
	}
}

// check wants every acknowledged write to be there, whole.
func check(t *testing.T, i *instance.Instance, acked *ledger) {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags(i.URL, i.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	list, err := client.CoreV1().ConfigMaps("default").List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]string, len(list.Items))
	for _, cm := range list.Items {
		found[cm.Name] = cm.Data["content"]
	}
	acked.mu.Lock()
	defer acked.mu.Unlock()
	for name := range acked.names {
		if found[name] != strings.Repeat(name, 20) {
			t.Errorf("%s was acknowledged and is %q", name, found[name])
		}
	}
}
