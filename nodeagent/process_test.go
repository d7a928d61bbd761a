package nodeagent_test

import (
	"context"
	"syscall"
	"testing"

	tasks "github.com/containerd/containerd/api/services/tasks/v1"
	"github.com/containerd/containerd/v2/pkg/namespaces"

	"taffrail.dev/nodeagent/runtime"
)

// processOf is a container's process.
func processOf(t *testing.T, id string) int {
	t.Helper()
	ctx := namespaces.WithNamespace(context.Background(), runtime.Namespace)
	r, err := host.Client.TaskService().Get(ctx, &tasks.GetRequest{ContainerID: id})
	if err != nil {
		t.Fatal(err)
	}
	return int(r.Process.Pid)
}

func killProcess(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
}
