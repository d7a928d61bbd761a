package processtest

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
)

var update = flag.Bool("update", false, "rewrite what came of each step of the scenarios")

// Suite is what scenarios run on.
type Suite struct {
	// New makes the controller; each scenario has its own.
	New func() *process.Controller
	// Kinds are all kinds that the scenarios and the controller's commands name. A
	// subresource's body has a kind of its own: Resource{"", "pods/binding"}.
	Kinds []Kind
	// Reviews answer the virtual kinds, which are asked and not stored: from a body to the answer.
	Reviews map[subject.Resource]func(body []byte) ([]byte, error)
	// Start is the time at which scenarios begin; zero is 2026-01-01T00:00:00Z.
	Start time.Time
}

// Object is a Kubernetes API object.
type Object interface {
	Marshal() ([]byte, error)
	Unmarshal([]byte) error
}

// Kind is how objects of a resource are written.
type Kind struct {
	Resource         subject.Resource
	APIVersion, Kind string
	New              func() Object
}

// KindOf is the Kind of a Go type: KindOf[corev1.Pod](subject.Pods, "v1", "Pod").
func KindOf[T any, P interface {
	*T
	Object
}](r subject.Resource, apiVersion, kind string) Kind {
	return Kind{Resource: r, APIVersion: apiVersion, Kind: kind, New: func() Object { return P(new(T)) }}
}

// Run runs the scenarios of the files that match, each as a parallel subtest.
func Run(t *testing.T, glob string, s Suite) {
	t.Helper()
	files, err := filepath.Glob(glob)
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios match %s: %v", glob, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), filepath.Ext(file)), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := s.play(string(text))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if want := string(text); got != want {
				t.Errorf("%s: %s\nrun with -update to accept", file, difference(want, got))
			}
		})
	}
}

// play runs a scenario and returns its text with what came of each step.
func (s Suite) play(text string) string {
	w := newWorld(s)
	var out bytes.Buffer
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for len(lines) > 0 {
		if lines[0] == "" || strings.HasPrefix(lines[0], "#") {
			out.WriteString(lines[0] + "\n")
			lines = lines[1:]
			continue
		}
		var input []string
		for len(lines) > 0 && lines[0] != "----" {
			input, lines = append(input, lines[0]), lines[1:]
		}
		for len(lines) > 0 && lines[0] != "" {
			lines = lines[1:]
		}
		result := w.step(input[0], strings.Join(input[1:], "\n"))
		out.WriteString(strings.Join(input, "\n") + "\n----\n" + result)
	}
	return out.String()
}

// difference shows where two texts part.
func difference(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	from := max(0, n-3)
	show := func(lines []string) string {
		return "\t" + strings.Join(lines[min(from, len(lines)):min(n+12, len(lines))], "\n\t")
	}
	return "differs from line " + itoa(n+1) + "\nwant:\n" + show(a) + "\ngot:\n" + show(b)
}
