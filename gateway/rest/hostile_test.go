package rest_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"taffrail.dev/gateway/rest"
)

// byHand is a connection to a world's server, speaking HTTP/1.1 by hand.
func (w *world) byHand(t testing.TB) *tls.Conn {
	t.Helper()
	c, err := tls.Dial("tcp", w.HTTP.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// TestTrickle has a body that comes byte by byte, and one that never comes: both are told so.
func TestTrickle(t *testing.T) {
	t.Parallel()
	w := serveTuned(t, func(c *rest.Config) { c.BodyGrace = 100 * time.Millisecond })
	for name, length := range map[string]string{"announced": "Content-Length: 100000", "chunked": "Transfer-Encoding: chunked"} {
		t.Run(name, func(t *testing.T) {
			c := w.byHand(t)
			if _, err := fmt.Fprintf(c, "POST /api/v1/namespaces/default/configmaps HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n%s\r\n\r\n", length); err != nil {
				t.Fatal(err)
			}
			answer, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			body, _ := io.ReadAll(answer.Body)
			if answer.StatusCode != http.StatusGatewayTimeout || !strings.Contains(string(body), "too slowly") {
				t.Errorf("%s %s", answer.Status, body)
			}
		})
	}
}

// TestStalledReaders has watches whose clients read nothing: they end, and one that reads goes on.
func TestStalledReaders(t *testing.T) {
	t.Parallel()
	w := serveTuned(t, func(c *rest.Config) { c.Patience = 200 * time.Millisecond })
	maps := w.client(t, "application/json").CoreV1().ConfigMaps("default")
	reader, err := maps.Watch(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Stop()
	const stalled = 4
	for range stalled {
		c := w.byHand(t)
		if err := c.NetConn().(*net.TCPConn).SetReadBuffer(4096); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, "GET /api/v1/namespaces/default/configmaps?watch=1 HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := bufio.NewReader(io.LimitReader(c, 1)).ReadByte(); err != nil {
			t.Fatal(err)
		}
	}
	big := strings.Repeat("x", 500_000)
	deadline := time.Now().Add(time.Minute)
	for i := 0; w.watches(t) > 1; i++ {
		name := fmt.Sprintf("m%d", i)
		if _, err := maps.Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: map[string]string{"a": big}}, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		if e, ok := <-reader.ResultChan(); !ok || e.Object.(*corev1.ConfigMap).Name != name {
			t.Fatalf("the watch that reads has %v", e)
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d watches are open", w.watches(t))
		}
	}
}

// watches is how many are open.
func (w *world) watches(t testing.TB) int {
	t.Helper()
	families, err := w.Metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range families {
		if f.GetName() == "apiserver_longrunning_requests" {
			for _, m := range f.GetMetric() {
				n += int(m.GetGauge().GetValue())
			}
		}
	}
	return n
}

// TestOddRequests are answered, each with what is wrong.
func TestOddRequests(t *testing.T) {
	t.Parallel()
	w := serve(t)
	client := w.HTTP.Client()
	send := func(method, path, body string, header ...string) int {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, w.HTTP.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		_, _ = io.Copy(io.Discard, answer.Body)
		return answer.StatusCode
	}
	maps := "/api/v1/namespaces/default/configmaps"
	bomb := "\x1f\x8b\x08\x00" + strings.Repeat("\x00", 1000)
	if code := send("POST", maps, bomb, "Content-Type", "application/json", "Content-Encoding", "gzip"); code != http.StatusBadRequest {
		t.Errorf("a compressed body: %d", code)
	}
	if code := send("GET", maps+"?labelSelector="+strings.Repeat("a,", 25_000)+"a", ""); code != http.StatusOK {
		t.Errorf("a selector of 25000 labels: %d", code)
	}
	if code := send("GET", maps, ""); code != http.StatusOK {
		t.Errorf("then: %d", code)
	}
}

// TestBrokenWatches has thousands of watches broken off: nothing of them is left.
func TestBrokenWatches(t *testing.T) {
	t.Parallel()
	var w *world
	pprof.Do(t.Context(), pprof.Labels("world", "broken"), func(context.Context) { w = serve(t) })
	client, before := w.HTTP.Client(), labelled(t)
	if before == 0 {
		t.Fatal("the server's goroutines are not found")
	}
	const rounds, each = 10, 1000
	for range rounds {
		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		for range each {
			r, err := http.NewRequestWithContext(ctx, "GET", w.HTTP.URL+"/api/v1/configmaps?watch=1", nil)
			if err != nil {
				t.Fatal(err)
			}
			group.Go(func() {
				answer, err := client.Do(r)
				if err != nil {
					if ctx.Err() == nil {
						t.Error(err)
					}
					return
				}
				<-ctx.Done()
				_ = answer.Body.Close()
			})
		}
		for w.watches(t) < each && !t.Failed() {
			runtime.Gosched()
		}
		cancel()
		group.Wait()
		for w.watches(t) > 0 {
			runtime.Gosched()
		}
	}
	client.CloseIdleConnections()
	deadline := time.Now().Add(time.Minute)
	for labelled(t) > before {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines where there were %d", labelled(t), before)
		}
		runtime.Gosched()
	}
}

// labelled is how many goroutines the server of TestBrokenWatches has: a label is inherited.
func labelled(t *testing.T) int {
	t.Helper()
	var text strings.Builder
	if err := pprof.Lookup("goroutine").WriteTo(&text, 1); err != nil {
		t.Fatal(err)
	}
	total, n := 0, 0
	for line := range strings.Lines(text.String()) {
		if _, err := fmt.Sscanf(line, "%d @", &n); err != nil && strings.Contains(line, `"world":"broken"`) {
			total += n
		}
	}
	return total
}

// BenchmarkIdleWatch measures what a watch takes while nothing happens.
func BenchmarkIdleWatch(b *testing.B) {
	w := serve(b)
	client := w.HTTP.Client()
	used := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse + m.StackInuse
	}
	before := used()
	for range b.N {
		answer, err := client.Get(w.HTTP.URL + "/api/v1/configmaps?watch=1")
		if err != nil {
			b.Fatal(err)
		}
		defer answer.Body.Close()
	}
	b.ReportMetric(float64(used()-before)/float64(b.N), "B/watch-and-client")
}
