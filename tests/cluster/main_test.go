package cluster

import (
	"context"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"taffrail.dev/tests/instance"
)

// binary is the control plane's.
func binary(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs(instance.Binary())
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// dataDir is a new one.
func dataDir(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "data")
}

// start runs a control plane until the test's end, or until it is killed or stopped.
func start(t *testing.T, setup instance.Setup) *instance.Instance {
	t.Helper()
	i, err := setup.Start(context.WithoutCancel(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(i.Kill)
	return i
}

func restConfig(t *testing.T, i *instance.Instance) *rest.Config {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags(i.URL, i.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	config.QPS = -1
	return config
}

func clientOf(t *testing.T, i *instance.Instance) *kubernetes.Clientset {
	t.Helper()
	client, err := kubernetes.NewForConfig(restConfig(t, i))
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// httpClient is the administrator as plain HTTP; close its idle connections.
func httpClient(i *instance.Instance) *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: i.TLS.Clone(), ForceAttemptHTTP2: true}}
}

// send makes a request and returns the answer's code and text.
func send(ctx context.Context, client *http.Client, method, url, contentType, body string) (int, string, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	request.Header.Set("Content-Type", contentType)
	response, err := client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}
