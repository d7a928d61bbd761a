package e2e

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Killed, the all-in-one leaves containers running and services answering; started
// again it takes them up without a restart. (Tests that are not parallel run before those that are.)
func TestKilledUnderRunningContainers(t *testing.T) {
	ns := namespace(t)
	shared.MustApply(t, manifest(t, "guestbook.yaml"), "apply", "-n", ns, "-f", "-")
	shared.Must(t, "rollout", "status", "-n", ns, "deployment/frontend", "--timeout=90s")
	containers := func() string {
		return shared.Must(t, "get", "-n", ns, "pods", "-l", "app=guestbook", "--sort-by=.metadata.name", "-o",
			`jsonpath={range .items[*]}{.metadata.name} {.status.containerStatuses[0].containerID} {.status.containerStatuses[0].restartCount}{"\n"}{end}`)
	}
	before := containers()
	if strings.Count(before, " 0\n") != 2 {
		t.Fatalf("want two containers without restarts:\n%s", before)
	}
	vip := "http://" + shared.Must(t, "get", "-n", ns, "service/frontend", "-o", "jsonpath={.spec.clusterIP}") + "/index.html"
	for range 3 {
		shared.Kill()
		if text, err := fetch(vip); err != nil || !strings.Contains(text, "guestbook") {
			t.Errorf("while the agent is dead %s answers %q %v", vip, text, err)
		}
		if err := shared.up(); err != nil {
			t.Fatal(err)
		}
		if after := containers(); after != before {
			t.Fatalf("after the kill:\n%s\nbefore it:\n%s", after, before)
		}
	}
	contains(t, shared.Must(t, "exec", "-n", ns, "deployment/frontend", "-c", "httpd", "--", "cat", "/www/hello.txt"), "hello from")
	shared.Must(t, "scale", "-n", ns, "deployment/frontend", "--replicas=3")
	shared.Must(t, "wait", "-n", ns, "--for=jsonpath={.status.readyReplicas}=3", "deployment/frontend", "--timeout=60s")
}

func fetch(url string) (string, error) {
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s", response.Status)
	}
	text, err := io.ReadAll(response.Body)
	return string(text), err
}
