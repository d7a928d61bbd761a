// Package runtimetest is the suite that every runtime.Runtime passes.
package runtimetest

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"taffrail.dev/events/errs"
	"taffrail.dev/nodeagent/runtime"
)

// Subject is a runtime under test.
type Subject struct {
	Runtime runtime.Runtime
	Image   runtime.Image
	// CgroupParent of the pods that the suite makes.
	CgroupParent func(*corev1.Pod) string
	Logs         string
}

// Commands that the suite's containers run; a fake has to take them for what they say.
var (
	Exits3  = []string{"sh", "-c", "echo bye; exit 3"}
	Forever = []string{"sleep", "10000"}
)

var pods atomic.Int32

// session is one test's pod and the ends that it sees.
type session struct {
	Subject
	t       *testing.T
	pod     *corev1.Pod
	sandbox runtime.Sandbox
	exits   chan runtime.Exit
}

// Run runs the suite.
func Run(t *testing.T, open func(t *testing.T) Subject) {
	tests := map[string]func(*session){
		"EndsAreTold": (*session).endsAreTold, "Signals": (*session).signals, "Remove": (*session).remove,
		"Unknown": (*session).unknown, "Duplicates": (*session).duplicates, "List": (*session).list,
		"Exec": (*session).exec, "Sandbox": (*session).sandboxes, "NoCommand": (*session).noCommand,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &session{Subject: open(t), t: t, exits: make(chan runtime.Exit, 100)}
			uid := fmt.Sprintf("suite-%d", pods.Add(1))
			s.pod = &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "default", UID: types.UID(uid)}}
			s.begin()
			test(s)
		})
	}
}

func (s *session) begin() {
	ctx, cancel := context.WithCancel(s.t.Context())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() {
		done <- s.Runtime.Events(ctx, func() { close(ready) }, func(e runtime.Exit) { s.exits <- e })
	}()
	<-ready
	var err error
	if s.sandbox, err = s.Runtime.CreateSandbox(ctx, s.pod); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			s.t.Error(err)
		}
		list, err := s.Runtime.List(context.Background())
		for _, i := range list {
			if i.PodUID == string(s.pod.UID) {
				err = errors.Join(err, s.Runtime.Remove(context.Background(), i.ID))
			}
		}
		if err = errors.Join(err, s.Runtime.RemoveSandbox(context.Background(), string(s.pod.UID))); err != nil {
			s.t.Error(err)
		}
	})
}

func (s *session) container(name string, command []string) runtime.Container {
	id := string(s.pod.UID) + "-" + name + "-0"
	return runtime.Container{ID: id, Pod: s.pod, Spec: &corev1.Container{Name: name}, Image: s.Image, Sandbox: s.sandbox, Command: command,
		Hostname: "p", CgroupParent: s.CgroupParent(s.pod), LogPath: filepath.Join(s.Logs, id+".log")}
}

func (s *session) up(name string, command []string) string {
	s.t.Helper()
	c := s.container(name, command)
	if err := s.Runtime.Create(s.t.Context(), c); err != nil {
		s.t.Fatal(err)
	}
	if err := s.Runtime.Start(s.t.Context(), c.ID); err != nil {
		s.t.Fatal(err)
	}
	return c.ID
}

// ended waits for the end of a container; others' are none of its business.
func (s *session) ended(id string) runtime.Exit {
	s.t.Helper()
	limit := time.After(20 * time.Second)
	for {
		select {
		case e := <-s.exits:
			if e.ID == id {
				return e
			}
		case <-limit:
			s.t.Fatalf("the end of %s was not told", id)
		}
	}
}

func (s *session) find(id string) (runtime.Info, bool) {
	s.t.Helper()
	list, err := s.Runtime.List(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	for _, i := range list {
		if i.ID == id {
			return i, true
		}
	}
	return runtime.Info{}, false
}

func (s *session) endsAreTold() {
	id := s.up("a", Exits3)
	if e := s.ended(id); e.Code != 3 || e.OOM || e.At.IsZero() {
		s.t.Errorf("end: %+v", e)
	}
	if i, ok := s.find(id); !ok || i.State != runtime.Exited || i.Exit.Code != 3 {
		s.t.Errorf("listed as %+v", i)
	}
}

func (s *session) signals() {
	id := s.up("a", Forever)
	if err := s.Runtime.Kill(s.t.Context(), id, 9); err != nil {
		s.t.Fatal(err)
	}
	if e := s.ended(id); e.Code != 137 || e.Signal != 9 {
		s.t.Errorf("end: %+v", e)
	}
	if err := s.Runtime.Kill(s.t.Context(), id, 15); err != nil {
		s.t.Errorf("a signal to an ended container: %v", err)
	}
}

func (s *session) remove() {
	id := s.up("a", Forever)
	for range 2 {
		if err := s.Runtime.Remove(s.t.Context(), id); err != nil {
			s.t.Fatal(err)
		}
	}
	if i, ok := s.find(id); ok {
		s.t.Errorf("still there: %+v", i)
	}
	s.up("a", Forever) // the id is free again
}

func (s *session) unknown() {
	ctx := s.t.Context()
	if err := s.Runtime.Start(ctx, "none"); !errs.Is(err, errs.NotFound) {
		s.t.Errorf("start: %v", err)
	}
	if _, err := s.Runtime.Exec(ctx, "none", runtime.Exec{Command: []string{"true"}}); !errs.Is(err, errs.NotFound) {
		s.t.Errorf("exec: %v", err)
	}
	if err := s.Runtime.Kill(ctx, "none", 9); err != nil {
		s.t.Errorf("kill: %v", err)
	}
	if err := s.Runtime.Remove(ctx, "none"); err != nil {
		s.t.Errorf("remove: %v", err)
	}
}

func (s *session) duplicates() {
	c := s.container("a", Forever)
	if err := s.Runtime.Create(s.t.Context(), c); err != nil {
		s.t.Fatal(err)
	}
	if err := s.Runtime.Create(s.t.Context(), c); !errs.Is(err, errs.AlreadyExists) {
		s.t.Errorf("created twice: %v", err)
	}
	if i, ok := s.find(c.ID); !ok || i.State != runtime.Created {
		s.t.Errorf("the first one: %+v", i)
	}
}

func (s *session) list() {
	s.up("a", Forever)
	id := s.up("b", Forever)
	i, ok := s.find(id)
	if !ok || i.State != runtime.Running || i.PID == 0 || i.PodUID != string(s.pod.UID) || i.PodName != "p" || i.PodNamespace != "default" || i.Name != "b" ||
		i.ImageID != s.Image.ID || time.Since(i.StartedAt) > time.Minute {
		s.t.Errorf("listed as %+v", i)
	}
}

func (s *session) exec() {
	id := s.up("a", Forever)
	code, err := s.Runtime.Exec(s.t.Context(), id, runtime.Exec{Command: []string{"true"}})
	if err != nil || code != 0 {
		s.t.Error(code, err)
	}
}

func (s *session) sandboxes() {
	again, err := s.Runtime.CreateSandbox(s.t.Context(), s.pod)
	if err != nil || again != s.sandbox {
		s.t.Errorf("%+v is not %+v: %v", again, s.sandbox, err)
	}
	if err := s.Runtime.RemoveSandbox(s.t.Context(), "no-such-pod"); err != nil {
		s.t.Error(err)
	}
}

func (s *session) noCommand() {
	c := s.container("a", nil)
	c.Image.Config.Entrypoint, c.Image.Config.Cmd = nil, nil
	if err := s.Runtime.Create(s.t.Context(), c); !errs.Is(err, errs.Invalid) {
		s.t.Errorf("no command: %v", err)
	}
}
