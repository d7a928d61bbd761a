package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/remotecommand"
)

// size is a terminal's, told once.
type size struct{ told bool }

func (s *size) Next() *remotecommand.TerminalSize {
	if s.told {
		return nil
	}
	s.told = true
	return &remotecommand.TerminalSize{Width: 123, Height: 45}
}

// terminal runs a command on a terminal of a pod's container.
func terminal(t *testing.T, ns, pod, container, input string, command ...string) string {
	t.Helper()
	config := administrator(t)
	client := must(kubernetes.NewForConfig(config))(t)
	request := client.CoreV1().RESTClient().Post().Namespace(ns).Resource("pods").Name(pod).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{Container: container, Command: command, Stdin: true, Stdout: true, TTY: true}, scheme.ParameterCodec)
	executor := must(remotecommand.NewWebSocketExecutor(config, "GET", request.URL().String()))(t)
	var out bytes.Buffer
	err := executor.StreamWithContext(within(t, 30*time.Second), remotecommand.StreamOptions{Stdin: strings.NewReader(input), Stdout: &out, Tty: true, TerminalSizeQueue: &size{}})
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	return strings.ReplaceAll(out.String(), "\r\n", "\n")
}

// Commands, terminals, attachments, copies, ports and debuggers reach a pod.
func TestPodStreams(t *testing.T) {
	t.Parallel()
	ns := pods(t, "pods-streams.yaml")
	ready(t, ns, "box")
	in := []string{"exec", "-i", "-n", ns, "box", "-c", "main", "--"}
	shared.Refused(t, "", "command terminated with exit code 42", append(in, "sh", "-c", "exit 42")...)
	shared.Refused(t, "", "no-such-program", append(in, "no-such-program")...)
	equal(t, "what was piped", shared.MustApply(t, strings.Repeat("some text\n", 10000), append(in, "sh", "-c", "cat | md5sum")...), "4befceccab73ca28b65b9e79c3f60e68  -")
	contains(t, terminal(t, ns, "box", "main", "", "sh", "-c", "until stty size | grep -q '45 123'; do usleep 50000; done; stty size; tty; echo $TERM"), "45 123\n", "/dev/pts/", "xterm")
	equal(t, "what was typed", terminal(t, ns, "box", "main", "some line\n", "sh", "-c", "read line; echo got $line; test -t 0 && echo to a terminal"), "some line\ngot some line\nto a terminal")
	contains(t, shared.Must(t, "exec", "-n", ns, "box", "--", "ls", "/www"), "Defaulted container \"main\" out of: main, other", "ping")

	await(t, ns, "chat", "{.status.phase}", "Running")
	contains(t, shared.MustApply(t, "one\nend\n", "attach", "-i", "-n", ns, "chat"), "got one\ngot end\n")
	equal(t, "the log of it", shared.Must(t, "logs", "-n", ns, "chat"), "got one\ngot end")
	await(t, ns, "once", "{.status.phase}", "Running")
	contains(t, shared.MustApply(t, "b\na\n", "attach", "-i", "-n", ns, "once"), "a\nb\nover\n")
	await(t, ns, "once", "{.status.phase}", "Succeeded")
	contains(t, shared.MustApply(t, "piped\n", "run", "-i", "--rm", "--restart=Never", "-n", ns, "quick", "--image="+images.Address+"/busybox:1", "--", "cat"), "piped\n", `pod "quick" deleted`)

	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "file"), []byte(strings.Repeat("copied ", 100000)), 0o600); err != nil {
		t.Fatal(err)
	}
	shared.Must(t, "cp", "-n", ns, "-c", "main", filepath.Join(folder, "file"), "box:/tmp/there")
	shared.Must(t, "cp", "-n", ns, "-c", "main", "box:/tmp/there", filepath.Join(folder, "back"))
	if text, err := os.ReadFile(filepath.Join(folder, "back")); err != nil || string(text) != strings.Repeat("copied ", 100000) {
		t.Errorf("copied there and back: %d bytes, %v", len(text), err)
	}
	equal(t, "a port of loopback", forward(t, ns, "pod/box", "9090", "/ping"), "pong")

	debug := []string{"debug", "-n", ns, "box", "--image=" + images.Address + "/busybox:2", "--target=main", "--profile=general", "-c", "look", "-q", "--"}
	shared.Must(t, append(debug, "sh", "-c", "echo version $VERSION; tr '\\0' ' ' < /proc/1/cmdline; cat /proc/1/root/www/ping")...)
	await(t, ns, "box", "{.status.ephemeralContainerStatuses[0].state.terminated.reason}", "Completed")
	contains(t, shared.Must(t, "logs", "-n", ns, "box", "-c", "look"), "version 2\n", "httpd -f", "pong")
	contains(t, shared.Must(t, "describe", "-n", ns, "pod/box"), "Ephemeral Containers:", "look:")
	node := field(t, ns, "box", "{.spec.nodeName}")
	shared.Must(t, "debug", "-n", ns, "node/"+node, "--image="+images.Address+"/busybox:1", "-q", "--", "sh", "-c", "chroot /host cat /proc/1/comm; hostname")
	looked := strings.TrimPrefix(shared.Must(t, "get", "-n", ns, "pods", "-l", "app.kubernetes.io/managed-by=kubectl-debug", "-o", "name"), "pod/")
	await(t, ns, strings.TrimSpace(looked), "{.status.phase}", "Succeeded")
	contains(t, shared.Must(t, "logs", "-n", ns, strings.TrimSpace(looked)), node+"\n")
}

// Logs are shown as asked: of which container, from where, as they grow and over rotations.
func TestPodLogs(t *testing.T) {
	t.Parallel()
	ns := pods(t, "pods-logs.yaml")
	logs := func(args ...string) string {
		t.Helper()
		return shared.Must(t, append([]string{"logs", "-n", ns}, args...)...)
	}
	shared.Must(t, "wait", "-n", ns, "--for=condition=ContainersReady", "pod/slow", "--timeout=60s")
	followed := make(chan string, 1)
	go func() {
		out, err := shared.Kubectl(within(t, time.Minute), "", "logs", "-f", "-n", ns, "slow")
		if err != nil {
			out += err.Error()
		}
		followed <- out
	}()
	await(t, ns, "writer", "{.status.phase}", "Succeeded")
	text := logs("writer", "-c", "counts")
	equal(t, "the log", text, "line 1\nline 2\nline 3\nno end of line")
	equal(t, "the log of errors", logs("writer", "-c", "complains"), "to stderr")
	equal(t, "the tail", logs("writer", "-c", "other", "--tail=1"), "from the other")
	equal(t, "no tail", logs("writer", "-c", "other", "--tail=0"), "")
	equal(t, "long ago", logs("writer", "-c", "counts", "--since-time=2099-01-01T00:00:00Z"), "")
	equal(t, "since an hour", logs("writer", "-c", "counts", "--since=1h"), strings.TrimSpace(text))
	equal(t, "a few bytes", logs("writer", "-c", "other", "--limit-bytes=6"), "from t")
	stamp, rest, _ := strings.Cut(logs("writer", "-c", "other", "--timestamps"), " ")
	if _, err := time.Parse(time.RFC3339Nano, stamp); err != nil || rest != "from the other\n" {
		t.Errorf("%q %q: %v", stamp, rest, err)
	}
	contains(t, logs("writer", "--all-containers", "--prefix"), "[pod/writer/counts] line 3\n", "[pod/writer/other] from the other\n")
	contains(t, logs("writer"), "Defaulted container \"counts\" out of: counts, other, complains")
	shared.Refused(t, "", `previous terminated container "other" in pod "writer" not found`, "logs", "-n", ns, "writer", "-c", "other", "--previous")

	await(t, ns, "much", "{.status.phase}", "Succeeded")
	all := logs("much")
	if lines := strings.Split(strings.TrimSpace(all), "\n"); len(lines) != 12002 || lines[0] != "first" || lines[len(lines)-1] != "last" {
		t.Errorf("%d lines, %.20q to %.20q", len(lines), lines[0], lines[len(lines)-1])
	}
	files, err := filepath.Glob(filepath.Join(shared.Data, "*", "logs", ns+"_much_*", "app", "*"))
	if err != nil || len(files) < 2 {
		t.Errorf("the log of 12 MB is in %q, %v", files, err)
	}
	shell(t, ns, "slow", "touch /tmp/go")
	equal(t, "followed", <-followed, "before\nafter")
}
