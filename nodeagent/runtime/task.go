package runtime

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	tasks "github.com/containerd/containerd/api/services/tasks/v1"
	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/errdefs/pkg/errgrpc"
)

// createTask asks again when it met the pod's shim on its way out, after the last of the
// pod's other containers had ended.
func (r *Containerd) createTask(ctx context.Context, uid string, request *tasks.CreateTaskRequest) error {
	defer r.pods.Lock(uid)()
	for wait := 10 * time.Millisecond; ; wait *= 2 {
		_, err := r.cfg.Client.TaskService().Create(ctx, request)
		err = errgrpc.ToNative(err)
		if err == nil || wait > 500*time.Millisecond || !shimGone(err) && !bundleLeft(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
		if err := r.clearBundle(request.ContainerID); err != nil {
			return err
		}
	}
}

// bundleLeft recognizes that the bundle of a task that a dying shim could not make is in the way.
func bundleLeft(err error) bool {
	return strings.Contains(err.Error(), "file exists") && strings.Contains(err.Error(), "mkdir ")
}

// clearBundle removes what a shim that died while it made a task has left: containerd cannot remove the folder while
// the shim mounts the container's files in it, and forgets it then.
func (r *Containerd) clearBundle(id string) error {
	if r.cfg.Tasks == "" {
		return nil
	}
	dir := filepath.Join(r.cfg.Tasks, Namespace, id)
	root := filepath.Join(dir, "rootfs")
	if err := mount.UnmountRecursive(root, 0); err != nil {
		return fmt.Errorf("unmount a task's files: %w", err)
	}
	// Not all of it at once: what were mounted still would be the container's files.
	if err := os.Remove(root); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove a task's folder: %w", err)
	}
	return os.RemoveAll(dir)
}
