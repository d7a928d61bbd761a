// Package connect serves the subresources that are connections to a pod on its node: log,
// exec, attach and portforward. It passes them on to the node's kubelet API, upgrades included.
package connect

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/url"

	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"taffrail.dev/gateway/kind"
)

// Config is how nodes are reached.
type Config struct {
	// Nodes reads Node objects: a node's name is looked up at each connection.
	Nodes kind.Reader
	// Certificate is what the gateway shows to nodes, Authority who signed theirs.
	Certificate tls.Certificate
	Authority   *x509.CertPool
	Log         *zap.Logger
}

// Connector passes connections on to nodes.
type Connector struct {
	proxy *proxy
}

// New makes a connector.
func New(c Config) *Connector { return &Connector{proxy: newProxy(c)} }

// Hooks are the kinds' connections.
func (c *Connector) Hooks(h *kind.Hooks) {
	h.PodLog, h.PodExec, h.PodAttach, h.PodPortForward = c.log, c.exec, c.attach, c.portForward
}

// log shows a container's output. A pod that is not on a node yet has none.
func (c *Connector) log(r *kind.Request, obj kind.Object) (http.Handler, error) {
	pod, query := obj.(*corev1.Pod), r.HTTP.URL.Query()
	name, err := containerName(pod, query.Get("container"))
	if err != nil {
		return nil, err
	}
	if pod.Spec.NodeName == "" {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }), nil
	}
	query.Del("container")
	return c.proxy.to(pod, query, "containerLogs", pod.Namespace, pod.Name, name), nil
}

func (c *Connector) exec(r *kind.Request, obj kind.Object) (http.Handler, error) {
	return c.session(r, obj.(*corev1.Pod), "exec")
}

func (c *Connector) attach(r *kind.Request, obj kind.Object) (http.Handler, error) {
	return c.session(r, obj.(*corev1.Pod), "attach")
}

// streamNames are the parameters of a session, as the API and as the kubelet names them.
var streamNames = map[string]string{"stdin": "input", "stdout": "output", "stderr": "error", "tty": "tty"}

// session runs a command in a container, or joins its own process.
func (c *Connector) session(r *kind.Request, pod *corev1.Pod, path string) (http.Handler, error) {
	asked, query := r.HTTP.URL.Query(), url.Values{}
	name, err := containerName(pod, asked.Get("container"))
	if err != nil {
		return nil, err
	}
	if err := assigned(pod); err != nil {
		return nil, err
	}
	for api, kubelet := range streamNames {
		if v := asked.Get(api); v == "true" || v == "1" {
			query.Set(kubelet, "1")
		}
	}
	if len(query) == 0 {
		return nil, apierrors.NewBadRequest("you must specify at least 1 of stdin, stdout, stderr")
	}
	query["command"] = asked["command"]
	if path == "exec" && len(query["command"]) == 0 {
		return nil, apierrors.NewBadRequest("you must specify at least one command for the container")
	}
	return c.proxy.to(pod, query, path, pod.Namespace, pod.Name, string(pod.UID), name), nil
}

func (c *Connector) portForward(r *kind.Request, obj kind.Object) (http.Handler, error) {
	pod := obj.(*corev1.Pod)
	if err := assigned(pod); err != nil {
		return nil, err
	}
	query := url.Values{}
	if ports := r.HTTP.URL.Query()["ports"]; len(ports) > 0 {
		query["port"] = ports
	}
	return c.proxy.to(pod, query, "portForward", pod.Namespace, pod.Name, string(pod.UID)), nil
}
