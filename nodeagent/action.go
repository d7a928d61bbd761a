package nodeagent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/moby/sys/signal"
	authv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"

	"taffrail.dev/events/command"
	"taffrail.dev/events/errs"
	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
	"taffrail.dev/nodeagent/image"
	"taffrail.dev/nodeagent/pod"
	"taffrail.dev/nodeagent/podfiles"
	"taffrail.dev/nodeagent/probe"
	"taffrail.dev/nodeagent/report"
	"taffrail.dev/nodeagent/runtime"
	"taffrail.dev/nodeagent/volume"
)

// do carries one action out. It reads the pod as it was when the action began, and nothing of the machine.
func (w *worker) do(ctx context.Context, a pod.Action) (pod.Result, *runtime.Sandbox) {
	w.mu.Lock()
	v := w.view
	w.mu.Unlock()
	p := v.pod
	t := task{Agent: w.a, pod: p, sandbox: v.sandbox, cause: v.cause}
	switch a.Verb {
	case pod.Create, pod.Start, pod.Sandbox, pod.Network, pod.Mount:
		select {
		case w.a.slots <- struct{}{}:
			defer func() { <-w.a.slots }()
		case <-ctx.Done():
			return failure(ctx.Err()), nil
		}
	}
	if a.Within > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, a.Within)
		defer cancel()
	}
	if a.Verb == pod.Sandbox {
		s, err := w.a.runtime.CreateSandbox(ctx, p)
		return failure(err), &s
	}
	return t.do(ctx, a), nil
}

// snapshot is the pod with its status as the worker last showed it.
func (w *worker) snapshot() *corev1.Pod {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.view.pod
}

// task is one action under way.
type task struct {
	*Agent
	pod     *corev1.Pod
	sandbox runtime.Sandbox
	cause   cause
}

func failure(err error) pod.Result {
	if err == nil {
		return pod.Result{}
	}
	return pod.Result{Err: text(err)}
}

// text is an error without the words that say where in the agent it arose.
func text(err error) string {
	var e *errs.Error
	if errors.As(err, &e) && e.Cause != nil && errors.Is(err, e) && err == error(e) {
		return e.Cause.Error()
	}
	return err.Error()
}

func (t task) do(ctx context.Context, a pod.Action) pod.Result {
	switch a.Verb {
	case pod.Mount:
		return failure(t.mount(ctx))
	case pod.Network:
		return t.connect(ctx)
	case pod.Pull:
		return t.pull(ctx, a)
	case pod.Create:
		return t.create(ctx, a)
	case pod.Start:
		return failure(t.runtime.Start(ctx, a.ID))
	case pod.Probe:
		return failure(probe.Run(ctx, t.target(a), pod.ProbeOf(t.spec(a.Container), a.Probe)))
	case pod.Post:
		return failure(probe.Hook(ctx, t.target(a), t.spec(a.Container).Lifecycle.PostStart))
	case pod.PreStop:
		return failure(probe.Hook(ctx, t.target(a), t.spec(a.Container).Lifecycle.PreStop))
	case pod.Signal:
		return failure(t.signal(ctx, a))
	case pod.Forget:
		return failure(t.runtime.Remove(ctx, a.ID))
	case pod.Down:
		return failure(t.down(ctx))
	case pod.Unmount:
		return failure(t.volumes.Teardown(string(t.pod.UID)))
	case pod.Sweep:
		return failure(t.sweep(ctx))
	case pod.Finish:
		return failure(t.finish(ctx))
	}
	return failure(fmt.Errorf("unknown action %q", a.Verb))
}

func (t task) target(a pod.Action) probe.Target {
	target := probe.Target{ID: a.ID, Container: t.spec(a.Container), Exec: t.runtime.Exec}
	if len(t.pod.Status.PodIPs) > 0 {
		target.Host = t.pod.Status.PodIPs[0].IP
	}
	return target
}

func (t task) spec(name string) *corev1.Container { return containerOf(t.pod, name) }

// mount makes the pod's volumes and the files that all its containers share.
func (t task) mount(ctx context.Context) error {
	dir := t.volumes.PodDir(string(t.pod.UID))
	if err := os.MkdirAll(filepath.Join(dir, "etc"), 0o755); err != nil {
		return err
	}
	if err := t.volumes.Setup(ctx, t.downward(t.pod)); err != nil {
		return err
	}
	if !t.pod.Spec.HostIPC {
		if err := volume.Memory(filepath.Join(dir, "shm"), 64<<20); err != nil {
			return err
		}
	}
	host, _ := podfiles.Hostname(t.pod, t.cfg.NodeName, t.cfg.ClusterDomain)
	dns := podfiles.DNS{Servers: t.cfg.ClusterDNS, Domain: t.cfg.ClusterDomain, Host: t.cfg.ResolvConf}
	if err := podfiles.Write(filepath.Join(dir, "etc", "resolv.conf"), podfiles.Resolv(t.pod, dns)); err != nil {
		return err
	}
	if err := podfiles.Write(filepath.Join(dir, "etc", "hostname"), host+"\n"); err != nil {
		return err
	}
	// The network fills it, unless an earlier agent's has: it may be doing so now.
	f, err := os.OpenFile(filepath.Join(dir, "etc", "hosts"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		if errors.Is(err, os.ErrExist) {
			return nil
		}
		return err
	}
	if err := f.Close(); err != nil || len(t.pod.Status.PodIPs) == 0 {
		return err
	}
	return t.writeHosts(ips(t.pod.Status.PodIPs))
}

// writeHosts fills /etc/hosts, in place: a container may have it mounted already.
func (t task) writeHosts(addresses []string) error {
	own := ""
	if t.pod.Spec.HostNetwork {
		b, _ := os.ReadFile("/etc/hosts") // a host without one has no names to tell
		own = string(b)
	}
	host, full := podfiles.Hostname(t.pod, t.cfg.NodeName, t.cfg.ClusterDomain)
	dir := filepath.Join(t.volumes.PodDir(string(t.pod.UID)), "etc")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return podfiles.Write(filepath.Join(dir, "hosts"), podfiles.Hosts(t.pod, addresses, host, full, own))
}

func ips(list []corev1.PodIP) []string {
	var out []string
	for _, ip := range list {
		out = append(out, ip.IP)
	}
	return out
}

// pull has the image here, as the container's policy says.
func (t task) pull(ctx context.Context, a pod.Action) pod.Result {
	c := t.spec(a.Container)
	if _, err := image.Normalize(c.Image); err != nil {
		return pod.Result{Err: fmt.Sprintf("Failed to apply default image tag %q: %s", c.Image, text(err)), Reason: "InvalidImageName"}
	}
	if c.ImagePullPolicy != corev1.PullAlways {
		img, err := t.images.Get(ctx, c.Image)
		if err == nil {
			return pod.Result{ImageID: img.ID, Present: true}
		}
		if !errs.Is(err, errs.NotFound) {
			return failure(err)
		}
		if c.ImagePullPolicy == corev1.PullNever {
			return pod.Result{Err: fmt.Sprintf("Container image %q is not present with pull policy of Never", c.Image), Reason: "ErrImageNeverPull"}
		}
	}
	t.events.Tell(report.Event{About: reference(t.pod, a.Container), Type: corev1.EventTypeNormal, Reason: "Pulling",
		Message: fmt.Sprintf("Pulling image %q", c.Image), At: time.Now(), Sequence: t.cause.sequence, Correlation: t.cause.correlation})
	keys, err := t.keychain()
	if err != nil {
		return failure(err)
	}
	at := time.Now()
	img, err := t.puller.Pull(ctx, c.Image, keys)
	if err != nil {
		return failure(err)
	}
	return pod.Result{ImageID: img.ID, Took: time.Since(at), Bytes: t.images.Size(ctx, c.Image)}
}

// keychain are the credentials of the pod's pull secrets.
func (t task) keychain() (image.Keychain, error) {
	keys := image.Keychain{}
	for _, ref := range t.pod.Spec.ImagePullSecrets {
		s := t.objects.Secret(t.pod.Namespace, ref.Name)
		if s == nil {
			continue // the registry may not need it; if it does, its refusal says so
		}
		var err error
		switch s.Type {
		case corev1.SecretTypeDockerConfigJson:
			err = keys.AddDockerConfig(s.Data[corev1.DockerConfigJsonKey], false)
		case corev1.SecretTypeDockercfg:
			err = keys.AddDockerConfig(s.Data[corev1.DockerConfigKey], true)
		}
		if err != nil {
			return nil, err
		}
	}
	return keys, nil
}

func (t task) signal(ctx context.Context, a pod.Action) error {
	if a.Kill {
		return t.runtime.Kill(ctx, a.ID, int(syscall.SIGKILL))
	}
	number := syscall.SIGTERM
	c := t.spec(a.Container)
	name := ""
	if img, err := t.images.Get(ctx, c.Image); err == nil {
		name = img.Config.StopSignal
	}
	if l := c.Lifecycle; l != nil && l.StopSignal != nil {
		name = string(*l.StopSignal)
	}
	if name != "" {
		if n, err := signal.ParseSignal(name); err == nil {
			number = n
		}
	}
	return t.runtime.Kill(ctx, a.ID, int(number))
}

func (t task) down(ctx context.Context) error {
	if !t.pod.Spec.HostNetwork {
		s := sandboxOf(t.pod.UID, t.pod.Namespace, t.pod.Name, t.netNS(t.pod.UID))
		s.HostPorts = hostPorts(t.pod)
		if err := t.cfg.Network.Teardown(ctx, s); err != nil {
			return err
		}
	}
	return t.runtime.RemoveSandbox(ctx, string(t.pod.UID))
}

// sweep removes the pod's containers, logs and folders.
func (t task) sweep(ctx context.Context) error {
	var removing sync.WaitGroup
	var mu sync.Mutex // guards failed
	var failed []error
	for _, id := range t.containerIDs() {
		removing.Go(func() {
			if err := t.runtime.Remove(ctx, id); err != nil {
				mu.Lock()
				failed = append(failed, err)
				mu.Unlock()
			}
		})
	}
	removing.Wait()
	if err := errors.Join(failed...); err != nil {
		return err
	}
	if err := t.volumes.Remove(string(t.pod.UID)); err != nil {
		return err
	}
	return os.RemoveAll(t.logDir(t.pod))
}

// containerIDs are the containers of the pod by its shown status.
func (t task) containerIDs() []string {
	var out []string
	st := &t.pod.Status
	for _, list := range [][]corev1.ContainerStatus{st.ContainerStatuses, st.InitContainerStatuses, st.EphemeralContainerStatuses} {
		for _, c := range list {
			for _, id := range []string{c.ContainerID, terminatedID(c.LastTerminationState), terminatedID(c.State)} {
				if id = strings.TrimPrefix(id, "containerd://"); id != "" {
					out = append(out, id)
				}
			}
		}
	}
	return out
}

func terminatedID(s corev1.ContainerState) string {
	if s.Terminated == nil {
		return ""
	}
	return s.Terminated.ContainerID
}

// finish has the API forget the pod, of which nothing is left here.
func (t task) finish(ctx context.Context) error {
	o := subject.Object{Resource: subject.Pods, Namespace: t.pod.Namespace, Name: t.pod.Name}
	c := command.Delete(o, string(t.pod.UID), "terminated")
	c.GraceSeconds = 0
	_, err := t.cfg.Commands.Do(ctx, c)
	if errs.Is(err, errs.NotFound) || errs.Is(err, errs.Conflict) {
		return nil
	}
	return err
}

// tokens asks the gateway for service account tokens.
type tokens struct{ commands process.Commander }

// Token implements volume.Tokens.
func (t tokens) Token(ctx context.Context, namespace, account string, spec authv1.TokenRequestSpec) (authv1.TokenRequestStatus, error) {
	o := subject.Object{Resource: subject.ServiceAccounts, Namespace: namespace, Name: account}
	result, err := t.commands.Do(ctx, command.CreateSub(o, "token", &authv1.TokenRequest{Spec: spec}, "token for a pod"))
	if err != nil {
		return authv1.TokenRequestStatus{}, err
	}
	var out authv1.TokenRequest
	if err := out.Unmarshal(result.GetObject()); err != nil {
		return authv1.TokenRequestStatus{}, fmt.Errorf("the gateway's token: %w", err)
	}
	return out.Status, nil
}
