package connect

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
)

const (
	dialTimeout = 5 * time.Second
	// maxRefusal bounds what is read of a node's refusal, in bytes.
	maxRefusal = 8 << 10
	// kubeletPort is a node's that names none.
	kubeletPort = 10250
)

// proxy passes requests on to nodes, by name: the name is what a node's certificate is
// for, and it is looked up when a connection is made.
type proxy struct {
	nodes     kind.Reader
	transport *http.Transport
	log       *zap.Logger
}

func newProxy(c Config) *proxy {
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	p := &proxy{nodes: c.Nodes, log: c.Log}
	p.transport = &http.Transport{
		DialContext:           p.dial,
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: c.Authority, Certificates: []tls.Certificate{c.Certificate}},
		TLSHandshakeTimeout:   dialTimeout,
		ResponseHeaderTimeout: 30 * time.Second,
		MaxIdleConnsPerHost:   16,
		IdleConnTimeout:       time.Minute,
		// Upgrades are HTTP/1.1's.
		TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{},
	}
	return p
}

// dial connects to the node that the address names.
func (p *proxy) dial(ctx context.Context, network, address string) (net.Conn, error) {
	name, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	obj, found := p.nodes.Get(subject.Nodes, "", name)
	if !found {
		return nil, fmt.Errorf("node %q not found", name)
	}
	to, err := endpoint(obj.(*corev1.Node))
	if err != nil {
		return nil, err
	}
	return (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, network, to)
}

// endpoint is where a node's kubelet API is.
func endpoint(node *corev1.Node) (string, error) {
	port := int(node.Status.DaemonEndpoints.KubeletEndpoint.Port)
	if port == 0 {
		port = kubeletPort
	}
	for _, sort := range []corev1.NodeAddressType{corev1.NodeInternalIP, corev1.NodeExternalIP, corev1.NodeHostName} {
		for _, a := range node.Status.Addresses {
			if a.Type == sort {
				return net.JoinHostPort(a.Address, strconv.Itoa(port)), nil
			}
		}
	}
	return "", fmt.Errorf("node %q has no address", node.Name)
}

// to passes requests on to a path of the pod's node.
func (p *proxy) to(pod *corev1.Pod, query url.Values, path ...string) http.Handler {
	for i := range path {
		path[i] = url.PathEscape(path[i])
	}
	target := &url.URL{Scheme: "https", Host: net.JoinHostPort(pod.Spec.NodeName, strconv.Itoa(kubeletPort)), Path: "/" + strings.Join(path, "/"), RawQuery: query.Encode()}
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL, r.Out.Host = target, target.Host
			// The user's credentials are the gateway's to check, not the node's to see.
			for _, h := range []string{"Authorization", "Cookie", "Impersonate-User", "Impersonate-Group", "Impersonate-Uid"} {
				r.Out.Header.Del(h)
			}
		},
		Transport:      p.transport,
		FlushInterval:  -1,
		ErrorLog:       zap.NewStdLog(p.log),
		ModifyResponse: func(r *http.Response) error { return refusal(r, pod) },
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
				return // the client left
			}
			writeStatus(w, apierrors.NewInternalError(fmt.Errorf("error dialing backend: %w", err)).Status())
		},
	}
}

// refusal turns what a node answers in plain text into a Status.
func refusal(r *http.Response, pod *corev1.Pod) error {
	if r.StatusCode < http.StatusBadRequest {
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(r.Body, maxRefusal))
	r.Body.Close()
	if err != nil {
		return err
	}
	message := strings.TrimSpace(string(text))
	failure := apierrors.NewBadRequest(message)
	if r.StatusCode != http.StatusBadRequest {
		failure = apierrors.NewGenericServerResponse(r.StatusCode, http.MethodGet, schema.GroupResource{Resource: "pods"}, pod.Name, message, 0, true)
	}
	body, err := encode(failure.Status())
	if err != nil {
		return err
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	r.Header = http.Header{"Content-Type": {"application/json"}, "Content-Length": {strconv.Itoa(len(body))}}
	return nil
}

func encode(s metav1.Status) ([]byte, error) {
	s.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}
	return json.Marshal(s)
}

func writeStatus(w http.ResponseWriter, s metav1.Status) {
	body, err := encode(s)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(int(s.Code))
	_, _ = w.Write(body) // the client may be gone
}
