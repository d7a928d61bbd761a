package connect

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"

	"github.com/gorilla/websocket"
	"go.uber.org/zap"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/streaming/pkg/httpstream/wsstream"
)

const (
	tunnelPrefix       = "SPDY/3.1+"
	protocolHeader     = "X-Stream-Protocol-Version"
	tunnelBufferLength = 32 << 10
)

// wantsTunnel says whether a request is for SPDY through a web socket.
func wantsTunnel(r *http.Request) bool { return wsstream.IsWebSocketRequestWithTunnelingProtocol(r) }

// tunnel opens SPDY to the node, answers with a web socket, and passes bytes between the two.
func (n *Connector) tunnel(w http.ResponseWriter, r *http.Request, at *node, to *url.URL) {
	protocol := tunnelled(r)
	backend, response, err := n.dialSPDY(r, at, to, strings.TrimPrefix(protocol, tunnelPrefix))
	if err != nil {
		n.failed(w, to, err)
		return
	}
	if backend == nil {
		n.refused(w, to, response)
		return
	}
	defer backend.Close()
	upgrader := websocket.Upgrader{
		Subprotocols: []string{protocol}, ReadBufferSize: tunnelBufferLength, WriteBufferSize: tunnelBufferLength,
		// Who may connect was decided by the client's credentials, not by the page it is on.
		CheckOrigin: func(*http.Request) bool { return true },
	}
	socket, err := upgrader.Upgrade(hijacker(w), r, nil)
	if err != nil {
		n.config.Log.Info("web socket not opened", zap.Error(err))
		return
	}
	client := portforward.NewTunnelingConnection("gateway", socket)
	join(client, backend)
}

// refused tells a client what a node answered instead of upgrading.
func (n *Connector) refused(w http.ResponseWriter, to *url.URL, response *http.Response) {
	if err := refusal(response, path.Base(path.Dir(to.Path))); err != nil {
		n.failed(w, to, err)
		return
	}
	defer response.Body.Close()
	w.Header().Set("Content-Type", response.Header.Get("Content-Type"))
	w.WriteHeader(response.StatusCode)
	_, _ = io.Copy(w, response.Body)
}

func tunnelled(r *http.Request) string {
	for protocol := range strings.SplitSeq(strings.Join(r.Header.Values("Sec-Websocket-Protocol"), ","), ",") {
		if protocol = strings.TrimSpace(protocol); strings.HasPrefix(protocol, tunnelPrefix) {
			return protocol
		}
	}
	return ""
}

// dialSPDY upgrades a connection to a node. If the node refuses there is a response instead.
func (n *Connector) dialSPDY(r *http.Request, at *node, to *url.URL, protocol string) (io.ReadWriteCloser, *http.Response, error) {
	request, err := http.NewRequestWithContext(at.context(r.Context()), http.MethodPost, to.String(), nil)
	if err != nil {
		return nil, nil, err
	}
	request.Header.Set("Connection", "Upgrade")
	request.Header.Set("Upgrade", "SPDY/3.1")
	request.Header.Set(protocolHeader, protocol)
	response, err := n.nodes.RoundTrip(request)
	if err != nil {
		return nil, nil, err
	}
	if response.StatusCode != http.StatusSwitchingProtocols {
		return nil, response, nil
	}
	backend, ok := response.Body.(io.ReadWriteCloser)
	if !ok {
		response.Body.Close()
		return nil, nil, errors.New("the upgraded connection cannot be written to")
	}
	if have := response.Header.Get(protocolHeader); have != protocol {
		backend.Close()
		return nil, nil, fmt.Errorf("asked for protocol %q, the node chose %q", protocol, have)
	}
	return backend, response, nil
}

// join passes bytes both ways until one side ends, then ends both.
func join(a, b io.ReadWriteCloser) {
	var wg sync.WaitGroup
	var once sync.Once
	pass := func(to, from io.ReadWriteCloser) {
		_, _ = io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{from}, make([]byte, tunnelBufferLength))
		once.Do(func() {
			_ = a.Close()
			_ = b.Close()
		})
	}
	wg.Go(func() { pass(a, b) })
	wg.Go(func() { pass(b, a) })
	wg.Wait()
}
