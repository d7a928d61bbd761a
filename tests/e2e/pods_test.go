package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"taffrail.dev/ops/demo/image"
)

// pods applies a manifest of testdata in a new namespace; pairs are replaced in it.
func pods(t *testing.T, name string, pairs ...string) string {
	t.Helper()
	ns := namespace(t)
	text := strings.NewReplacer(append(pairs, "NAMESPACE", ns)...).Replace(manifest(t, name))
	shared.MustApply(t, text, "apply", "-n", ns, "-f", "-")
	return ns
}

// await waits until a pod's JSONPath has a value.
func await(t *testing.T, ns, pod, path, value string) {
	t.Helper()
	ctx := t.Context()
	out, err := shared.Kubectl(ctx, "", "wait", "-n", ns, "--for=jsonpath="+path+"="+value, "pod/"+pod, "--timeout=60s")
	if err != nil {
		now, _ := shared.Kubectl(ctx, "", "get", "-n", ns, "pod", pod, "-o", "jsonpath={.status}")
		t.Fatalf("%s of pod %s never is %q: %v\n%s\n%s", path, pod, value, err, out, now)
	}
}

// ready waits until pods are.
func ready(t *testing.T, ns string, names ...string) {
	t.Helper()
	for i, name := range names {
		names[i] = "pod/" + name
	}
	out, err := shared.Kubectl(t.Context(), "", append([]string{"wait", "-n", ns, "--for=condition=Ready", "--timeout=60s"}, names...)...)
	if err != nil {
		now, _ := shared.Kubectl(t.Context(), "", "describe", "-n", ns, "pods")
		t.Fatalf("%v\n%s\n%s", err, out, now)
	}
}

// field is a JSONPath of a pod.
func field(t *testing.T, ns, pod, path string) string {
	t.Helper()
	return shared.Must(t, "get", "-n", ns, "pod", pod, "-o", "jsonpath="+path)
}

// shell runs a command line in a pod's container; pod may be "pod -c container".
func shell(t *testing.T, ns, pod, command string) string {
	t.Helper()
	args := append([]string{"exec", "-n", ns}, strings.Fields(pod)...)
	return shared.Must(t, append(args, "--", "sh", "-c", command)...)
}

// equal compares what is with what should be, trimmed.
func equal(t *testing.T, what, got, want string) {
	t.Helper()
	if got = strings.TrimSpace(got); got != want {
		t.Errorf("%s is %q, want %q", what, got, want)
	}
}

// workload builds the tests' own program and pushes it, beside busybox, as workload:1, once.
var workload = sync.OnceValue(func() error {
	folder, err := os.MkdirTemp("", "taffrail-e2e-workload-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	binary := filepath.Join(folder, "workload")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, "./workload")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		os.Stderr.Write(out)
		return err
	}
	files, links, err := boxFiles()
	if err != nil {
		return err
	}
	if files["bin/workload"], err = os.ReadFile(binary); err != nil {
		return err
	}
	made, err := image.Assemble(image.Spec{Files: files, Links: links,
		Config: v1.Config{Env: []string{"PATH=/bin"}, Entrypoint: []string{"workload"}, Cmd: []string{"-health", ":9000"}}})
	if err != nil {
		return err
	}
	return images.write("workload:1", made)
})
