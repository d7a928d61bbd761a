package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// deploy makes a deployment of pods that sleep and end at once.
func deploy(t *testing.T, ns, name, image, rest string) {
	t.Helper()
	shared.MustApply(t, fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata: {name: %s, annotations: {kubernetes.io/change-cause: first}}
spec:
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: sleep, image: "%s/%s", command: [sleep, "3600"]}]
  %s
`, name, images.Address, image, rest), "apply", "-n", ns, "-f", "-")
}

// A deployment's whole life: recreated, paused, resumed, undone to a revision and restarted.
func TestRollouts(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	rollout := func(args ...string) string {
		t.Helper()
		return shared.Must(t, append([]string{"rollout", "-n", ns}, args...)...)
	}
	const d = "deployment/app"
	deploy(t, ns, "app", "busybox:1", "replicas: 2\n  strategy: {type: Recreate}")
	rollout("status", d, "--timeout=60s")
	shared.Must(t, "set", "image", "-n", ns, d, "sleep="+images.Address+"/busybox:2")
	rollout("status", d, "--timeout=60s")
	shared.Must(t, "annotate", "-n", ns, d, "kubernetes.io/change-cause=second", "--overwrite")
	shared.Eventually(t, 10*time.Second, "2         second", "rollout", "history", "-n", ns, d)
	contains(t, rollout("history", d, "--revision=1"), "busybox:1", "change-cause: first")
	contains(t, shared.Must(t, "events", "-n", ns, "--for", d), "Scaled down replica set app-", "from 2 to 0")

	rollout("pause", d)
	shared.Refused(t, "", `deployments.apps "app" is already paused`, "rollout", "pause", "-n", ns, d)
	shared.Must(t, "set", "env", "-n", ns, d, "A=1")
	shared.Refused(t, "", "timed out waiting", "rollout", "status", "-n", ns, d, "--timeout=1s")
	contains(t, shared.Must(t, "get", "-n", ns, d, "-o", "jsonpath={.status.conditions}"), "DeploymentPaused")
	shared.Refused(t, "", "cannot rollback a paused deployment", "rollout", "undo", "-n", ns, d)
	rollout("resume", d)
	rollout("status", d, "--timeout=60s")

	shared.Refused(t, "", "unable to find specified revision 99 in history", "rollout", "undo", "-n", ns, d, "--to-revision=99")
	contains(t, rollout("undo", d, "--to-revision=1"), "rolled back")
	rollout("status", d, "--timeout=60s")
	contains(t, shared.Must(t, "get", "-n", ns, d, "-o", "jsonpath={.spec.template.spec.containers[0].image}"), "busybox:1")
	rollout("restart", d)
	rollout("status", d, "--timeout=60s")
	contains(t, rollout("history", d), "5         first")

	deploy(t, ns, "late", "nothing:1", "progressDeadlineSeconds: 1")
	shared.Refused(t, "", `deployment "late" exceeded its progress deadline`, "rollout", "status", "-n", ns, "deployment/late", "--timeout=30s")
	contains(t, shared.Must(t, "describe", "-n", ns, "deployment/late"), "MinimumReplicasUnavailable", "ProgressDeadlineExceeded")
}

// Deleted without its children a deployment leaves them, and its next namesake adopts them;
// in the foreground it goes after them.
func TestOwners(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	owners := func(resource string) string {
		t.Helper()
		return shared.Must(t, "get", "-n", ns, resource, "-o", "jsonpath={range .items[*]}{.metadata.name}<{.metadata.ownerReferences[*].name} {end}")
	}
	deploy(t, ns, "app", "busybox:1", "replicas: 2")
	shared.Must(t, "rollout", "status", "-n", ns, "deployment/app", "--timeout=60s")
	pods, sets := owners("pods"), owners("replicasets")
	shared.Must(t, "delete", "-n", ns, "deployment/app", "--cascade=orphan")
	if got := owners("replicasets"); strings.Contains(got, "<app") {
		t.Errorf("orphaned, yet %s", got)
	}
	deploy(t, ns, "app", "busybox:1", "replicas: 2")
	shared.Must(t, "rollout", "status", "-n", ns, "deployment/app", "--timeout=60s")
	if got := owners("replicasets"); got != sets {
		t.Errorf("adopted: %s, want %s", got, sets)
	}
	if got := owners("pods"); got != pods {
		t.Errorf("after an adoption the pods are %s, were %s", got, pods)
	}
	shared.Must(t, "delete", "-n", ns, "deployment/app", "--cascade=foreground", "--timeout=30s")
	contains(t, shared.Must(t, "get", "-n", ns, "all"), "No resources found")
}

// Services of every type answer, by name, from within and from the node.
func TestServices(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	shared.MustApply(t, strings.ReplaceAll(manifest(t, "services.yaml"), "NAMESPACE", ns), "apply", "-n", ns, "-f", "-")
	shared.Must(t, "rollout", "status", "-n", ns, "deployment/web", "--timeout=60s")
	names := strings.Fields(shared.Must(t, "get", "-n", ns, "pods", "-o", "jsonpath={.items[*].metadata.name}"))
	address := shared.Must(t, "get", "-n", ns, "pod", names[0], "-o", "jsonpath={.status.podIP}")
	shared.MustApply(t, strings.ReplaceAll(manifest(t, "endpoints.yaml"), "ADDRESS", address), "apply", "-n", ns, "-f", "-")
	shared.Eventually(t, 10*time.Second, address, "get", "-n", ns, "endpointslices", "-l", "kubernetes.io/service-name=mirrored")
	in := func(command string) string {
		t.Helper()
		return shared.Must(t, "exec", "-n", ns, names[0], "--", "sh", "-c", command)
	}
	contains(t, in("wget -qO- http://alias/name"), "web-")
	for _, s := range []string{"manual", "mirrored"} {
		contains(t, in("for i in 1 2 3 4; do wget -qO- http://"+s+"/name; done"), strings.Repeat(names[0]+"\n", 4))
	}
	if got := strings.Fields(in("for i in 1 2 3 4 5 6; do wget -qO- http://sticky/name; done")); strings.Count(strings.Join(got, " "), got[0]) != 6 {
		t.Errorf("a client with affinity reached %v", got)
	}
	contains(t, in("nslookup -type=srv _http._tcp.headless."+ns+".svc.cluster.local"), "0 100 8080 host.headless."+ns)
	contains(t, in("nslookup host.headless."+ns+".svc.cluster.local; hostname -f"), address, "host.headless."+ns+".svc.cluster.local")

	port := shared.Must(t, "get", "-n", ns, "service", "node", "-o", "jsonpath={.spec.ports[0].nodePort}")
	if text, err := fetch("http://192.0.2.10:" + port + "/name"); err != nil || !strings.HasPrefix(text, "web-") {
		t.Errorf("the node's port answers %q %v", text, err)
	}
	shared.Must(t, "patch", "-n", ns, "service", "node", "-p", `{"spec":{"type":"ClusterIP","externalTrafficPolicy":null}}`)
	contains(t, shared.Must(t, "get", "-n", ns, "service", "node"), "ClusterIP", " 80/TCP")

	shared.Must(t, "scale", "-n", ns, "deployment/web", "--replicas=1")
	shared.Must(t, "wait", "-n", ns, "--for=jsonpath={.status.replicas}=1", "deployment/web", "--timeout=30s")
	names = strings.Fields(shared.Must(t, "get", "-n", ns, "pods", "-o", "jsonpath={.items[*].metadata.name}"))
	contains(t, in("wget -qO- http://web/name"), names[0]) // itself, through its service
	in("touch /unready")
	shared.Must(t, "wait", "-n", ns, "--for=condition=Ready=false", "pod", names[0], "--timeout=20s")
	shared.Eventually(t, 10*time.Second, "Readiness probe failed", "events", "-n", ns, "--for", "pod/"+names[0])
	shared.Eventually(t, 10*time.Second, "<none>", "get", "-n", ns, "endpoints", "web")
	contains(t, in("nslookup eager."+ns+".svc.cluster.local"), "Address: 10.42.")
	in("rm /unready; ! nslookup headless." + ns + ".svc.cluster.local | grep -q 'Address: 10.42.'")
	shared.Must(t, "wait", "-n", ns, "--for=condition=Ready", "pod", names[0], "--timeout=20s")
}

// A pod that fits nowhere says why; one that comes to fit is bound.
func TestScheduling(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	node := shared.Must(t, "get", "nodes", "-o", "jsonpath={.items[0].metadata.name}")
	pod := func(name, spec string) {
		t.Helper()
		shared.MustApply(t, fmt.Sprintf("apiVersion: v1\nkind: Pod\nmetadata: {name: %s, labels: {app: %[1]s}}\nspec:\n  terminationGracePeriodSeconds: 0\n  containers: [{name: c, image: \"%s/busybox:1\", command: [sleep, '3600']%s\n",
			name, images.Address, spec), "apply", "-n", ns, "-f", "-")
	}
	pod("picky", "}]\n  nodeSelector: {example.com/e2e: 'yes'}")
	pod("huge", ", resources: {requests: {cpu: 1k}}}]")
	pod("gated", "}]\n  schedulingGates: [{name: example.com/wait}]")
	pod("named", "}]\n  nodeName: "+node+"\n  priorityClassName: system-cluster-critical")
	const none = "0/1 nodes are available: 1 "
	shared.Eventually(t, 10*time.Second, none+"node(s) didn't match Pod's node affinity/selector.", "describe", "-n", ns, "pod/picky")
	shared.Eventually(t, 10*time.Second, none+"Insufficient cpu.", "events", "-n", ns, "--for", "pod/huge")
	contains(t, shared.Must(t, "get", "-n", ns, "pods"), "SchedulingGated")
	contains(t, shared.Must(t, "get", "-n", ns, "pod/named", "-o", "jsonpath={.spec.priority}"), "2000000000")
	shared.Must(t, "label", "node", node, "example.com/e2e=yes")
	defer shared.Must(t, "label", "node", node, "example.com/e2e-")
	shared.Must(t, "wait", "-n", ns, "--for=condition=Ready", "pod/picky", "pod/named", "--timeout=60s")

	shared.Must(t, "create", "poddisruptionbudget", "-n", ns, "spare-none", "--selector=app=picky", "--min-available=1")
	shared.Must(t, "wait", "-n", ns, "--for=jsonpath={.status.currentHealthy}=1", "poddisruptionbudget/spare-none", "--timeout=10s")
	contains(t, shared.Must(t, "get", "-n", ns, "poddisruptionbudget"), "spare-none   1               N/A               0  ")
	eviction := fmt.Sprintf(`{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":"picky","namespace":%q}}`, ns)
	evict := []string{"create", "--raw", "/api/v1/namespaces/" + ns + "/pods/picky/eviction", "-f", "-"}
	shared.Refused(t, eviction, "Cannot evict pod as it would violate the pod's disruption budget.", evict...)
	shared.Must(t, "delete", "poddisruptionbudget", "-n", ns, "spare-none")
	shared.MustApply(t, eviction, evict...)
	shared.Must(t, "wait", "-n", ns, "--for=delete", "pod/picky", "--timeout=30s")
}

// A service account's token may what its role says, and give no one more.
func TestRoles(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	shared.Must(t, "create", "serviceaccount", "-n", ns, "bob")
	shared.Must(t, "create", "role", "-n", ns, "pods", "--verb=get,list", "--resource=pods")
	shared.Must(t, "create", "role", "-n", ns, "roles", "--verb=create", "--resource=roles,rolebindings")
	for _, role := range []string{"pods", "roles"} {
		shared.Must(t, "create", "rolebinding", "-n", ns, role, "--role="+role, "--serviceaccount="+ns+":bob")
	}
	bob := "--token=" + shared.Must(t, "create", "token", "-n", ns, "bob")
	as := func(args ...string) []string {
		server := shared.Must(t, "config", "view", "-o", "jsonpath={.clusters[0].cluster.server}")
		return append([]string{"--kubeconfig=/dev/null", "--insecure-skip-tls-verify", "--server=" + server, bob, "-n", ns}, args...)
	}
	contains(t, shared.Must(t, as("auth", "whoami")...), "system:serviceaccount:"+ns+":bob")
	shared.Eventually(t, 10*time.Second, "No resources found", as("get", "pods")...)
	contains(t, shared.Must(t, as("auth", "can-i", "--list")...), "[get list]")
	shared.Refused(t, "", `cannot list resource "secrets" in API group ""`, as("get", "secrets")...)
	shared.Refused(t, "", "is attempting to grant RBAC permissions not currently held", as("create", "role", "more", "--verb=get", "--resource=secrets")...)
	shared.Must(t, as("create", "role", "same", "--verb=get", "--resource=pods")...)
	bob = "--token=nonsense"
	shared.Refused(t, "", "Unauthorized", as("get", "pods")...)
}
