package pod_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"taffrail.dev/nodeagent/pod"
)

var update = flag.Bool("update", false, "rewrite the scenarios' outcomes")

// TestScenarios plays testdata/*.txt: a pod, "---", then commands, each followed by its outcome, indented.
//
//	ok VERB [CONTAINER [PROBE]]          the action was carried out
//	fail VERB [CONTAINER [PROBE]]: TEXT  it failed; TEXT may begin with [REASON]
//	exit CONTAINER CODE [oom]            the container's process ended
//	delete SECONDS                       the API deletes the pod with a grace
//	evict TEXT                           the pod used more than it may
//	removed                              the API has the pod no longer
//	gate TYPE STATUS                     someone sets a condition
//	+DURATION                            time passes
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scenarios", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := play(t, string(b))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(b) {
				t.Errorf("%s has another outcome:\n%s", file, got)
			}
		})
	}
}

// player is a scenario under way.
type player struct {
	t      *testing.T
	s      *pod.State
	p      *corev1.Pod
	now    time.Time
	flying map[string]pod.Action
	last   string
	out    strings.Builder
}

func play(t *testing.T, text string) string {
	manifest, script, ok := strings.Cut(text, "\n---\n")
	if !ok {
		t.Fatal("no --- after the pod")
	}
	p := &corev1.Pod{}
	if err := yaml.UnmarshalStrict([]byte(manifest), p); err != nil {
		t.Fatal(err)
	}
	p.Namespace, p.UID = "default", "u"
	pl := &player{t: t, p: p, now: time.Unix(0, 0).UTC(), flying: map[string]pod.Action{}}
	pl.s = pod.New(p, []string{"192.0.2.1"}, pl.now)
	pl.out.WriteString(manifest + "\n---\n")
	pl.outcome()
	for _, line := range strings.Split(script, "\n") {
		if line == "" || strings.HasPrefix(line, "  ") {
			continue
		}
		pl.out.WriteString(line + "\n")
		if strings.HasPrefix(line, "#") {
			continue
		}
		pl.command(line)
		pl.outcome()
	}
	return pl.out.String()
}

func (pl *player) command(line string) {
	f := strings.Fields(line)
	switch {
	case strings.HasPrefix(line, "+"):
		d, err := time.ParseDuration(line[1:])
		if err != nil {
			pl.t.Fatal(err)
		}
		pl.now = pl.now.Add(d)
	case f[0] == "ok", f[0] == "fail":
		what, text, _ := strings.Cut(strings.TrimSpace(line[len(f[0]):]), ": ")
		a, ok := pl.flying[what]
		if !ok {
			pl.t.Fatalf("%q is not under way", what)
		}
		delete(pl.flying, what)
		r := pod.Result{Err: text}
		if reason, rest, ok := strings.Cut(strings.TrimPrefix(text, "["), "] "); ok && strings.HasPrefix(text, "[") {
			r.Reason, r.Err = reason, rest
		}
		if a.Verb == pod.Network && r.Err == "" {
			r.IPs = []string{"10.0.0.1"}
		}
		if a.Verb == pod.Pull && r.Err == "" {
			r.Present = true
		}
		pl.s.Done(a, r, pl.now)
	case f[0] == "exit":
		id, _ := pl.s.ContainerID(f[1], false)
		code, err := strconv.Atoi(f[2])
		if err != nil {
			pl.t.Fatal(err)
		}
		pl.s.Exit(pod.Exit{ID: id, Code: int32(code), OOM: len(f) > 3}, pl.now)
	case f[0] == "delete":
		next := pl.p.DeepCopy()
		grace, _ := strconv.ParseInt(f[1], 10, 64)
		at := metav1.NewTime(pl.now)
		next.DeletionTimestamp, next.DeletionGracePeriodSeconds = &at, &grace
		pl.p = next
		pl.s.Want(next, pl.now)
	case f[0] == "gate":
		next := pl.p.DeepCopy()
		next.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodConditionType(f[1]), Status: corev1.ConditionStatus(f[2])}}
		pl.p = next
		pl.s.Want(next, pl.now)
	case f[0] == "evict":
		pl.s.Evict(strings.TrimPrefix(line, "evict "))
	case f[0] == "removed":
		pl.s.Remove(pl.now)
	default:
		pl.t.Fatalf("unknown command %q", line)
	}
}

// outcome writes what the machine does now: actions, when it wakes, events, and the status if it changed.
func (pl *player) outcome() {
	actions, wake := pl.s.Next(pl.now)
	for _, a := range actions {
		name := strings.TrimSpace(strings.Join([]string{string(a.Verb), a.Container, string(a.Probe)}, " "))
		pl.flying[name] = a
		if a.Kill {
			name += " KILL"
		}
		fmt.Fprintf(&pl.out, "  do %s\n", name)
	}
	for _, e := range pl.s.Events() {
		fmt.Fprintf(&pl.out, "  %s %s %s: %s\n", strings.ToLower(e.Type), e.Container, e.Reason, e.Message)
	}
	if st := summary(pl.s.Status(pl.now)); st != pl.last {
		pl.last = st
		pl.out.WriteString(st)
	}
	if !wake.IsZero() {
		fmt.Fprintf(&pl.out, "  wake %s\n", wake.Sub(time.Unix(0, 0)))
	}
	if pl.s.Gone() {
		pl.out.WriteString("  gone\n")
	}
}

func summary(st corev1.PodStatus) string {
	var b strings.Builder
	fmt.Fprintf(&b, "  phase %s", st.Phase)
	var yes []string
	for _, c := range st.Conditions {
		if c.Status == corev1.ConditionTrue {
			yes = append(yes, string(c.Type))
		}
	}
	sort.Strings(yes)
	fmt.Fprintf(&b, " %v", yes)
	if st.Reason != "" {
		fmt.Fprintf(&b, " %s: %s", st.Reason, st.Message)
	}
	b.WriteString("\n")
	for _, list := range [][]corev1.ContainerStatus{st.InitContainerStatuses, st.ContainerStatuses, st.EphemeralContainerStatuses} {
		for _, c := range list {
			fmt.Fprintf(&b, "    %s: %s", c.Name, stateText(c.State))
			if c.Ready {
				b.WriteString(" ready")
			}
			if c.RestartCount > 0 {
				fmt.Fprintf(&b, " restarts=%d last=%s", c.RestartCount, stateText(c.LastTerminationState))
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

func stateText(s corev1.ContainerState) string {
	switch {
	case s.Running != nil:
		return "running"
	case s.Terminated != nil:
		return fmt.Sprintf("terminated(%s %d)", s.Terminated.Reason, s.Terminated.ExitCode)
	case s.Waiting != nil && s.Waiting.Message != "":
		return fmt.Sprintf("waiting(%s: %s)", s.Waiting.Reason, s.Waiting.Message)
	case s.Waiting != nil:
		return fmt.Sprintf("waiting(%s)", s.Waiting.Reason)
	}
	return "none"
}
