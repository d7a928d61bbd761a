package connect

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/client-go/util/exec"
	"k8s.io/streaming/pkg/httpstream"
)

func TestPathsAndRefusals(t *testing.T) {
	t.Parallel()
	h := newHarbour(t, "worker", nil)
	for path, want := range map[string]string{
		"/web/log?container=app&follow=true&tailLines=3": "/containerLogs/shop/web/app?follow=true&tailLines=3",
		"/web/log":                                                   "a container name must be specified for pod web, choose one of: [app waiting] or one of the init containers: [init]",
		"/web/log?container=nope":                                    "container nope is not valid for pod web",
		"/web/log?container=waiting":                                 `"message":"container \"waiting\" in pod \"web\" is waiting to start: ContainerCreating","reason":"BadRequest","code":400`,
		"/web/log?container=app&tailLines=-1":                        "tailLines: Invalid value: -1: must be greater than or equal to 0",
		"/web/log?container=app&tailLines=x":                         `tailLines: Invalid value: "x": must be an integer`,
		"/web/attach?container=app&stdout=true":                      "/attach/shop/web/u-1/app?output=1",
		"/web/attach?container=app&stdout=true&stderr=true&tty=true": "/attach/shop/web/u-1/app?output=1&tty=1",
		"/web/exec?container=app&command=sh":                         "you must specify at least 1 of stdin, stdout, stderr",
		"/web/exec?container=app&stdin=true":                         "you must specify at least one command for the container",
		"/web/portforward?ports=80,x":                                `"x" is not a port`,
		"/web/exec?container=" + url.QueryEscape("a/b") + "&stdin=1": "container a/b is not valid for pod web",
		"/worker/proxy/metrics/cadvisor?a=b":                         "/metrics/cadvisor?a=b",
		"/worker/proxy/moved":                                        "/worker/proxy/there?x=1",
		"/svc:web/proxy/worker/proxy/deep":                           "/deep?",
		"/svc:nope/proxy/":                                           `no service port "nope" found for service "svc"`,
	} {
		_, got := h.get(t, path)
		if !strings.HasPrefix(got, want) && !strings.Contains(got, want) || strings.Contains(got, "leaked") {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

func TestAPodWithoutANode(t *testing.T) {
	t.Parallel()
	h := newHarbour(t, "worker", nil)
	h.pod.Spec.NodeName = ""
	if code, text := h.get(t, "/web/log?container=app"); code != http.StatusOK || text != "" {
		t.Errorf("log: %d %q, want nothing", code, text)
	}
	if _, text := h.get(t, "/web/exec?container=app&stdout=1&command=x"); !strings.Contains(text, "pod web does not have a host assigned") {
		t.Errorf("exec: %q", text)
	}
}

func TestANodeMustShowItsOwnName(t *testing.T) {
	t.Parallel()
	h := newHarbour(t, "impostor", nil)
	if code, text := h.get(t, "/web/log?container=app"); code != http.StatusInternalServerError || !strings.Contains(text, "error dialing backend") {
		t.Errorf("%d %s", code, text)
	}
	err := h.exec(t, spdyExecutor, []string{"echo"}, remotecommand.StreamOptions{Stdout: io.Discard})
	if err == nil || !strings.Contains(err.Error(), "error dialing backend") {
		t.Errorf("exec: %v", err)
	}
	err = h.exec(t, websocketExecutor, []string{"echo"}, remotecommand.StreamOptions{Stdout: io.Discard})
	if err == nil {
		t.Error("exec over a web socket reached an impostor")
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	h := newHarbour(t, "worker", func(c *Config) { c.MaxConnections = 1 })
	held, release := io.Pipe()
	ended := make(chan error, 1)
	var out bytes.Buffer
	go func() {
		ended <- h.exec(t, spdyExecutor, []string{"cat"}, remotecommand.StreamOptions{Stdin: held, Stdout: &out, Stderr: io.Discard})
	}()
	if _, err := release.Write([]byte("held")); err != nil {
		t.Fatal(err)
	}
	if code, _ := h.get(t, "/web/log?container=app"); code != http.StatusTooManyRequests {
		t.Errorf("a connection too many: %d, want 429", code)
	}
	release.Close()
	if err := <-ended; err != nil || out.String() != "held" {
		t.Errorf("%q %v", out.String(), err)
	}
}

type newExecutor func(h *harbour, to *url.URL) (remotecommand.Executor, error)

func spdyExecutor(h *harbour, to *url.URL) (remotecommand.Executor, error) {
	return remotecommand.NewSPDYExecutor(h.config(), http.MethodPost, to)
}

// websocketExecutor speaks v5.channel.k8s.io, as kubectl does first.
func websocketExecutor(h *harbour, to *url.URL) (remotecommand.Executor, error) {
	return remotecommand.NewWebSocketExecutor(h.config(), http.MethodGet, to.String())
}

// websocketV4Executor speaks v4.channel.k8s.io, which nodes serve themselves.
func websocketV4Executor(h *harbour, to *url.URL) (remotecommand.Executor, error) {
	return remotecommand.NewWebSocketExecutorForProtocols(h.config(), http.MethodGet, to.String(), "v4.channel.k8s.io")
}

func (h *harbour) exec(t *testing.T, executor newExecutor, args []string, o remotecommand.StreamOptions) error {
	t.Helper()
	query := url.Values{"container": {"app"}, "command": args}
	for name, wanted := range map[string]bool{"stdin": o.Stdin != nil, "stdout": o.Stdout != nil, "stderr": o.Stderr != nil, "tty": o.Tty} {
		if wanted {
			query.Set(name, "true")
		}
	}
	to, err := url.Parse(h.front.URL + "/web/exec?" + query.Encode())
	if err != nil {
		t.Fatal(err)
	}
	e, err := executor(h, to)
	if err != nil {
		t.Fatal(err)
	}
	return e.StreamWithContext(t.Context(), o)
}

func TestExec(t *testing.T) {
	t.Parallel()
	for name, executor := range map[string]newExecutor{"SPDY": spdyExecutor, "v5": websocketExecutor} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarbour(t, "worker", nil)
			big := strings.Repeat("0123456789abcdef", 1<<16)
			var out, errOut bytes.Buffer
			err := h.exec(t, executor, []string{"cat", "a b"}, remotecommand.StreamOptions{Stdin: strings.NewReader(big), Stdout: &out, Stderr: &errOut})
			if err != nil || out.String() != big || errOut.String() != "cat a b" {
				t.Errorf("%d of %d bytes, %q, %v", out.Len(), len(big), errOut.String(), err)
			}
			errOut.Reset()
			var exit exec.CodeExitError
			err = h.exec(t, executor, []string{"fail", "42"}, remotecommand.StreamOptions{Stdout: io.Discard, Stderr: &errOut})
			if !errors.As(err, &exit) || exit.Code != 42 || errOut.String() != "failing" {
				t.Errorf("%v %q, want exit code 42", err, errOut.String())
			}
			out.Reset()
			size := fixedSize{Width: 120, Height: 40}
			err = h.exec(t, executor, []string{"size"}, remotecommand.StreamOptions{Stdin: strings.NewReader(""), Stdout: &out, Tty: true, TerminalSizeQueue: &size})
			if err != nil || out.String() != "120x40" {
				t.Errorf("terminal is %q, %v", out.String(), err)
			}
		})
	}
}

// TestExecV4 passes through: without a signal to close standard input, so none is sent.
func TestExecV4(t *testing.T) {
	t.Parallel()
	h := newHarbour(t, "worker", nil)
	var errOut bytes.Buffer
	var exit exec.CodeExitError
	err := h.exec(t, websocketV4Executor, []string{"fail", "3"}, remotecommand.StreamOptions{Stdout: io.Discard, Stderr: &errOut})
	if !errors.As(err, &exit) || exit.Code != 3 || errOut.String() != "failing" {
		t.Errorf("%v %q, want exit code 3", err, errOut.String())
	}
}

// fixedSize is a terminal that is resized once.
type fixedSize remotecommand.TerminalSize

func (s *fixedSize) Next() *remotecommand.TerminalSize {
	if s.Width == 0 {
		return nil
	}
	size := remotecommand.TerminalSize(*s)
	s.Width = 0
	return &size
}

func TestPortForward(t *testing.T) {
	t.Parallel()
	h := newHarbour(t, "worker", nil)
	to, err := url.Parse(h.front.URL + "/web/portforward")
	if err != nil {
		t.Fatal(err)
	}
	transport, upgrader, err := spdy.RoundTripperFor(h.config())
	if err != nil {
		t.Fatal(err)
	}
	tunnel, err := portforward.NewSPDYOverWebsocketDialerForStreaming(to, h.config())
	if err != nil {
		t.Fatal(err)
	}
	for name, dialer := range map[string]httpstream.Dialer{
		"SPDY": spdy.NewDialerForStreaming(upgrader, &http.Client{Transport: transport}, http.MethodPost, to), "tunnel": tunnel,
	} {
		t.Run(name, func(t *testing.T) { echoThrough(t, dialer) })
	}
}

func echoThrough(t *testing.T, dialer httpstream.Dialer) {
	t.Helper()
	connection, _, err := dialer.Dial("portforward.k8s.io")
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	headers := http.Header{}
	headers.Set(corev1.PortHeader, "8080")
	headers.Set(corev1.PortForwardRequestIDHeader, "0")
	headers.Set(corev1.StreamType, corev1.StreamTypeError)
	if _, err := connection.CreateStream(headers); err != nil {
		t.Fatal(err)
	}
	headers.Set(corev1.StreamType, corev1.StreamTypeData)
	data, err := connection.CreateStream(headers)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(data, "hello"); err != nil {
		t.Fatal(err)
	}
	echo, err := io.ReadAll(data)
	if err != nil || string(echo) != "hello from 8080" {
		t.Errorf("%q %v", echo, err)
	}
}

func TestLeavingEndsTheConnection(t *testing.T) {
	t.Parallel()
	for name, executor := range map[string]newExecutor{"SPDY": spdyExecutor, "v5": websocketExecutor} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarbour(t, "worker", func(c *Config) { c.MaxConnections = 1 })
			ctx, leave := context.WithCancel(t.Context())
			held, release := io.Pipe()
			defer release.Close()
			to, _ := url.Parse(h.front.URL + "/web/exec?container=app&command=cat&stdin=true&stdout=true")
			e, err := executor(h, to)
			if err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() {
				ended <- e.StreamWithContext(ctx, remotecommand.StreamOptions{Stdin: held, Stdout: io.Discard})
			}()
			if _, err := release.Write([]byte("held")); err != nil {
				t.Fatal(err)
			}
			leave()
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("%v", err)
			}
			// The only slot comes free.
			for code := 0; code != http.StatusOK; {
				if code, _ = h.get(t, "/web/log?container=app"); t.Context().Err() != nil {
					t.Fatal("the slot is still held")
				}
			}
		})
	}
}
