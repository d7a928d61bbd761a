package gateway_test

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

const protobuf = "application/vnd.kubernetes.protobuf"

// load is raw HTTP/2 clients that decode nothing.
type load struct {
	clients []*http.Client
	base    string
	next    atomic.Int64
}

func (d *door) load(b *testing.B, connections int) *load {
	b.Helper()
	l := &load{base: "https://" + d.address}
	for range connections {
		transport := &http.Transport{
			TLSClientConfig:    &tls.Config{RootCAs: d.keys.CA, Certificates: []tls.Certificate{d.keys.Admin.TLS()}},
			ForceAttemptHTTP2:  true,
			DisableCompression: true,
			HTTP2:              &http.HTTP2Config{MaxReadFrameSize: 1 << 20, MaxReceiveBufferPerConnection: 64 << 20, MaxReceiveBufferPerStream: 32 << 20},
		}
		b.Cleanup(transport.CloseIdleConnections)
		l.clients = append(l.clients, &http.Client{Transport: transport})
	}
	return l
}

func (l *load) do(b *testing.B, method, path string, body []byte) int64 {
	return l.send(b, method, path, protobuf, body)
}

// statusPatch is what a node agent says of a pod, in part; the number makes each a change.
const statusPatch = `{"status":{"phase":"Running","message":"%d","podIP":"10.42.0.7","podIPs":[{"ip":"10.42.0.7"}],"conditions":[{"type":"Ready","status":"True"}]}}`

func (l *load) patch(b *testing.B, path, patch string) {
	l.send(b, "PATCH", path, "application/strategic-merge-patch+json", []byte(patch))
}

func (l *load) send(b *testing.B, method, path, contentType string, body []byte) int64 {
	r, err := http.NewRequestWithContext(b.Context(), method, l.base+path, bytes.NewReader(body))
	if err != nil {
		b.Error(err)
		return 0
	}
	r.Header.Set("Accept", protobuf)
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("User-Agent", "bench/1")
	answer, err := l.clients[int(l.next.Add(1))%len(l.clients)].Do(r)
	if err != nil {
		b.Error(err)
		return 0
	}
	defer answer.Body.Close()
	n, _ := io.Copy(io.Discard, answer.Body)
	if answer.StatusCode >= 300 {
		b.Error(method, path, answer.Status)
	}
	return n
}

// parallel runs fn b.N times among many goroutines.
func parallel(b *testing.B, goroutines int, fn func(i int)) {
	var i atomic.Int64
	var group sync.WaitGroup
	began := time.Now()
	b.ResetTimer()
	for range goroutines {
		group.Go(func() {
			for n := int(i.Add(1)); n <= b.N; n = int(i.Add(1)) {
				fn(n)
			}
		})
	}
	group.Wait()
	b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "requests/s")
}

func podBody(name string) []byte {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default", Labels: map[string]string{"app": "web", "tier": "front"}},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{
			Name: "web", Image: "registry.local/web:1", Ports: []corev1.ContainerPort{{ContainerPort: 8080}},
			Env: []corev1.EnvVar{{Name: "A", Value: strings.Repeat("x", 200)}, {Name: "B", Value: strings.Repeat("y", 200)}},
		}}},
	}
	raw, err := pod.Marshal()
	if err != nil {
		panic(err)
	}
	unknown := runtime.Unknown{TypeMeta: runtime.TypeMeta{APIVersion: "v1", Kind: "Pod"}, Raw: raw}
	body, err := unknown.Marshal()
	if err != nil {
		panic(err)
	}
	return append([]byte("k8s\x00"), body...)
}

const pods = "/api/v1/namespaces/default/pods"

func BenchmarkHTTPS(b *testing.B) {
	d := open(b, b.TempDir())
	l := d.load(b, 8)
	var made atomic.Int64
	b.Run("create", func(b *testing.B) {
		b.ReportAllocs()
		parallel(b, 64, func(int) { l.do(b, "POST", pods, podBody(fmt.Sprintf("p%d", made.Add(1)))) })
	})
	for n := made.Load(); n < 10000; n = made.Load() {
		var group sync.WaitGroup
		for range 100 {
			group.Go(func() { l.do(b, "POST", pods, podBody(fmt.Sprintf("p%d", made.Add(1)))) })
		}
		group.Wait()
	}
	b.Run("patch", func(b *testing.B) {
		b.ReportAllocs()
		parallel(b, 64, func(i int) {
			l.patch(b, fmt.Sprintf("%s/p%d/status", pods, i%int(made.Load())+1), fmt.Sprintf(statusPatch, i))
		})
	})
	b.Run("get", func(b *testing.B) {
		b.ReportAllocs()
		parallel(b, 64, func(i int) { l.do(b, "GET", fmt.Sprintf("%s/p%d", pods, i%int(made.Load())+1), nil) })
	})
	b.Run("list", func(b *testing.B) {
		var total atomic.Int64
		began := time.Now()
		parallel(b, 8, func(int) { total.Add(l.do(b, "GET", pods, nil)) })
		b.ReportMetric(float64(total.Load())/1e6/time.Since(began).Seconds(), "MB/s")
	})
	b.Run("watch", func(b *testing.B) { benchWatch(b, l) })
}

func benchWatch(b *testing.B, l *load) {
	const watchers = 100
	var frames sync.WaitGroup
	for i := range watchers {
		r, _ := http.NewRequestWithContext(b.Context(), "GET", l.base+"/api/v1/namespaces/default/configmaps?watch=1", nil)
		r.Header.Set("Accept", protobuf)
		answer, err := l.clients[i%len(l.clients)].Do(r)
		if err != nil {
			b.Fatal(err)
		}
		frames.Go(func() {
			defer answer.Body.Close()
			buffer := make([]byte, 1<<20)
			have, seen := 0, 0
			for seen < b.N {
				n, err := answer.Body.Read(buffer[have:])
				if err != nil {
					b.Error(err)
					return
				}
				have += n
				at := 0
				for at+4 <= have {
					size := 4 + int(binary.BigEndian.Uint32(buffer[at:]))
					if at+size > have {
						break
					}
					at += size
					seen++
				}
				have = copy(buffer, buffer[at:have])
			}
		})
	}
	configMap := func(i int) []byte {
		return []byte(fmt.Sprintf(`{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"c%d-%d"},"data":{"k":%q}}`, b.N, i, strings.Repeat("z", 900)))
	}
	began := time.Now()
	b.ResetTimer()
	var i atomic.Int64
	var writers sync.WaitGroup
	for range 32 {
		writers.Go(func() {
			for n := int(i.Add(1)); n <= b.N; n = int(i.Add(1)) {
				r, _ := http.NewRequestWithContext(b.Context(), "POST", l.base+"/api/v1/namespaces/default/configmaps", bytes.NewReader(configMap(n)))
				r.Header.Set("Accept", protobuf)
				r.Header.Set("Content-Type", "application/json")
				answer, err := l.clients[n%len(l.clients)].Do(r)
				if err != nil {
					b.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, answer.Body)
				answer.Body.Close()
			}
		})
	}
	writers.Wait()
	frames.Wait()
	b.ReportMetric(float64(b.N*watchers)/time.Since(began).Seconds(), "events/s")
}
