package e2e

import (
	"strings"
	"testing"
	"time"
)

// Readiness, asked in each of the four ways, comes and goes with what it asks, and its container stays.
func TestPodReadiness(t *testing.T) {
	t.Parallel()
	if err := workload(); err != nil {
		t.Fatal(err)
	}
	ns := pods(t, "pods-probes.yaml")
	readiness := func(container string) string {
		return `{.status.containerStatuses[?(@.name=="` + container + `")].ready}`
	}
	for _, c := range []struct{ name, well, sick, complaint string }{
		{"by-exec", "touch /tmp/well", "rm /tmp/well", "Readiness probe failed: not well"},
		{"by-http", "touch /www/well", "rm /www/well", "Readiness probe failed: HTTP probe failed with statuscode: 404"},
		{"by-tcp", "touch /tmp/well", "", "connect: connection refused"},
		{"by-grpc", "rm -f /tmp/sick", "touch /tmp/sick", `Readiness probe failed: service unhealthy (responded with "NOT_SERVING")`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			in := "ready -c " + c.name
			await(t, ns, "ready", `{.status.containerStatuses[?(@.name=="`+c.name+`")].started}`, "true")
			shell(t, ns, in, c.well)
			await(t, ns, "ready", readiness(c.name), "true")
			if c.sick != "" {
				shell(t, ns, in, c.sick)
				await(t, ns, "ready", readiness(c.name), "false")
				contains(t, field(t, ns, "ready", `{.status.conditions[?(@.type=="ContainersReady")].message}`), "containers with unready status: [", c.name)
			}
			shared.Eventually(t, 10*time.Second, c.complaint, "describe", "-n", ns, "pod/ready")
			shell(t, ns, in, c.well)
			await(t, ns, "ready", readiness(c.name), "true")
		})
	}
	t.Run("liveness", func(t *testing.T) {
		t.Parallel()
		ready(t, ns, "alive")
		restarts := func(container string) string {
			return `{.status.containerStatuses[?(@.name=="` + container + `")].restartCount}`
		}
		shell(t, ns, "alive -c by-http", "rm /www/well")
		shell(t, ns, "alive -c by-grpc", "touch /tmp/sick")
		await(t, ns, "alive", restarts("by-http"), "1")
		await(t, ns, "alive", restarts("by-grpc"), "1")
		await(t, ns, "alive", `{.status.containerStatuses[?(@.name=="by-http")].lastState.terminated.exitCode}`, "137")
		contains(t, shared.Must(t, "describe", "-n", ns, "pod/alive"), "Container by-http failed liveness probe, will be restarted", "(x2 over ", "Container by-grpc failed liveness probe")
		ready(t, ns, "alive")
		shared.Must(t, "delete", "-n", ns, "pod", "alive", "--grace-period=1", "--wait=false") // nobody waits for what heeds no signal
	})
	t.Run("startup", func(t *testing.T) {
		t.Parallel()
		await(t, ns, "starts", "{.status.containerStatuses[0].started}", "false")
		shared.Eventually(t, 20*time.Second, "Startup probe failed", "describe", "-n", ns, "pod/starts")
		equal(t, "before it has started", field(t, ns, "starts", "{.status.containerStatuses[0].ready} {.status.containerStatuses[0].restartCount}"), "false 0")
		shell(t, ns, "starts", "touch /tmp/up")
		ready(t, ns, "starts")
		shell(t, ns, "starts", "rm /tmp/up")
		await(t, ns, "starts", "{.status.containerStatuses[0].restartCount}", "1")
		await(t, ns, "never-starts", "{.status.containerStatuses[0].lastState.terminated.exitCode}", "137")
		described := shared.Must(t, "describe", "-n", ns, "pod/never-starts")
		contains(t, described, "Container app failed startup probe, will be restarted", "Startup probe failed: command timed out: \"sh -c sleep 30\" timed out after 1s")
		if strings.Contains(described, "Liveness") {
			t.Error("liveness is asked before the start")
		}
	})
}
