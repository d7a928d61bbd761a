package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"taffrail.dev/events/bus"
	"taffrail.dev/gateway/history"
	"taffrail.dev/services/registry"
	"taffrail.dev/tests/instance"
)

// settle bounds the wait for what has to come about.
const settle = time.Minute

// Services of other processes join a listening instance by its authority and their seeds, which
// outlive it; with three schedulers no pod is bound twice.
func TestSchedulersJoin(t *testing.T) {
	t.Parallel()
	listen := fmt.Sprintf("127.0.0.1:%d", port(t))
	setup := instance.Setup{Binary: binary(t), Data: dataDir(t), Args: []string{"--nats-listen", listen}}
	i := start(t, setup)
	creds := func(role string) string { return filepath.Join(setup.Data, "creds", role+".seed") }
	join := []string{"scheduler", "--nats-url", "tls://" + listen, "--nats-ca", filepath.Join(setup.Data, "pki", "ca.crt"), "--nats-creds"}
	for range 2 {
		run(t, append(join, creds("scheduler"))...)
	}
	stranger := exec.CommandContext(t.Context(), setup.Binary, append(join, creds("deployment"))...)
	if text, err := stranger.CombinedOutput(); err == nil || !strings.Contains(string(text), "not the credentials of scheduler") {
		t.Errorf("a scheduler by another's seed: %v\n%s", err, text)
	}
	boundOnce(t, clientOf(t, i), "before")
	i.Kill()
	i = start(t, setup)
	run(t, append(join, creds("scheduler"))...)
	boundOnce(t, clientOf(t, i), "after")
}

// Every part runs as a process of its own, on a journal that none of them has: a gateway, two schedulers,
// and one of each other service.
func TestEveryPartAlone(t *testing.T) {
	t.Parallel()
	journal, err := bus.Open(t.Context(), bus.Config{DataDir: t.TempDir(), Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(journal.Close)
	seed, err := journal.Grant(bus.Operator())
	if err != nil {
		t.Fatal(err)
	}
	data, creds := dataDir(t), filepath.Join(t.TempDir(), "operator.seed")
	if err := os.WriteFile(creds, seed, 0o600); err != nil {
		t.Fatal(err)
	}
	join := []string{"--nats-url", journal.URL(), "--nats-creds", creds}
	run(t, append([]string{"gateway", "--enable-bootstrap-token-auth", "--data-dir", data, "--https-port", strconv.Itoa(port(t))}, join...)...)
	for _, s := range registry.All(registry.Config{}) {
		args := append([]string{s.Spec.Name}, join...)
		switch {
		case s.Controller && s.Vouches:
			args = append(append([]string{"controller"}, args...), "--ca-file", filepath.Join(data, "pki", "ca.crt"))
		case s.Controller && s.Signs:
			authority := filepath.Join(data, "pki", "ca.pem")
			args = append(append([]string{"controller"}, args...), "--cluster-signing-cert-file", authority, "--cluster-signing-key-file", authority)
		case s.Controller:
			args = append([]string{"controller"}, args...)
		case s.Listens:
			args = append(args, "--listen", "127.0.0.1:0")
		}
		run(t, args...)
		if s.Spec.Name == "scheduler" {
			run(t, args...)
		}
	}
	var client *kubernetes.Clientset
	var config *rest.Config
	await(t, "kubeconfig", func() (err error) { // the last that a gateway does
		config, err = clientcmd.BuildConfigFromFlags("", filepath.Join(data, "kubeconfig"))
		if err != nil {
			return err
		}
		client, err = kubernetes.NewForConfig(config)
		return err
	})
	boundOnce(t, client, "alone")
	certified(t, client, config)
	aggregated(t, client)
}

// run runs a part of a cluster until the test's end, and returns once it is ready.
func run(t *testing.T, args ...string) {
	t.Helper()
	address := strconv.Itoa(port(t))
	process := exec.Command(binary(t), append(args, "--http-port", address)...)
	var output bytes.Buffer
	process.Stdout, process.Stderr = &output, &output
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- process.Wait() }()
	t.Cleanup(func() {
		if err := process.Process.Signal(syscall.SIGTERM); err != nil {
			t.Errorf("%v: %v", args, err)
		}
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("%v: %v\n%s", args, err, output.String())
			}
		case <-time.After(settle):
			t.Errorf("%v does not end", args)
			_ = process.Process.Kill()
			<-ended
		}
	})
	await(t, "ready: "+strings.Join(args, " "), func() error {
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("%v: %v\n%s", args, err, output.String())
		default:
		}
		answer, err := http.Get("http://127.0.0.1:" + address + "/readyz")
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("/readyz answers %s", answer.Status)
		}
		return nil
	})
}

// boundOnce has a deployment's pods bound to nodes that nobody runs, and reads in the
// cluster's history that each was bound one time.
func boundOnce(t *testing.T, client kubernetes.Interface, name string) {
	t.Helper()
	const pods = 40
	for k := range 3 {
		addNode(t, client, fmt.Sprintf("%s-%d", name, k))
	}
	labels := map[string]string{"app": name}
	_, err := client.AppsV1().Deployments("default").Create(t.Context(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: appsv1.DeploymentSpec{
			Replicas: new(int32(pods)), Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "c"}}},
			},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	await(t, "pods bound", func() error {
		list, err := client.CoreV1().Pods("default").List(t.Context(), metav1.ListOptions{LabelSelector: "app=" + name})
		if err != nil {
			return err
		}
		bound := 0
		for _, p := range list.Items {
			if p.Spec.NodeName != "" {
				bound++
			}
		}
		if bound != pods || len(list.Items) != pods {
			return fmt.Errorf("%d of %d pods are bound, want %d", bound, len(list.Items), pods)
		}
		return nil
	})
	times := bindings(t, client, name+"-")
	if len(times) != pods {
		t.Errorf("%s: %d pods were bound, want %d", name, len(times), pods)
	}
	for pod, n := range times {
		if n != 1 {
			t.Errorf("%s was bound %d times", pod, n)
		}
	}
}

// addNode makes a node that is ready, as its agent would.
func addNode(t *testing.T, client kubernetes.Interface, name string) {
	t.Helper()
	nodes := client.CoreV1().Nodes()
	node, err := nodes.Create(t.Context(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	await(t, "status of "+name, func() error {
		if node, err = nodes.Get(t.Context(), name, metav1.GetOptions{}); err != nil {
			return err
		}
		node.Status.Allocatable = corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse("8"), corev1.ResourceMemory: resource.MustParse("8Gi"), corev1.ResourcePods: resource.MustParse("110"),
		}
		node.Status.Capacity = node.Status.Allocatable
		node.Status.Conditions = []corev1.NodeCondition{{
			Type: corev1.NodeReady, Status: corev1.ConditionTrue, LastHeartbeatTime: metav1.Now(), LastTransitionTime: metav1.Now(),
		}}
		_, err = nodes.UpdateStatus(t.Context(), node, metav1.UpdateOptions{})
		return err
	})
}

// bindings counts, by the history, how often pods were bound.
func bindings(t *testing.T, client kubernetes.Interface, prefix string) map[string]int {
	t.Helper()
	text, err := client.CoreV1().RESTClient().Get().AbsPath(history.Path).Param("resource", "pods").DoRaw(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	times := map[string]int{}
	for decoder := json.NewDecoder(bytes.NewReader(text)); decoder.More(); {
		var c history.Change
		if err := decoder.Decode(&c); err != nil {
			t.Fatal(err)
		}
		if c.Subresource == "binding" && strings.HasPrefix(c.Object.Name, prefix) {
			times[c.Object.Name]++
		}
	}
	return times
}

// await asks until there is no error.
func await(t *testing.T, what string, ask func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), settle)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ask()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: %v", what, err)
		}
	}
}

func port(t *testing.T) int {
	t.Helper()
	n, err := instance.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return n
}
