package connect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"go.uber.org/zap"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/client-go/util/exec"
	streamspdy "k8s.io/streaming/pkg/httpstream/spdy"
	"k8s.io/streaming/pkg/httpstream/wsstream"
)

const protocolV5 = "v5.channel.k8s.io"

// The channels of a web socket, in the order of their numbers.
const (
	channelStdin = iota
	channelStdout
	channelStderr
	channelError
	channelResize
	channels
)

// wantsTranslation says whether a request is for the protocol that nodes do not speak.
func wantsTranslation(r *http.Request) bool {
	return wsstream.IsWebSocketRequestWithStreamCloseProtocol(r)
}

// translate serves v5.channel.k8s.io over a web socket with SPDY to the node.
func (n *Connector) translate(w http.ResponseWriter, r *http.Request, at *node, to *url.URL, options *session) {
	executor, err := n.executor(at, to)
	if err != nil {
		n.failed(w, to, err)
		return
	}
	conn := wsstream.NewConn(map[string]wsstream.ChannelProtocolConfig{protocolV5: {Binary: true, Channels: channelTypes(options)}})
	conn.SetIdleTimeout(n.config.Idle)
	_, streams, err := conn.Open(hijacker(w), r)
	if err != nil {
		n.config.Log.Info("web socket not opened", zap.Error(err))
		return
	}
	defer conn.Close()
	// An empty message tells the client that the connection stands.
	_, _ = streams[firstWritable(options)].Write(nil)

	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	err = executor.StreamWithContext(ctx, streamsOf(ctx, options, streams))
	body, _ := json.Marshal(outcome(err))
	if _, err := streams[channelError].Write(body); err != nil {
		n.config.Log.Info("client left before its command ended", zap.Error(err))
	}
}

// executor runs commands over SPDY at the node's address, checked to be the node by its certificate.
func (n *Connector) executor(at *node, to *url.URL) (remotecommand.Executor, error) {
	direct := func(*http.Request) (*url.URL, error) { return nil, nil }
	transport, err := streamspdy.NewRoundTripperWithConfig(streamspdy.RoundTripperConfig{TLS: n.tls(at.name), Proxier: direct})
	if err != nil {
		return nil, err
	}
	address := *to
	address.Host = at.address
	return remotecommand.NewSPDYExecutorForTransports(transport, spdy.NewUpgraderForStreaming(transport), http.MethodPost, &address)
}

func channelTypes(o *session) []wsstream.ChannelType {
	types := make([]wsstream.ChannelType, channels)
	for channel, used := range map[int]bool{channelStdin: o.stdin, channelStdout: o.stdout, channelStderr: o.stderr} {
		switch {
		case !used:
			types[channel] = wsstream.IgnoreChannel
		case channel == channelStdin:
			types[channel] = wsstream.ReadChannel
		default:
			types[channel] = wsstream.WriteChannel
		}
	}
	types[channelError], types[channelResize] = wsstream.WriteChannel, wsstream.ReadChannel
	return types
}

func firstWritable(o *session) int {
	switch {
	case o.stdout:
		return channelStdout
	case o.stderr:
		return channelStderr
	}
	return channelError
}

func streamsOf(ctx context.Context, o *session, streams []io.ReadWriteCloser) remotecommand.StreamOptions {
	s := remotecommand.StreamOptions{Tty: o.tty}
	if o.stdin {
		s.Stdin = streams[channelStdin]
	}
	if o.stdout {
		s.Stdout = streams[channelStdout]
	}
	if o.stderr {
		s.Stderr = streams[channelStderr]
	}
	if o.tty {
		s.TerminalSizeQueue = newSizes(ctx, streams[channelResize])
	}
	return s
}

// outcome is how a command ended, as the error channel tells it.
func outcome(err error) *metav1.Status {
	var exit exec.CodeExitError
	var status apierrors.APIStatus
	switch {
	case err == nil:
		return &metav1.Status{Status: metav1.StatusSuccess}
	case errors.As(err, &exit):
		return &metav1.Status{
			Status: metav1.StatusFailure, Reason: "NonZeroExitCode", Message: fmt.Sprintf("command terminated with non-zero exit code: %v", exit),
			Details: &metav1.StatusDetails{Causes: []metav1.StatusCause{{Type: "ExitCode", Message: fmt.Sprint(exit.Code)}}},
		}
	case errors.As(err, &status):
		s := status.Status()
		return &s
	}
	s := apierrors.NewInternalError(err).Status()
	return &s
}
