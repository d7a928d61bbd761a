package connect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"

	"go.uber.org/zap"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// forward passes a request on to a node, with its upgrade if it asks for one.
func (n *Connector) forward(w http.ResponseWriter, r *http.Request, at *node, to *url.URL) {
	n.pass(w, r.WithContext(at.context(r.Context())), to, n.nodes, nil)
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
	writeStatus(w, unreachable(to, err))
}

func unreachable(to *url.URL, err error) *apierrors.StatusError {
	status := apierrors.NewInternalError(fmt.Errorf("error dialing backend: %w", err))
	status.ErrStatus.Code, status.ErrStatus.Reason = http.StatusBadGateway, metav1.StatusReasonServiceUnavailable
	status.ErrStatus.Message = fmt.Sprintf("error dialing backend %s: %v", to.Host, err)
	return status
}

func writeStatus(w http.ResponseWriter, err *apierrors.StatusError) {
	status := err.ErrStatus
	status.Kind, status.APIVersion = "Status", "v1"
	body, marshalErr := json.Marshal(&status)
	if marshalErr != nil {
		http.Error(w, status.Message, int(status.Code))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(int(status.Code))
	_, _ = w.Write(body)
}
