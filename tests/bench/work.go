package main

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"taffrail.dev/tests/bench/load"
)

func prepare(conn *load.Conn) error {
	for _, r := range []load.Request{
		{Method: "POST", Path: "/api/v1/namespaces", Body: encode("v1", "Namespace", &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})},
		{Method: "POST", Path: "/api/v1/namespaces/" + namespace + "/serviceaccounts", Body: encode("v1", "ServiceAccount", &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default"}})},
	} {
		r.ContentType, r.Accept = protobuf, protobuf
		if answer, err := conn.Do(r); err != nil || answer.Status != 201 && answer.Status != 409 {
			return fmt.Errorf("%s %s: %d %w", r.Method, r.Path, answer.Status, err)
		}
	}
	return nil
}

func create(conns []*load.Conn, from, n int) (load.Result, error) {
	bodies := make([][]byte, n)
	for i := range bodies {
		bodies[i] = encode("v1", "Pod", pod(from+i))
	}
	return load.Run(conns, 64, n, func(i int) load.Request {
		return load.Request{Method: "POST", Path: podsPath, ContentType: protobuf, Accept: protobuf, Body: bodies[i]}
	})
}

func podPath(i int) string { return fmt.Sprintf("%s/pod-%06d", podsPath, i) }

func patch(conns []*load.Conn, n int) (load.Result, error) {
	body := []byte(`{"status":{"phase":"Running","podIP":"10.42.0.7","podIPs":[{"ip":"10.42.0.7"}],"conditions":[{"type":"Ready","status":"True"}]}}`)
	return load.Run(conns, 64, n, func(i int) load.Request {
		return load.Request{Method: "PATCH", Path: podPath(i) + "/status", ContentType: strategic, Accept: protobuf, Body: body}
	})
}

func get(conns []*load.Conn, pods, n int) (load.Result, error) {
	return load.Run(conns, 64, n, func(i int) load.Request {
		return load.Request{Method: "GET", Path: podPath(i % pods), Accept: protobuf}
	})
}

func list(conns []*load.Conn, accept string, n int) (load.Result, error) {
	return load.Run(conns, 40, n, func(int) load.Request {
		return load.Request{Method: "GET", Path: podsPath, Accept: accept}
	})
}

func remove(conns []*load.Conn, n int) (load.Result, error) {
	return load.Run(conns, 64, n, func(i int) load.Request {
		return load.Request{Method: "DELETE", Path: podPath(i) + "?gracePeriodSeconds=0", Accept: protobuf}
	})
}

// fanout is what watchers got of one writer's events.
type fanout struct {
	Events, Want int64
	Took         time.Duration
	P50, P99     time.Duration
}

// watch has watchers see n events of a writer with 16 requests under way. The k-th event
// a watcher gets is timed from the k-th answered write, or its start while unanswered.
func watch(conns []*load.Conn, dial func(int) ([]*load.Conn, error), watchers, n int) (fanout, error) {
	w := &watching{begun: make([]atomic.Int64, n), all: make(chan struct{}), want: int64(watchers * n)}
	own, err := dial(8)
	if err != nil {
		return fanout{}, err
	}
	defer func() {
		for _, c := range own {
			c.Close()
		}
	}()
	var wait sync.WaitGroup
	for i := range watchers {
		conn, f := own[i%len(own)], &frames{}
		wait.Go(func() { // ends with its connection
			conn.Do(load.Request{Method: "GET", Path: "/api/v1/namespaces/" + namespace + "/configmaps?watch=true&allowWatchBookmarks=false", Accept: protobuf + ";stream=watch", Data: func(b []byte) { w.take(f, b) }})
		})
	}
	<-time.After(time.Second) // every watch has begun; only the load's clock sees it
	begun := time.Now()
	_, err = load.Run(conns, 16, n, func(i int) load.Request {
		w.begun[w.sent.Add(1)-1].Store(time.Now().UnixNano())
		cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("watch-%d-%d", begun.UnixNano(), i), Namespace: namespace}, Data: map[string]string{"key": "some value or other"}}
		return load.Request{Method: "POST", Path: "/api/v1/namespaces/" + namespace + "/configmaps", ContentType: protobuf, Accept: protobuf, Body: encode("v1", "ConfigMap", cm)}
	})
	if err != nil {
		return fanout{}, err
	}
	select {
	case <-w.all:
	case <-time.After(time.Minute):
	}
	out := fanout{Events: w.got.Load(), Want: w.want, Took: time.Since(begun)}
	w.mu.Lock()
	defer w.mu.Unlock()
	slices.Sort(w.lags)
	if len(w.lags) > 0 {
		out.P50, out.P99 = w.lags[len(w.lags)/2], w.lags[len(w.lags)*99/100]
	}
	return out, nil
}

type watching struct {
	begun     []atomic.Int64
	sent, got atomic.Int64
	want      int64
	all       chan struct{}
	mu        sync.Mutex
	lags      []time.Duration
}

// frames counts length-prefixed frames in a stream of bytes.
type frames struct {
	count int
	head  []byte
	skip  int
}

func (w *watching) take(f *frames, b []byte) {
	now := time.Now().UnixNano()
	for len(b) > 0 {
		if f.skip > 0 {
			n := min(f.skip, len(b))
			f.skip, b = f.skip-n, b[n:]
			if f.skip == 0 && w.sent.Load() > 0 {
				w.arrived(f.count, now)
				f.count++
			}
			continue
		}
		n := min(4-len(f.head), len(b))
		f.head, b = append(f.head, b[:n]...), b[n:]
		if len(f.head) == 4 {
			f.skip, f.head = int(binary.BigEndian.Uint32(f.head)), f.head[:0]
		}
	}
}

// arrived takes a watcher's k-th event. What comes before the first write is what the
// watch begins with.
func (w *watching) arrived(k int, now int64) {
	if k%10 == 0 && k < len(w.begun) {
		w.mu.Lock()
		w.lags = append(w.lags, time.Duration(now-w.begun[k].Load()))
		w.mu.Unlock()
	}
	if w.got.Add(1) == w.want {
		close(w.all)
	}
}
