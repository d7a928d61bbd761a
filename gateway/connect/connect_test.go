package connect

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/access/pki"
	"taffrail.dev/gateway/kind"
)

// nodes reads one node.
type nodes struct{ node *corev1.Node }

func (n nodes) Get(_ subject.Resource, _, name string) (kind.Object, bool) {
	return n.node, name == n.node.Name
}
func (n nodes) List(subject.Resource, string) []kind.Object { return nil }

// kubelet echoes what comes over an upgraded connection, and answers its path and
// query otherwise.
func kubelet(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Header.Get("Authorization") != "":
		http.Error(w, "credentials leaked", http.StatusInternalServerError)
	case r.Header.Get("Upgrade") == "SPDY/3.1":
		conn, stream, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n")
		_, _ = io.Copy(conn, stream)
	case strings.HasSuffix(r.URL.Path, "/waiting"):
		http.Error(w, `container "waiting" in pod "web" is waiting to start: ContainerCreating`, http.StatusBadRequest)
	default:
		fmt.Fprintf(w, "%s?%s", r.URL.Path, r.URL.RawQuery)
	}
}

// gateway serves a connector's hooks at /log, /exec and /portforward.
func gateway(t *testing.T, certified string) *httptest.Server {
	t.Helper()
	set, err := pki.Ensure(t.TempDir(), pki.Options{Nodes: []pki.Node{{Name: certified}}})
	if err != nil {
		t.Fatal(err)
	}
	serving := set.Nodes[certified].Serving
	backend := httptest.NewUnstartedServer(http.HandlerFunc(kubelet))
	backend.TLS = &tls.Config{Certificates: []tls.Certificate{serving.TLS()}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: set.CA}
	backend.StartTLS()
	t.Cleanup(backend.Close)
	host, port, _ := net.SplitHostPort(backend.Listener.Addr().String())
	number, _ := strconv.Atoi(port)
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "worker"}, Status: corev1.NodeStatus{
		Addresses:       []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: host}},
		DaemonEndpoints: corev1.NodeDaemonEndpoints{KubeletEndpoint: corev1.DaemonEndpoint{Port: int32(number)}},
	}}
	var h kind.Hooks
	New(Config{Nodes: nodes{node}, Certificate: set.KubeletClient.TLS(), Authority: set.CA}).Hooks(&h)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		serve := map[string]kind.ConnectFunc{"/log": h.PodLog, "/exec": h.PodExec, "/portforward": h.PodPortForward}[r.URL.Path]
		handler, err := serve(&kind.Request{HTTP: r}, pod())
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	return front
}

func pod() *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "u-1"},
		Spec: corev1.PodSpec{NodeName: "worker", Containers: []corev1.Container{{Name: "app"}, {Name: "waiting"}},
			InitContainers: []corev1.Container{{Name: "init"}}},
	}
}

func get(t *testing.T, front *httptest.Server, path string) (int, string) {
	t.Helper()
	request, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, front.URL+path, nil)
	request.Header.Set("Authorization", "Bearer secret")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

func TestPathsAndRefusals(t *testing.T) {
	t.Parallel()
	front := gateway(t, "worker")
	for path, want := range map[string]string{
		"/log?container=app&follow=true&tailLines=3": "/containerLogs/shop/web/app?follow=true&tailLines=3",
		"/log":                   "a container name must be specified for pod web, choose one of: [app waiting] or one of the init containers: [init]",
		"/log?container=nope":    "container nope is not valid for pod web",
		"/log?container=waiting": `"message":"container \"waiting\" in pod \"web\" is waiting to start: ContainerCreating","reason":"BadRequest","code":400`,
		"/exec?container=app&command=sh&command=-c&stdout=true":  "/exec/shop/web/u-1/app?command=sh&command=-c&output=1",
		"/exec?container=app&command=sh":                         "you must specify at least 1 of stdin, stdout, stderr",
		"/exec?container=app&stdin=true":                         "you must specify at least one command for the container",
		"/portforward?ports=8080":                                "/portForward/shop/web/u-1?port=8080",
		"/exec?container=" + url.QueryEscape("a/b") + "&stdin=1": "container a/b is not valid for pod web",
	} {
		if _, got := get(t, front, path); !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

func TestANodeMustShowItsOwnName(t *testing.T) {
	t.Parallel()
	code, text := get(t, gateway(t, "impostor"), "/log?container=app")
	if code != http.StatusInternalServerError || !strings.Contains(text, "error dialing backend") {
		t.Errorf("%d %s", code, text)
	}
}

func TestAnUpgradePassesThrough(t *testing.T) {
	t.Parallel()
	front := gateway(t, "worker")
	conn, err := net.Dial("tcp", front.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "POST /portforward HTTP/1.1\r\nHost: gateway\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n")
	reader := bufio.NewReader(conn)
	response, err := http.ReadResponse(reader, nil)
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatal(response, err)
	}
	fmt.Fprint(conn, "hello")
	echo := make([]byte, 5)
	if _, err := io.ReadFull(reader, echo); err != nil || string(echo) != "hello" {
		t.Errorf("%q %v", echo, err)
	}
}
