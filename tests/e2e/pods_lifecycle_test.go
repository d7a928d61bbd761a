package e2e

import (
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Init containers run one after the other, sidecars beside what follows them; these end last, in reverse order.
func TestPodInit(t *testing.T) {
	t.Parallel()
	ns := pods(t, "pods-order.yaml")
	await(t, ns, "ordered", "{.status.phase}", "Succeeded")
	equal(t, "the order", strings.Join(strings.Fields(shared.Must(t, "logs", "-n", ns, "ordered", "-c", "outer")), " "),
		"first outer second inner app inner-ends outer-ends")
	equal(t, "how init containers ended", field(t, ns, "ordered", "{.status.initContainerStatuses[*].state.terminated.reason}"), "Completed Completed Completed Completed")

	await(t, ns, "given-up", "{.status.phase}", "Failed")
	contains(t, shared.Must(t, "get", "-n", ns, "pod", "given-up"), "0/1 ", " Init:Error ")
	equal(t, "the exit", field(t, ns, "given-up", "{.status.initContainerStatuses[0].state.terminated.exitCode}"), "4")
	await(t, ns, "retried", "{.status.initContainerStatuses[0].state.waiting.reason}", "CrashLoopBackOff")
	contains(t, shared.Must(t, "get", "-n", ns, "pod", "retried"), " Init:CrashLoopBackOff ", " 1 (")
	contains(t, field(t, ns, "retried", "{.status.phase} {.status.initContainerStatuses[0].lastState.terminated.exitCode} {.status.containerStatuses[0].state.waiting.reason}"), "Pending 3 PodInitializing")
	contains(t, shared.Must(t, "logs", "-n", ns, "retried", "-c", "broken", "--previous"), "no config")
	contains(t, field(t, ns, "retried", `{.status.conditions[?(@.type=="Initialized")].message}`), "containers with incomplete status: [broken]")
}

// What ended is started again as its policy says, later each time, and tells why it ended.
func TestPodRestarts(t *testing.T) {
	t.Parallel()
	ns := pods(t, "pods-restarts.yaml")
	state := func(pod, path string) string { return field(t, ns, pod, "{.status.containerStatuses[0]."+path+"}") }
	await(t, ns, "second-try", "{.status.phase}", "Succeeded")
	equal(t, "restarts", state("second-try", "restartCount"), "1")
	equal(t, "the first exit", state("second-try", "lastState.terminated.exitCode"), "2")
	await(t, ns, "ruled", "{.status.phase}", "Succeeded")
	equal(t, "restarts by a rule", state("ruled", "restartCount")+" "+state("ruled", "lastState.terminated.exitCode"), "1 42")
	await(t, ns, "succeeded", "{.status.phase}", "Succeeded")
	contains(t, shared.Must(t, "get", "-n", ns, "pod", "succeeded"), "0/2 ", " Completed ")
	equal(t, "the message at its path", state("succeeded", "state.terminated.message"), "elsewhere")
	await(t, ns, "failed", "{.status.phase}", "Failed")
	contains(t, shared.Must(t, "get", "-n", ns, "pod", "failed"), "0/2 ", " Error ")
	equal(t, "the ends", field(t, ns, "failed", "{.status.containerStatuses[*].state.terminated.reason} {.status.containerStatuses[*].state.terminated.exitCode}"), "Error Completed 5 0")
	equal(t, "the message", state("failed", "state.terminated.message"), "reason")
	await(t, ns, "talker", "{.status.phase}", "Failed")
	equal(t, "messages of logs", field(t, ns, "talker", "{.status.containerStatuses[*].state.terminated.message}"), "the last line")
	await(t, ns, "no-command", "{.status.phase}", "Failed")
	equal(t, "the end of what never began", field(t, ns, "no-command", "{.status.containerStatuses[0].state.terminated.reason} {.status.containerStatuses[0].state.terminated.exitCode}"), "StartError 128")
	await(t, ns, "greedy", "{.status.phase}", "Failed")
	equal(t, "the end of memory", field(t, ns, "greedy", "{.status.containerStatuses[0].state.terminated.reason} {.status.containerStatuses[0].state.terminated.exitCode}"), "OOMKilled 137")
	contains(t, shared.Must(t, "get", "-n", ns, "pod", "greedy"), " OOMKilled ")
	await(t, ns, "late", "{.status.phase}", "Failed")
	equal(t, "the deadline", field(t, ns, "late", "{.status.reason}: {.status.message}"), "DeadlineExceeded: Pod was active on the node longer than the specified deadline")
	equal(t, "the end of who heeds no signal", state("late", "state.terminated.exitCode"), "137")

	await(t, ns, "crashing", "{.status.containerStatuses[0].state.waiting.reason}", "CrashLoopBackOff")
	contains(t, shared.Must(t, "get", "-n", ns, "pod", "crashing"), "0/1 ", " CrashLoopBackOff ", " 1 (")
	equal(t, "the log of the attempt before", shared.Must(t, "logs", "-n", ns, "crashing", "--previous"), "attempt")
	contains(t, state("crashing", "state.waiting.message"), "back-off 10s restarting failed container=app pod=crashing_"+ns)
	contains(t, shared.Must(t, "describe", "-n", ns, "pod/crashing"), "Last State:     Terminated", "Exit Code:    1", "Scheduled", "Pulled", "Created", "Started", "BackOff", "Back-off restarting failed container app in pod crashing_"+ns)
	contains(t, shared.Must(t, "describe", "-n", ns, "pod/no-command"), "Warning  Failed", "no-such-program")
}

// asked listens where the node can reach it, and tells the requests that come.
func asked(t *testing.T) (port string, requests <-chan *http.Request) {
	t.Helper()
	l, err := net.Listen("tcp", "192.0.2.10:0")
	if err != nil {
		t.Fatal(err)
	}
	seen := make(chan *http.Request, 16)
	server := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen <- r })}
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(l) }() // until it is closed
	t.Cleanup(func() { server.Close(); <-served })
	_, port, err = net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port, seen
}

// Hooks run after the start and before the signal; the grace is as long as the pod says, and no longer.
func TestPodHooks(t *testing.T) {
	t.Parallel()
	port, requests := asked(t)
	ns := pods(t, "pods-hooks.yaml", "PORT", port)
	ready(t, ns, "asked", "told", "slow", "stubborn")
	request := func(path string) *http.Request {
		t.Helper()
		select {
		case r := <-requests:
			equal(t, "the request", r.URL.Path, path)
			return r
		case <-time.After(30 * time.Second):
			t.Fatalf("%s is never asked", path)
			return nil
		}
	}
	equal(t, "the hook's header", request("/started").Header.Get("X-Pod"), "asked")
	ends := func(pod string, least, most time.Duration) {
		t.Helper()
		begun := time.Now()
		shared.Must(t, "delete", "-n", ns, "pod", pod, "--timeout=60s")
		if took := time.Since(begun); took < least || took > most {
			t.Errorf("pod %s took %s to end, want %s to %s", pod, took, least, most)
		}
	}
	ends("asked", 0, 25*time.Second)
	request("/stopping")
	ends("slow", 3*time.Second, 25*time.Second)
	ends("stubborn", 3*time.Second, 25*time.Second)

	shell(t, ns, "told", "touch /tmp/sick")
	await(t, ns, "told", "{.status.containerStatuses[0].restartCount}", "1")
	await(t, ns, "told", "{.status.containerStatuses[0].lastState.terminated.exitCode}", "9")
	ready(t, ns, "told")
	equal(t, "the order", strings.Join(strings.Fields(shell(t, ns, "told", "cat /shared/order")), " "), "started hook signal started")
	contains(t, shared.Must(t, "describe", "-n", ns, "pod/told"), "Unhealthy", "Liveness probe failed:", "Killing", "Container app failed liveness probe, will be restarted")
	shared.Eventually(t, 30*time.Second, "FailedPostStartHook", "describe", "-n", ns, "pod/broken")
}
