package connect

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"

	"go.uber.org/zap"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// maxRefusal bounds what is read of a node's refusal, in bytes.
const maxRefusal = 64 << 10

// forward passes a request for a pod on to its node, with its upgrade if it asks for one.
func (n *Connector) forward(w http.ResponseWriter, r *http.Request, at *node, to *url.URL, pod string) {
	n.pass(w, r.WithContext(at.context(r.Context())), to, n.nodes, func(response *http.Response) error { return refusal(response, pod) })
}

// pass is a proxy for one request: it writes out what comes as it comes, and lasts until either side
// or the request's context ends.
func (n *Connector) pass(w http.ResponseWriter, r *http.Request, to *url.URL, through http.RoundTripper, modify func(*http.Response) error) {
	proxy := httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL, p.Out.Host = to, ""
			withoutCredentials(p.Out.Header)
		},
		Transport: through, FlushInterval: -1, ModifyResponse: modify,
		ErrorLog:     zap.NewStdLog(n.config.Log),
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) { n.failed(w, to, err) },
	}
	proxy.ServeHTTP(w, r)
}

// withoutCredentials keeps what a client proved to the gateway from whoever is behind it.
func withoutCredentials(h http.Header) {
	h.Del("Authorization")
	h.Del("Cookie")
	for name := range h {
		if strings.HasPrefix(name, "Impersonate-") {
			h.Del(name)
		}
	}
	const bearer = "base64url.bearer.authorization.k8s.io."
	protocols := h.Values("Sec-Websocket-Protocol")
	if len(protocols) == 0 {
		return
	}
	var kept []string
	for protocol := range strings.SplitSeq(strings.Join(protocols, ","), ",") {
		if protocol = strings.TrimSpace(protocol); !strings.HasPrefix(protocol, bearer) {
			kept = append(kept, protocol)
		}
	}
	h.Set("Sec-Websocket-Protocol", strings.Join(kept, ", "))
}

// failed tells a client that what it wants to connect to cannot be reached.
func (n *Connector) failed(w http.ResponseWriter, to *url.URL, err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	n.config.Log.Warn("connection failed", zap.String("host", to.Host), zap.String("path", to.Path), zap.Error(err))
	writeStatus(w, unreachable(err))
}

func unreachable(err error) *apierrors.StatusError {
	return apierrors.NewInternalError(fmt.Errorf("error dialing backend: %w", err))
}

// refusal turns what a node answers in plain text into a Status.
func refusal(r *http.Response, pod string) error {
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
		failure = apierrors.NewGenericServerResponse(r.StatusCode, http.MethodGet, schema.GroupResource{Resource: "pods"}, pod, message, 0, true)
	}
	body, err := encode(failure)
	if err != nil {
		return err
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	r.Header = http.Header{"Content-Type": {"application/json"}, "Content-Length": {strconv.Itoa(len(body))}}
	return nil
}

func encode(err *apierrors.StatusError) ([]byte, error) {
	status := err.ErrStatus
	status.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}
	return json.Marshal(&status)
}

func writeStatus(w http.ResponseWriter, failure *apierrors.StatusError) {
	body, err := encode(failure)
	if err != nil {
		http.Error(w, failure.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(int(failure.ErrStatus.Code))
	_, _ = w.Write(body)
}
