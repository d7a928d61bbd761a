package nodeagent_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"

	"taffrail.dev/events/subject"
	"taffrail.dev/nodeagent/logs"
	nodev1 "taffrail.dev/proto/gen/node/v1"
)

func (n *node) config(t *testing.T, name string, data map[string]string) {
	cm := &corev1.ConfigMap{Data: data}
	cm.Name, cm.Namespace = name, "default"
	b, err := cm.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	n.tell(t, n.name, subject.Object{Resource: subject.ConfigMaps, Namespace: "default", Name: name}, &nodev1.Assignment{Sequence: 1, State: b})
}

// output are the lines of a container's log.
func output(t *testing.T, n *node, pod *corev1.Pod, container string) string {
	t.Helper()
	var out bytes.Buffer
	files, err := filepath.Glob(filepath.Join(host.Dir, n.name, "logs", "default_"+pod.Name+"_*", container, "*.log"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no log of %s", pod.Name)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range bytes.Split(bytes.TrimSpace(b), []byte("\n")) {
			if len(line) == 0 {
				continue
			}
			l, ok := logs.ParseLine(line)
			if !ok {
				t.Fatalf("not a log line: %q", line)
			}
			out.Write(l.Text)
			out.WriteByte('\n')
		}
	}
	return out.String()
}

// job runs a pod of one container to its end and returns what it wrote.
func (n *node) job(t *testing.T, p *corev1.Pod) (*corev1.Pod, string) {
	t.Helper()
	p.Spec.RestartPolicy = corev1.RestartPolicyNever
	n.assignPod(t, n.name, p)
	got := n.Await(t, p.Name, func(p *corev1.Pod) bool {
		return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
	})
	return got, output(t, n, got, "app")
}

func contains(t *testing.T, text string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(text, w) {
			t.Errorf("%q is not in:\n%s", w, text)
		}
	}
}

func TestContainersEnvironment(t *testing.T) {
	n := startNode(t, "env")
	n.config(t, "conf", map[string]string{"COLOR": "blue", "file.txt": "text"})
	p := podOf("env", "env-1", "sh", "-c", `echo "$COLOR $GREETING $IP"; id; cat /etc/hosts /etc/resolv.conf; hostname; cat /conf/file.txt /conf/COLOR; ls -la /conf/..data; cat /pod/name /token/token;
		df /dev/shm /mem /token; touch /nope || echo read-only; grep -i cap /proc/self/status; grep NoNewPrivs /proc/self/status; cat /sys/fs/cgroup/cpu/cpu.shares; echo sub > /sub/f; ls /vol/inner; pwd; echo bye > /dev/termination-log`)
	no, yes, uid, gid, fs := false, true, int64(1000), int64(3000), int64(4000)
	c := &p.Spec.Containers[0]
	c.EnvFrom = []corev1.EnvFromSource{{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "conf"}}}}
	c.Env = []corev1.EnvVar{{Name: "GREETING", Value: "hello-$(COLOR)-$(UNKNOWN)-$$(COLOR)"},
		{Name: "IP", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "status.podIP"}}}}
	c.SecurityContext = &corev1.SecurityContext{RunAsUser: &uid, RunAsGroup: &gid, ReadOnlyRootFilesystem: &yes, AllowPrivilegeEscalation: &no,
		Capabilities:   &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}, Add: []corev1.Capability{"NET_BIND_SERVICE"}},
		SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}}
	c.Resources.Requests = corev1.ResourceList{"cpu": resource.MustParse("500m"), "memory": resource.MustParse("16Mi")}
	c.Resources.Limits = corev1.ResourceList{"memory": resource.MustParse("64Mi")}
	p.Spec.SecurityContext = &corev1.PodSecurityContext{FSGroup: &fs, SupplementalGroups: []int64{5000}}
	p.Spec.ServiceAccountName = "default"
	size := resource.MustParse("1Mi")
	p.Spec.Volumes = []corev1.Volume{
		{Name: "conf", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "conf"}}}},
		{Name: "pod", VolumeSource: corev1.VolumeSource{DownwardAPI: &corev1.DownwardAPIVolumeSource{Items: []corev1.DownwardAPIVolumeFile{{Path: "name", FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.name"}}}}}},
		{Name: "token", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "token"}}}}}},
		{Name: "mem", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory, SizeLimit: &size}}},
		{Name: "vol", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
	}
	c.VolumeMounts = []corev1.VolumeMount{{Name: "conf", MountPath: "/conf"}, {Name: "pod", MountPath: "/pod"}, {Name: "token", MountPath: "/token"},
		{Name: "mem", MountPath: "/mem"}, {Name: "vol", MountPath: "/vol"}, {Name: "vol", MountPath: "/sub", SubPath: "inner"}}
	got, out := n.job(t, p)
	t.Log(out)
	contains(t, out, "blue hello-blue-$(UNKNOWN)-$(COLOR) 10.244.0.", "uid=1000(sailor) gid=3000", "4000", "5000", "1002(deck)", "10.244.0.2\tenv", "\nenv\n",
		"text", "token-1", "read-only", "CapBnd:\t0000000000000400", "NoNewPrivs:\t1", "512", "\n/tmp\n")
	st := got.Status.ContainerStatuses[0]
	if st.State.Terminated.Message != "bye\n" || st.State.Terminated.Reason != "Completed" {
		t.Errorf("terminated: %+v", st.State.Terminated)
	}
}

func TestRestartOfTheAgent(t *testing.T) {
	n := startNode(t, "again")
	p := podOf("web", "again-1", "sh", "-c", "i=0; while true; do echo line $i; i=$((i+1)); sleep 0.1; done")
	dies := podOf("dies", "again-2", "sh", "-c", "trap 'exit 7' TERM; while true; do sleep 0.1; done")
	n.assignPod(t, n.name, p)
	n.assignPod(t, n.name, dies)
	before := n.Await(t, "web", phase(corev1.PodRunning))
	other := n.Await(t, "dies", phase(corev1.PodRunning))
	id := strings.TrimPrefix(before.Status.ContainerStatuses[0].ContainerID, "containerd://")
	pid := processOf(t, id)
	n.stop()
	// While no agent is there one container ends, and the other goes on, its log too.
	killProcess(t, processOf(t, strings.TrimPrefix(other.Status.ContainerStatuses[0].ContainerID, "containerd://")))
	lines := strings.Count(output(t, n, before, "app"), "line")
	waitFor(t, func() bool { return strings.Count(output(t, n, before, "app"), "line") > lines+2 })
	n.Put(before) // statuses are as they were told
	n.start(t, n.name)
	n.Await(t, "dies", func(p *corev1.Pod) bool {
		s := p.Status.ContainerStatuses[0]
		return s.RestartCount == 1 && s.State.Running != nil && s.LastTerminationState.Terminated != nil && s.LastTerminationState.Terminated.ExitCode == 7
	})
	after := n.Pod("web")
	s := after.Status.ContainerStatuses[0]
	if s.RestartCount != 0 || s.ContainerID != before.Status.ContainerStatuses[0].ContainerID || !s.Ready || after.Status.PodIP != before.Status.PodIP {
		t.Errorf("not as before: %+v", after.Status)
	}
	if now := processOf(t, id); now != pid {
		t.Errorf("process %d became %d", pid, now)
	}
}

func TestProbesAndRestarts(t *testing.T) {
	n := startNode(t, "probes")
	p := podOf("p", "probes-1", "sh", "-c", "touch /tmp/ready; sleep 1000")
	c := &p.Spec.Containers[0]
	grace := int64(1)
	p.Spec.TerminationGracePeriodSeconds = &grace
	c.ReadinessProbe = &corev1.Probe{PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"cat", "/tmp/ready"}}}}
	c.LivenessProbe = &corev1.Probe{PeriodSeconds: 1, FailureThreshold: 1, InitialDelaySeconds: 2, ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(1), Host: "127.0.0.1"}}}
	n.assignPod(t, n.name, p)
	n.Await(t, "p", func(p *corev1.Pod) bool { return ready(p) })
	n.Await(t, "p", func(p *corev1.Pod) bool { return p.Status.ContainerStatuses[0].RestartCount >= 1 && ready(p) })
	events := strings.Join(n.Events(), "\n")
	contains(t, events, "p Unhealthy: Liveness probe failed: dial tcp 127.0.0.1:1: connect: connection refused", "failed liveness probe, will be restarted")
}

func ready(p *corev1.Pod) bool {
	return slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue })
}

func TestOutOfMemory(t *testing.T) {
	n := startNode(t, "oom")
	p := podOf("hog", "oom-1", "sh", "-c", "dd if=/dev/zero of=/mem/x bs=1M count=100; sleep 1; echo alive")
	p.Spec.Containers[0].Resources.Limits = corev1.ResourceList{"memory": resource.MustParse("20Mi")}
	p.Spec.Containers[0].Command = []string{"sh", "-c", "x=a; while true; do x=$x$x; done"}
	p.Spec.RestartPolicy = corev1.RestartPolicyNever
	n.assignPod(t, n.name, p)
	got := n.Await(t, "hog", phase(corev1.PodFailed))
	if s := got.Status.ContainerStatuses[0].State.Terminated; s.Reason != "OOMKilled" || s.ExitCode != 137 {
		t.Errorf("terminated: %+v", s)
	}
}

func TestMissingThings(t *testing.T) {
	n := startNode(t, "missing")
	p := podOf("p", "missing-1", "sh", "-c", "cat /conf/a; sleep 100")
	p.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "A", ValueFrom: &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{Key: "a", LocalObjectReference: corev1.LocalObjectReference{Name: "late"}}}}}
	n.assignPod(t, n.name, p)
	n.Await(t, "p", func(p *corev1.Pod) bool {
		cs := p.Status.ContainerStatuses
		return len(cs) > 0 && cs[0].State.Waiting != nil && cs[0].State.Waiting.Reason == "CreateContainerConfigError" && cs[0].State.Waiting.Message == `configmap "late" not found`
	})
	n.config(t, "late", map[string]string{"a": "1"})
	n.Await(t, "p", phase(corev1.PodRunning))
	bad := podOf("bad", "missing-2", "no-such-program")
	bad.Spec.RestartPolicy = corev1.RestartPolicyNever
	n.assignPod(t, n.name, bad)
	got := n.Await(t, "bad", phase(corev1.PodFailed))
	contains(t, got.Status.ContainerStatuses[0].State.Terminated.Message, `exec: "no-such-program": executable file not found in $PATH`)
	never := podOf("never", "missing-3", "x")
	never.Spec.Containers[0].Image, never.Spec.Containers[0].ImagePullPolicy = "absent:1", corev1.PullNever
	n.assignPod(t, n.name, never)
	n.Await(t, "never", func(p *corev1.Pod) bool {
		cs := p.Status.ContainerStatuses
		return len(cs) > 0 && cs[0].State.Waiting != nil && cs[0].State.Waiting.Reason == "ErrImageNeverPull"
	})
}

func TestSharedProcessNamespace(t *testing.T) {
	n := startNode(t, "shared")
	p := podOf("p", "shared-1", "sh", "-c", "ps; sleep 100")
	yes := true
	p.Spec.ShareProcessNamespace = &yes
	p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: "other", Image: "busybox:1", Command: []string{"sleep", "1234"}})
	n.assignPod(t, n.name, p)
	got := n.Await(t, "p", phase(corev1.PodRunning))
	waitFor(t, func() bool { return strings.Contains(output(t, n, got, "app"), "/pause") })
}

func TestConfigIsUpdated(t *testing.T) {
	n := startNode(t, "update")
	n.config(t, "conf", map[string]string{"a": "one"})
	p := podOf("p", "update-1", "sh", "-c", "while true; do cat /conf/a; echo; sleep 0.05; done")
	p.Spec.Volumes = []corev1.Volume{{Name: "conf", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "conf"}}}}}
	p.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "conf", MountPath: "/conf"}}
	n.assignPod(t, n.name, p)
	got := n.Await(t, "p", phase(corev1.PodRunning))
	waitFor(t, func() bool { return strings.Contains(output(t, n, got, "app"), "one") })
	n.config(t, "conf", map[string]string{"a": "two"})
	waitFor(t, func() bool { return strings.Contains(output(t, n, got, "app"), "two") })
}

// waitFor asks until it is so.
func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatal("never")
		case <-tick.C:
		}
	}
}
