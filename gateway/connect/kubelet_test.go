package connect

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/cri-streaming/pkg/streaming/portforward"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
	"k8s.io/utils/exec"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/access/pki"
	"taffrail.dev/gateway/kind"
)

// objects reads what a test put there.
type objects map[subject.Object]kind.Object

func (o objects) Get(r subject.Resource, namespace, name string) (kind.Object, bool) {
	have, ok := o[subject.Object{Resource: r, Namespace: namespace, Name: name}]
	return have, ok
}

func (o objects) List(r subject.Resource, namespace string) (all []kind.Object) {
	for key, have := range o {
		if key.Resource == r && (namespace == "" || key.Namespace == namespace) {
			all = append(all, have)
		}
	}
	return all
}

// command is what runs in the fake kubelet's containers: it copies its input to its output, says so on
// its error stream, tells terminal sizes, and ends as its arguments say.
type command struct{}

func (command) ExecInContainer(_ context.Context, _, _, _ string, args []string, in io.Reader, out, errOut io.WriteCloser, _ bool, sizes <-chan remotecommand.TerminalSize, _ time.Duration) error {
	switch args[0] {
	case "size":
		size := <-sizes
		fmt.Fprintf(out, "%dx%d", size.Width, size.Height)
	case "fail":
		fmt.Fprint(errOut, "failing")
		code, _ := strconv.Atoi(args[1])
		return exec.CodeExitError{Err: fmt.Errorf("exit status %d", code), Code: code}
	default:
		_, _ = io.Copy(out, in)
		if errOut != nil {
			fmt.Fprint(errOut, strings.Join(args, " "))
		}
	}
	return nil
}

func (command) PortForward(_ context.Context, _, _ string, port int32, stream io.ReadWriteCloser) error {
	defer stream.Close()
	line := make([]byte, 5)
	if _, err := io.ReadFull(stream, line); err != nil {
		return err
	}
	_, err := fmt.Fprintf(stream, "%s from %d", line, port)
	return err
}

// kubelet serves exec and port-forward as a node agent does, and answers other paths with themselves.
func kubelet() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/exec/{namespace}/{pod}/{uid}/{container}", func(w http.ResponseWriter, r *http.Request) {
		options, err := remotecommand.NewOptions(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		remotecommand.ServeExec(w, r, command{}, r.PathValue("pod"), r.PathValue("uid"), r.PathValue("container"), r.URL.Query()["command"],
			options, time.Minute, time.Minute, remotecommand.SupportedStreamingProtocols)
	})
	mux.HandleFunc("/portForward/{namespace}/{pod}/{uid}", func(w http.ResponseWriter, r *http.Request) {
		options, err := portforward.NewV4Options(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		portforward.ServePortForward(w, r, command{}, r.PathValue("pod"), r.PathValue("uid"), options, time.Minute, time.Minute, portforward.SupportedProtocols)
	})
	mux.HandleFunc("/containerLogs/{namespace}/{pod}/waiting", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, `container "waiting" in pod "web" is waiting to start: ContainerCreating`, http.StatusBadRequest)
	})
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/there?x=1", http.StatusFound) })
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s?%s", r.URL.Path, r.URL.RawQuery)
		for _, secret := range []string{"Authorization", "Cookie", "Impersonate-User", "Impersonate-Extra-Scope"} {
			if r.Header.Get(secret) != "" {
				fmt.Fprintf(w, " leaked %s", secret)
			}
		}
	})
	return mux
}

// harbour is a gateway's front with a node behind it.
type harbour struct {
	front *httptest.Server
	node  *corev1.Node
	pod   *corev1.Pod
}

// newHarbour has a node "worker" whose kubelet's certificate is for certified.
func newHarbour(t *testing.T, certified string, change func(*Config)) *harbour {
	t.Helper()
	set, err := pki.Ensure(t.TempDir(), pki.Options{Nodes: []pki.Node{{Name: certified}}})
	if err != nil {
		t.Fatal(err)
	}
	serving := set.Nodes[certified].Serving
	backend := httptest.NewUnstartedServer(kubelet())
	backend.TLS = &tls.Config{Certificates: []tls.Certificate{serving.TLS()}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: set.CA}
	backend.StartTLS()
	t.Cleanup(backend.Close)
	h := &harbour{node: nodeAt(backend.Listener.Addr()), pod: webPod()}
	config := Config{Client: set.KubeletClient.TLS(), CAs: set.CA}
	if change != nil {
		change(&config)
	}
	c, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	h.front = httptest.NewServer(h.serve(c))
	t.Cleanup(h.front.Close)
	return h
}

func nodeAt(address net.Addr) *corev1.Node {
	at := address.(*net.TCPAddr)
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "worker"}, Status: corev1.NodeStatus{
		Addresses:       []corev1.NodeAddress{{Type: corev1.NodeHostName, Address: "unused"}, {Type: corev1.NodeInternalIP, Address: at.IP.String()}},
		DaemonEndpoints: corev1.NodeDaemonEndpoints{KubeletEndpoint: corev1.DaemonEndpoint{Port: int32(at.Port)}},
	}}
}

func webPod() *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "u-1"},
		Spec: corev1.PodSpec{
			NodeName: "worker", Containers: []corev1.Container{{Name: "app"}, {Name: "waiting"}},
			InitContainers: []corev1.Container{{Name: "init"}},
		},
	}
}

// serve routes /NAME/HOOK and below as rest does.
func (h *harbour) serve(c *Connector) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		parts := strings.SplitN(strings.TrimPrefix(r.URL.Path, "/"), "/", 3)
		hooks := map[string]kind.ConnectFunc{
			"log": c.PodLog, "exec": c.PodExec, "attach": c.PodAttach, "portforward": c.PodPortForward, "proxy": c.NodeProxy,
		}
		var obj kind.Object = h.pod
		if parts[0] == "worker" {
			obj = h.node
		}
		if strings.HasPrefix(parts[0], "svc") {
			obj, hooks["proxy"] = h.service(), c.ServiceProxy
		}
		reader := objects{{Resource: subject.Nodes, Name: "worker"}: h.node, {Resource: subject.EndpointSlices, Namespace: "shop", Name: "svc-1"}: h.slice(r.Context())}
		handler, err := hooks[parts[1]](&kind.Request{HTTP: r, Name: parts[0], Reader: reader}, obj)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		handler.ServeHTTP(w, r)
	})
}

func (h *harbour) service() *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "svc"}, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Name: "web", Port: 80}}},
	}
}

// slice has the front itself as the service's endpoint, and one that is not ready.
func (h *harbour) slice(ctx context.Context) *discoveryv1.EndpointSlice {
	at := ctx.Value(http.LocalAddrContextKey).(*net.TCPAddr)
	port, name, not := int32(at.Port), "web", false
	return &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "svc-1", Labels: map[string]string{discoveryv1.LabelServiceName: "svc"}},
		Ports:      []discoveryv1.EndpointPort{{Name: &name, Port: &port}},
		Endpoints: []discoveryv1.Endpoint{
			{Addresses: []string{at.IP.String()}}, {Addresses: []string{"192.0.2.1"}, Conditions: discoveryv1.EndpointConditions{Ready: &not}},
		},
	}
}

func (h *harbour) config() *rest.Config { return &rest.Config{Host: h.front.URL} }

func (h *harbour) get(t *testing.T, path string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.front.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"Authorization", "Cookie", "Impersonate-User", "Impersonate-Extra-Scope"} {
		request.Header.Set(secret, "secret")
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header.Get("Location") + string(text)
}
