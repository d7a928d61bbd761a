package cluster

import (
	"encoding/json"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"taffrail.dev/tests/instance"
)

// The log tells who changed an object, when and how, for people and for programs.
func TestLog(t *testing.T) {
	t.Parallel()
	setup := instance.Setup{Binary: binary(t), Data: dataDir(t)}
	i := start(t, setup)
	client := httpClient(i)
	defer client.CloseIdleConnections()
	put(t, client, i.URL, "a", "first").want(t, 201, "first")
	patch := []byte(`{"data":{"content":"second"}}`)
	if _, err := clientOf(t, i).CoreV1().ConfigMaps("default").Patch(t.Context(), "a", types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	code, out, complaints := taffrail(t, "log", "configmap/a", "--data-dir", setup.Data)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if code != 0 || len(lines) < 2 || strings.Count(out, "kubernetes-admin") < 2 {
		t.Errorf("exit code %d, %q\n%s", code, complaints, out)
	}
	code, out, complaints = taffrail(t, "log", "configmap/a", "-o", "json", "--data-dir", setup.Data)
	if code != 0 {
		t.Fatalf("exit code %d, %q", code, complaints)
	}
	var verbs []string
	for line := range strings.Lines(out) {
		var change struct {
			Verb   string
			Actor  struct{ User string }
			Object struct{ Kind, Namespace, Name string }
		}
		if err := json.Unmarshal([]byte(line), &change); err != nil || change.Actor.User == "" || change.Object.Kind != "ConfigMap" || change.Object.Name != "a" {
			t.Fatalf("%v: %s", err, line)
		}
		verbs = append(verbs, change.Verb)
	}
	if strings.Join(verbs, " ") != "patch create" {
		t.Errorf("the verbs are %v", verbs)
	}
	code, out, complaints = taffrail(t, "log", "nonsense/x", "--data-dir", setup.Data)
	if code != 1 || out != "" || complaints != "taffrail: resource \"nonsense\": the server doesn't have a resource type \"nonsense\"\n" {
		t.Errorf("exit code %d, %q, %q", code, out, complaints)
	}
}
