// Package probe asks containers how they are: by a command, HTTP, a TCP connection or the
// gRPC health protocol. Lifecycle hooks are asked the same way.
package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"taffrail.dev/nodeagent/runtime"
)

// maxOutput bounds what is kept of a command's output or an answer's body.
const maxOutput = 10 << 10

// Target is whom a probe asks.
type Target struct {
	// Host is the pod's address.
	Host      string
	ID        string
	Container *corev1.Container
	Exec      func(ctx context.Context, id string, e runtime.Exec) (int, error)
}

// Run carries a probe out; its error says why the container isn't well, as people read it.
func Run(ctx context.Context, t Target, p *corev1.Probe) error {
	switch h := p.ProbeHandler; {
	case h.Exec != nil:
		return command(ctx, t, h.Exec.Command)
	case h.HTTPGet != nil:
		return get(ctx, t, h.HTTPGet, "kube-probe/1.37")
	case h.TCPSocket != nil:
		return connect(ctx, t, h.TCPSocket)
	case h.GRPC != nil:
		return ask(ctx, t, h.GRPC)
	}
	return errors.New("missing probe handler")
}

// Hook carries a lifecycle hook out.
func Hook(ctx context.Context, t Target, h *corev1.LifecycleHandler) error {
	switch {
	case h.Exec != nil:
		return command(ctx, t, h.Exec.Command)
	case h.HTTPGet != nil:
		return get(ctx, t, h.HTTPGet, "kube-lifecycle/1.37")
	case h.Sleep != nil:
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(h.Sleep.Seconds) * time.Second):
			return nil
		}
	}
	return nil
}

// bounded keeps the first bytes that are written to it, by whomever.
type bounded struct {
	mu   sync.Mutex // guards text
	text []byte
}

func (b *bounded) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text = append(b.text, p[:min(max(maxOutput-len(b.text), 0), len(p))]...)
	return len(p), nil
}

func (b *bounded) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return string(b.text)
}

func command(ctx context.Context, t Target, args []string) error {
	var out bounded
	begun := time.Now()
	limit, _ := ctx.Deadline()
	code, err := t.Exec(ctx, t.ID, runtime.Exec{Command: args, Streams: runtime.Streams{Stdout: &out, Stderr: &out}})
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("command timed out: %q timed out after %s", strings.Join(args, " "), limit.Sub(begun).Round(time.Second))
	}
	if err != nil {
		return err
	}
	if code == 0 {
		return nil
	}
	if text := out.String(); text != "" {
		return errors.New(text)
	}
	return fmt.Errorf("command %q exited with code %d and said nothing", strings.Join(args, " "), code)
}

func get(ctx context.Context, t Target, h *corev1.HTTPGetAction, agent string) error {
	port, err := portOf(h.Port, t.Container)
	if err != nil {
		return err
	}
	scheme := strings.ToLower(string(h.Scheme))
	if scheme == "" {
		scheme = "http"
	}
	host := h.Host
	if host == "" {
		host = t.Host
	}
	path := h.Path
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+net.JoinHostPort(host, strconv.Itoa(port))+path, nil)
	if err != nil {
		return err
	}
	req.Header.Set("User-Agent", agent)
	req.Header.Set("Accept", "*/*")
	for _, kv := range h.HTTPHeaders {
		if http.CanonicalHeaderKey(kv.Name) == "Host" {
			req.Host = kv.Value
			continue
		}
		req.Header.Set(kv.Name, kv.Value)
	}
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // a probe asks whether it answers, not who
	}, CheckRedirect: redirects(host)}
	answer, err := client.Do(req)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, _ = io.CopyN(io.Discard, answer.Body, maxOutput)
	if answer.StatusCode < 200 || answer.StatusCode >= 400 {
		return fmt.Errorf("HTTP probe failed with statuscode: %d", answer.StatusCode)
	}
	return nil
}

// redirects are followed on the same host only; one that leads elsewhere is a success.
func redirects(host string) func(*http.Request, []*http.Request) error {
	return func(req *http.Request, via []*http.Request) error {
		if req.URL.Hostname() != host {
			return http.ErrUseLastResponse
		}
		if len(via) >= 10 {
			return errors.New("stopped after 10 redirects")
		}
		return nil
	}
}

func connect(ctx context.Context, t Target, h *corev1.TCPSocketAction) error {
	port, err := portOf(h.Port, t.Container)
	if err != nil {
		return err
	}
	host := h.Host
	if host == "" {
		host = t.Host
	}
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return err
	}
	return c.Close()
}

func ask(ctx context.Context, t Target, h *corev1.GRPCAction) error {
	service := ""
	if h.Service != nil {
		service = *h.Service
	}
	address := net.JoinHostPort(t.Host, strconv.Itoa(int(h.Port)))
	conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithUserAgent("kube-probe/1.37"))
	if err != nil {
		return err
	}
	defer conn.Close()
	answer, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: service}, grpc.WaitForReady(false))
	switch {
	case status.Code(err) == codes.Unimplemented:
		return fmt.Errorf("this server does not implement the grpc health protocol (grpc.health.v1.Health): %s", status.Convert(err).Message())
	case status.Code(err) == codes.DeadlineExceeded:
		return fmt.Errorf("timeout: health rpc did not complete within the probe's timeout")
	case err != nil:
		return fmt.Errorf("error: health rpc probe failed: %s", status.Convert(err).Message())
	case answer.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING:
		return fmt.Errorf("service unhealthy (responded with %q)", answer.GetStatus())
	}
	return nil
}

// portOf is a number, or the number of the container's port of that name.
func portOf(p intstr.IntOrString, c *corev1.Container) (int, error) {
	n := p.IntValue()
	if p.Type == intstr.String {
		for _, cp := range c.Ports {
			if cp.Name == p.StrVal {
				n = int(cp.ContainerPort)
			}
		}
	}
	if n < 1 || n > 65535 {
		return 0, fmt.Errorf("invalid port number: %v", p.String())
	}
	return n, nil
}
