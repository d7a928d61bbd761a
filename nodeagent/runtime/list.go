package runtime

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	apievents "github.com/containerd/containerd/api/events"
	tasks "github.com/containerd/containerd/api/services/tasks/v1"
	tasktypes "github.com/containerd/containerd/api/types/task"
	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/errdefs"
	"github.com/containerd/errdefs/pkg/errgrpc"
	"github.com/containerd/typeurl/v2"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"taffrail.dev/events/errs"
)

// Labels of a container's record. The first are those that crictl and nerdctl know.
const (
	labelUID       = "io.kubernetes.pod.uid"
	labelNamespace = "io.kubernetes.pod.namespace"
	labelPod       = "io.kubernetes.pod.name"
	labelName      = "io.kubernetes.container.name"
	labelAttempt   = "taffrail.dev/attempt"
	labelImageID   = "taffrail.dev/image-id"
	labelImage     = "taffrail.dev/image"
	labelLog       = "taffrail.dev/log"
	labelCgroup    = "taffrail.dev/cgroup"
	labelStarted   = "taffrail.dev/started"
	labelExit      = "taffrail.dev/exit"
	labelOnce      = "taffrail.dev/stdin-once"
)

func labelsOf(c Container) map[string]string {
	labels := map[string]string{
		labelUID: string(c.Pod.UID), labelNamespace: c.Pod.Namespace, labelPod: c.Pod.Name, labelName: c.Spec.Name,
		labelAttempt: strconv.Itoa(int(c.Attempt)), labelImageID: c.Image.ID, labelImage: c.Image.Name,
		labelLog: c.LogPath, labelCgroup: c.CgroupParent + "/" + c.ID,
	}
	if c.Spec.StdinOnce && !c.Spec.TTY { // a terminal whose input is closed hangs up
		labels[labelOnce] = "true"
	}
	return labels
}

// List implements Runtime.
func (r *Containerd) List(ctx context.Context) ([]Info, error) {
	ctx = scoped(ctx)
	records, err := r.cfg.Client.ContainerService().List(ctx, `labels."`+labelUID+`"`)
	if err != nil {
		return nil, kinded("list containers", err)
	}
	list, err := r.cfg.Client.TaskService().List(ctx, &tasks.ListTasksRequest{})
	if err != nil {
		return nil, kinded("list containers", errgrpc.ToNative(err))
	}
	processes := map[string]*tasktypes.Process{}
	for _, p := range list.Tasks {
		processes[p.ID] = p
	}
	var out []Info
	for _, rec := range records {
		if rec.Labels[labelName] == "pause" && rec.ID == pauseID(rec.Labels[labelUID]) {
			continue
		}
		info := r.info(rec, processes[rec.ID])
		out = append(out, info)
		if info.State == Exited && processes[rec.ID] != nil {
			info.Exit = r.finish(ctx, info.Exit)
			out[len(out)-1] = info
		}
	}
	return out, nil
}

func (r *Containerd) info(rec containers.Container, p *tasktypes.Process) Info {
	attempt, _ := strconv.Atoi(rec.Labels[labelAttempt])
	i := Info{
		ID: rec.ID, PodUID: rec.Labels[labelUID], PodNamespace: rec.Labels[labelNamespace], PodName: rec.Labels[labelPod],
		Name: rec.Labels[labelName], Attempt: int32(attempt), Image: rec.Labels[labelImage], ImageID: rec.Labels[labelImageID],
		LogPath: rec.Labels[labelLog], State: Created,
	}
	r.mu.Lock()
	r.groups[rec.ID] = rec.Labels[labelCgroup]
	r.mu.Unlock()
	switch {
	case rec.Labels[labelExit] != "":
		i.State = Exited
		_ = json.Unmarshal([]byte(rec.Labels[labelExit]), &i.Exit)
	case p == nil:
		// The machine was restarted, or the record outlived a failed creation.
		i.State, i.Exit = Exited, Exit{ID: rec.ID, Code: 255, At: rec.UpdatedAt}
	case p.Status == tasktypes.Status_RUNNING || p.Status == tasktypes.Status_PAUSED || p.Status == tasktypes.Status_PAUSING:
		i.State, i.PID = Running, int(p.Pid)
		i.StartedAt = startOf(int(p.Pid), rec.CreatedAt)
	case p.Status == tasktypes.Status_STOPPED:
		i.State, i.Exit = Exited, exitOf(rec.ID, p.ExitStatus, p.ExitedAt.AsTime())
	}
	if i.StartedAt.IsZero() {
		i.StartedAt = rec.CreatedAt
	}
	return i
}

// startOf is when a process began, by the kernel's count of ticks since boot.
func startOf(pid int, otherwise time.Time) time.Time {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return otherwise
	}
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	var now unix.Timespec
	if len(fields) < 20 || unix.ClockGettime(unix.CLOCK_BOOTTIME, &now) != nil {
		return otherwise
	}
	ticks, err := strconv.ParseInt(fields[19], 10, 64)
	if err != nil {
		return otherwise
	}
	return time.Now().Add(-time.Duration(now.Nano()) + time.Duration(ticks)*10*time.Millisecond)
}

func exitOf(id string, status uint32, at time.Time) Exit {
	e := Exit{ID: id, Code: int(status), At: at}
	if status > 128 && status < 128+65 {
		e.Signal = int(status) - 128
	}
	return e
}

const topicReady = "/taffrail/ready"

// Events implements Runtime.
func (r *Containerd) Events(ctx context.Context, ready func(), on func(Exit)) error {
	ctx, cancel := context.WithCancel(scoped(ctx))
	var finishing sync.WaitGroup
	defer finishing.Wait()
	defer cancel()
	events, failed := r.cfg.Client.EventService().Subscribe(ctx, `namespace=="`+Namespace+`",topic=="/tasks/exit"`, `topic=="`+topicReady+`"`)
	// A subscription is known to stand when an event of ours comes back on it.
	nonce := strconv.FormatInt(time.Now().UnixNano(), 36)
	knock := time.NewTicker(2 * time.Millisecond)
	defer knock.Stop()
	knocks := knock.C
	for {
		select {
		case <-knocks:
			if err := r.cfg.Client.EventService().Publish(ctx, topicReady, &apievents.NamespaceCreate{Name: nonce}); err != nil {
				return kinded("subscribe to events", err)
			}
		case env := <-events:
			v, err := typeurl.UnmarshalAny(env.Event)
			if err != nil {
				continue
			}
			switch e := v.(type) {
			case *apievents.NamespaceCreate:
				if e.Name == nonce && knocks != nil {
					knocks = nil
					ready()
				}
			case *apievents.TaskExit:
				if e.ID != e.ContainerID {
					continue
				}
				exit := exitOf(e.ContainerID, e.ExitStatus, e.ExitedAt.AsTime())
				finishing.Go(func() { on(r.finishSoon(context.WithoutCancel(ctx), exit)) })
			}
		case err := <-failed:
			if ctx.Err() != nil {
				return nil
			}
			return kinded("follow events", errors.Join(err, errdefs.ErrUnavailable))
		}
	}
}

func (r *Containerd) group(id string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.groups[id]
}

// finishTimeout bounds how long an end is kept from who waits for it.
const finishTimeout = 10 * time.Second

// finishSoon is finish in bounded time: who is told of the end then finds the whole output in the log.
func (r *Containerd) finishSoon(ctx context.Context, e Exit) Exit {
	ctx, cancel := context.WithTimeout(ctx, finishTimeout)
	defer cancel()
	return r.finish(ctx, e)
}

// finish records an end in the container's labels and gives its process, shim and pipes back; the
// files stay until Remove.
func (r *Containerd) finish(ctx context.Context, e Exit) Exit {
	defer r.locks.Lock(e.ID)()
	if !e.OOM {
		e.OOM = r.cfg.Cgroups.OOMKills(r.group(e.ID)) > 0
	}
	t, err := r.cfg.Client.TaskService().Get(ctx, &tasks.GetRequest{ContainerID: e.ID})
	if err == nil && t.Process.Status != tasktypes.Status_STOPPED {
		return e // the id is another container's by now
	}
	if known, ok := r.recorded(ctx, e.ID); ok {
		e = known // finished before, when its group could still be asked
	}
	b, err := json.Marshal(e)
	if err != nil {
		return e
	}
	_, err = r.cfg.Client.ContainerService().Update(ctx, containers.Container{ID: e.ID, Labels: map[string]string{labelExit: string(b)}}, "labels."+labelExit)
	if err == nil {
		err = r.deleteTask(ctx, e.ID)
	}
	if err != nil && !errdefs.IsNotFound(err) {
		r.cfg.Log.Warn("an ended container is not cleaned up yet", zap.String("container", e.ID), zap.Error(err))
	}
	return e
}

// recorded is the end that a container's record tells of.
func (r *Containerd) recorded(ctx context.Context, id string) (Exit, bool) {
	var e Exit
	rec, err := r.cfg.Client.ContainerService().Get(ctx, id)
	if err != nil || rec.Labels[labelExit] == "" {
		return e, false
	}
	return e, json.Unmarshal([]byte(rec.Labels[labelExit]), &e) == nil
}

func (r *Containerd) deleteTask(ctx context.Context, id string) error {
	for wait := 5 * time.Millisecond; ; wait *= 2 {
		_, err := r.cfg.Client.TaskService().Delete(ctx, &tasks.DeleteTaskRequest{ContainerID: id})
		if err = errgrpc.ToNative(err); err == nil || errdefs.IsNotFound(err) {
			break
		}
		if !shimGone(err) || wait > time.Second {
			return err
		}
		select { // containerd is about to notice that the shim went
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
	if err := r.cfg.Logs.Forget(ctx, id); err != nil {
		return err
	}
	return os.RemoveAll(r.pipeDir(id))
}

// Remove implements Runtime.
func (r *Containerd) Remove(ctx context.Context, id string) error {
	defer r.locks.Lock(id)()
	return r.remove(scoped(ctx), id)
}

func (r *Containerd) remove(ctx context.Context, id string) error {
	ts := r.cfg.Client.TaskService()
	if _, err := ts.Get(ctx, &tasks.GetRequest{ContainerID: id}); err == nil {
		if err := r.kill9(ctx, id); err != nil {
			return err
		}
	}
	if err := r.deleteTask(ctx, id); err != nil {
		return kinded("remove container", err)
	}
	if err := r.cfg.Client.ContainerService().Delete(ctx, id); err != nil && !errdefs.IsNotFound(err) {
		return kinded("remove container", err)
	}
	if err := r.cfg.Client.SnapshotService(snapshotter).Remove(ctx, id); err != nil && !errdefs.IsNotFound(err) {
		return kinded("remove container", err)
	}
	r.mu.Lock()
	delete(r.groups, id)
	r.mu.Unlock()
	return nil
}

// kill9 ends a container's processes and waits for it.
func (r *Containerd) kill9(ctx context.Context, id string) error {
	ts := r.cfg.Client.TaskService()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	_, err := ts.Kill(ctx, &tasks.KillRequest{ContainerID: id, Signal: 9, All: true})
	if err = errgrpc.ToNative(err); err != nil {
		if errdefs.IsNotFound(err) {
			return nil
		}
		return errs.E("kill container", errs.Internal, err)
	}
	_, err = ts.Wait(ctx, &tasks.WaitRequest{ContainerID: id})
	if err = errgrpc.ToNative(err); err != nil && !errdefs.IsNotFound(err) {
		return errs.E("kill container", errs.Internal, err)
	}
	return nil
}
