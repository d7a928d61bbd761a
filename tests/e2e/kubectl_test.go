package e2e

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

func contains(t *testing.T, text string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(text, want) {
			t.Errorf("%s\nlacks %q", text, want)
		}
	}
}

// A manifest with volumes, probes, hooks and limits runs, answers by name, and
// goes through an update and a rollback.
func TestGuestbook(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	contains(t, shared.MustApply(t, manifest(t, "guestbook.yaml"), "apply", "-n", ns, "-f", "-"), "deployment.apps/frontend created", "service/frontend created")
	contains(t, shared.Must(t, "rollout", "status", "-n", ns, "deployment/frontend", "--timeout=90s"), "successfully rolled out")
	contains(t, shared.Must(t, "get", "-n", ns, "deployment/frontend"), "2/2")
	contains(t, shared.Must(t, "get", "-n", ns, "pods", "-o", "wide"), "Running", "1/1", "10.42.")
	contains(t, shared.Must(t, "get", "-n", ns, "all"), "pod/frontend-", "service/frontend", "replicaset.apps/frontend-")

	exec := func(command string) string {
		return shared.Must(t, "exec", "-n", ns, "deployment/frontend", "-c", "httpd", "--", "sh", "-c", command)
	}
	contains(t, exec("cat /www/hello.txt"), "hello from frontend-")
	contains(t, exec("cat /secret/password; id; echo cpu=$CPU; echo pass=$PASSWORD; cat /info/labels"), "correct horse battery staple", "uid=1000 gid=1000", "2000", "cpu=200", "pass=correct", `tier="frontend"`)
	contains(t, exec("wget -qO- http://frontend/index.html"), "<h1>guestbook</h1>")
	contains(t, exec("wget -qO- http://frontend."+ns+".svc.cluster.local:80/hello.txt"), "hello from")
	contains(t, exec("cat /var/run/secrets/kubernetes.io/serviceaccount/namespace"), ns)
	contains(t, exec("touch /nope 2>&1 || true"), "Read-only file system")

	version := func() string {
		return shared.Must(t, "get", "-n", ns, "deployment/frontend", "-o", "jsonpath={.metadata.generation} {.spec}")
	}
	before := version()
	contains(t, shared.MustApply(t, manifest(t, "guestbook.yaml"), "apply", "-n", ns, "-f", "-"), "service/frontend unchanged", "configmap/guestbook unchanged")
	if after := version(); after != before {
		t.Errorf("applied again without a change: %s, was %s", after, before)
	}
	contains(t, shared.Must(t, "set", "image", "-n", ns, "deployment/frontend", "httpd="+images.Address+"/busybox:2"), "image updated")
	shared.Must(t, "rollout", "status", "-n", ns, "deployment/frontend", "--timeout=90s")
	contains(t, exec("echo version $VERSION"), "version 2")
	contains(t, shared.Must(t, "rollout", "history", "-n", ns, "deployment/frontend"), "1 ", "2 ")
	contains(t, shared.Must(t, "rollout", "undo", "-n", ns, "deployment/frontend"), "rolled back")
	shared.Must(t, "rollout", "status", "-n", ns, "deployment/frontend", "--timeout=90s")
	contains(t, exec("echo version $VERSION"), "version 1")
	contains(t, shared.Must(t, "scale", "-n", ns, "deployment/frontend", "--replicas=3"), "scaled")
	shared.Must(t, "wait", "-n", ns, "--for=jsonpath={.status.readyReplicas}=3", "deployment/frontend", "--timeout=60s")
	contains(t, shared.Must(t, "describe", "-n", ns, "deployment/frontend"), "ScalingReplicaSet", "NewReplicaSetAvailable", "RollingUpdateStrategy")
	contains(t, shared.Must(t, "delete", "-n", ns, "deployment/frontend"), "deleted")
	shared.Must(t, "wait", "-n", ns, "--for=delete", "pod", "-l", "app=guestbook", "--timeout=60s")
}

func TestOnePod(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	shared.MustApply(t, manifest(t, "toolbox.yaml"), "apply", "-n", ns, "-f", "-")
	shared.Must(t, "wait", "-n", ns, "--for=condition=Ready", "pod/toolbox", "--timeout=60s")
	contains(t, shared.Must(t, "logs", "-n", ns, "toolbox", "-c", "shell"), "started\n", "complaint\n")
	contains(t, shared.Must(t, "logs", "-n", ns, "toolbox", "--all-containers", "--prefix", "--tail=1"), "[pod/toolbox/shell]")
	shared.Refused(t, "", "container nope is not valid for pod toolbox", "logs", "-n", ns, "toolbox", "-c", "nope")
	contains(t, shared.MustApply(t, "typed\n", "exec", "-i", "-n", ns, "toolbox", "-c", "shell", "--", "cat"), "typed")
	shared.Refused(t, "", "exit code 7", "exec", "-n", ns, "toolbox", "-c", "shell", "--", "sh", "-c", "exit 7")
	contains(t, shared.Must(t, "describe", "-n", ns, "pod/toolbox"), "Scheduled", "Successfully assigned", "Pulled", "Created", "Started", "QoS Class:", "BestEffort")
	contains(t, shared.Must(t, "get", "-n", ns, "events"), "Successfully assigned")
	contains(t, forward(t, ns, "pod/toolbox", "9090", "/ping"), "pong")
	contains(t, shared.Must(t, "delete", "-n", ns, "pod/toolbox", "--timeout=30s"), "deleted")
	shared.Refused(t, "", `pods "toolbox" not found`, "get", "-n", ns, "pod", "toolbox")
}

var forwarding = regexp.MustCompile(`Forwarding from 127\.0\.0\.1:(\d+)`)

// forward asks a port of a pod through kubectl port-forward.
func forward(t *testing.T, ns, target, port, path string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	k := exec.CommandContext(ctx, filepath.Join(shared.Bin, "kubectl"), "--kubeconfig", filepath.Join(shared.Data, "kubeconfig"), "port-forward", "-n", ns, target, ":"+port)
	out, err := k.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cancel(); _ = k.Wait() }()
	line, err := bufio.NewReader(out).ReadString('\n')
	local := forwarding.FindStringSubmatch(line)
	if local == nil {
		t.Fatalf("port-forward said %q %v", line, err)
	}
	response, err := http.Get("http://127.0.0.1:" + local[1] + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	return string(text)
}

func TestServerSideApplyDiffAndDryRun(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	const one = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shared}\ndata: {a: '1'}\n"
	const other = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shared}\ndata: {a: '2', b: '2'}\n"
	contains(t, shared.MustApply(t, one, "apply", "--server-side", "--dry-run=server", "-n", ns, "-f", "-"), "serverside-applied (server dry run)")
	shared.Refused(t, "", "not found", "get", "-n", ns, "configmap", "shared")
	contains(t, shared.MustApply(t, one, "apply", "--server-side", "--field-manager=one", "-n", ns, "-f", "-"), "serverside-applied")
	shared.Refused(t, other, "conflict with \"one\"", "apply", "--server-side", "--field-manager=other", "-n", ns, "-f", "-")
	contains(t, shared.MustApply(t, other, "apply", "--server-side", "--field-manager=other", "--force-conflicts", "-n", ns, "-f", "-"), "serverside-applied")
	contains(t, shared.Must(t, "get", "-n", ns, "configmap", "shared", "-o", "jsonpath={.data}"), `{"a":"2","b":"2"}`)
	contains(t, shared.Must(t, "get", "-n", ns, "configmap", "shared", "-o", "yaml", "--show-managed-fields"), "manager: other", "operation: Apply")
	shared.Refused(t, one, "-  b: \"2\"", "diff", "--server-side", "--force-conflicts", "--field-manager=other", "-n", ns, "-f", "-")
}

func TestBadInput(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	apply := []string{"apply", "-n", ns, "-f", "-"}
	for want, input := range map[string]string{
		"error converting YAML to JSON":           "apiVersion: v1\nkind: [",
		`unknown field "spec.continers"`:          "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {continers: [], containers: [{name: a, image: b}]}",
		"spec.containers: Required value":         "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {containers: []}",
		"must be no more than 253":                "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + strings.Repeat("n", 300) + "}",
		"cannot unmarshal":                        "apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {ports: [{port: many}]}",
		"provided port is not in the valid range": "apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {type: NodePort, ports: [{port: 80, nodePort: 80}]}",
	} {
		shared.Refused(t, input, want, apply...)
	}
	shared.Refused(t, "", `the server doesn't have a resource type "nonsense"`, "get", "nonsense")
	const taken = "apiVersion: v1\nkind: Service\nmetadata: {name: NAME}\nspec: {type: NodePort, ports: [{port: 80, nodePort: 31999}]}"
	shared.MustApply(t, strings.ReplaceAll(taken, "NAME", "first"), apply...)
	shared.Refused(t, strings.ReplaceAll(taken, "NAME", "second"), "provided port is already allocated", apply...)
}

func TestExplainAccessAndReplacement(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	contains(t, shared.Must(t, "explain", "deployment.spec.strategy.rollingUpdate"), "maxSurge", "maxUnavailable")
	contains(t, shared.Must(t, "api-resources"), "deployments", "deploy", "endpointslices")
	contains(t, shared.Must(t, "auth", "can-i", "create", "pods", "-n", ns), "yes")
	shared.Refused(t, "", "no", "auth", "can-i", "delete", "nodes", "--as=system:serviceaccount:"+ns+":default")
	shared.Refused(t, "", `User "system:serviceaccount:`+ns+`:default" cannot list resource "pods"`, "get", "pods", "-n", ns, "--as=system:serviceaccount:"+ns+":default")
	shared.Must(t, "create", "deployment", "-n", ns, "sleeper", "--image="+images.Address+"/busybox:1", "--", "sh", "-c", "sleep 3600")
	shared.Must(t, "rollout", "status", "-n", ns, "deployment/sleeper", "--timeout=60s")
	victim := shared.Must(t, "get", "-n", ns, "pods", "-o", "name")
	shared.Must(t, "delete", "-n", ns, strings.TrimSpace(victim), "--grace-period=1")
	shared.Must(t, "wait", "-n", ns, "--for=condition=Available", "deployment/sleeper", "--timeout=60s")
	contains(t, shared.Must(t, "get", "nodes", "-o", "wide"), "Ready", "containerd://2.")
}
