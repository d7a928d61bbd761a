package replicas

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"taffrail.dev/tests/instance"
)

// gateway is one of the gateways and how clients reach it.
type gateway struct {
	*part
	url  string
	data string
}

// gateways are three on one journal, not started, that share their keys.
func gateways(t *testing.T, journal string) []*gateway {
	t.Helper()
	keys := filepath.Join(t.TempDir(), "pki")
	var all []*gateway
	for i := range 3 {
		https, health, data := port(t), strconv.Itoa(port(t)), filepath.Join(t.TempDir(), "data")
		args := []string{
			"gateway", "--data-dir", data, "--pki", keys, "--https-port", strconv.Itoa(https), "--http-port", health,
			"--nats-url", journal, "--nats-replicas", "3",
		}
		all = append(all, &gateway{
			url: fmt.Sprintf("https://127.0.0.1:%d", https), data: data,
			part: &part{
				name:    fmt.Sprintf("gateway-%d", i),
				command: func() *exec.Cmd { return exec.Command(instance.Binary(), args...) },
				ready: func() error {
					if _, err := os.Stat(filepath.Join(data, "kubeconfig")); err != nil { // the last that it makes
						return err
					}
					answer, err := http.Get("http://127.0.0.1:" + health + "/readyz")
					if err != nil {
						return err
					}
					defer answer.Body.Close()
					if answer.StatusCode != http.StatusOK {
						return fmt.Errorf("/readyz answers %s", answer.Status)
					}
					return nil
				},
			},
		})
	}
	return all
}

// client is the administrator. Its requests end when a fault does not.
func client(t *testing.T, g *gateway, timeout time.Duration) *http.Client {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags(g.url, filepath.Join(g.data, "kubeconfig"))
	if err != nil {
		t.Fatal(err)
	}
	tls, err := rest.TLSConfigFor(config)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: tls, MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: timeout}
}
