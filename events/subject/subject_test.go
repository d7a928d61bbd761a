package subject

import (
	"strings"
	"testing"
)

func TestObjectSubjects(t *testing.T) {
	t.Parallel()
	for want, o := range map[string]Object{
		"state.%.pods.default.web":                                      {Pods, "default", "web"},
		"state.%.nodes.%.worker%2E1":                                    {Nodes, "", "worker.1"},
		"state.rbac%2Eauthorization%2Ek8s%2Eio.clusterroles.%.system:a": {ClusterRoles, "", "system:a"},
		"leases.coordination%2Ek8s%2Eio.leases.kube-node-lease.n":       {CoordinationLeases, "kube-node-lease", "n"},
		"events.%.events.default.x%2Ey":                                 {CoreEvents, "default", "x.y"},
	} {
		if got := o.Subject(); got != want {
			t.Errorf("%v: %s, want %s", o, got, want)
		}
		stream, back, err := Parse(want)
		if err != nil || back != o || stream != StreamOf(o.Resource) {
			t.Errorf("parse %s: %v %v %v", want, stream, back, err)
		}
		if !Match(o.Resource.Filter(), want) || !Match(o.Resource.FilterIn(o.Namespace), want) || !Match(stream.All(), want) {
			t.Errorf("filters of %v do not match %s", o.Resource, want)
		}
	}
	for _, bad := range []string{"", "state", "state.%.pods.default", "leases.%.pods.d.w", "state.%.pods.d.%61", "state..pods.d.w", "state.%.pods.d.*", "STATE.%.pods.d.w"} {
		if _, o, err := Parse(bad); err == nil {
			t.Errorf("%q parsed to %v", bad, o)
		}
	}
}

func TestAssignmentsAndCommands(t *testing.T) {
	t.Parallel()
	pod := Object{Pods, "default", "mark"}
	for want, a := range map[string]Assignment{
		"assign.node.w%2E1.%.pods.default.mark": {Node: "w.1", Object: pod},
		"assign.all.%.pods.default.mark":        {Object: pod},
		"assign.node.w.mark":                    {Node: "w", Mark: true},
		"assign.all.mark":                       {Mark: true},
	} {
		if got := a.Subject(); got != want {
			t.Errorf("%+v: %s, want %s", a, got, want)
		}
		if back, err := ParseAssignment(want); err != nil || back != a {
			t.Errorf("parse %s: %+v %v", want, back, err)
		}
		filter := AssignAllFilter()
		if a.Node != "" {
			filter = AssignNodeFilter(a.Node)
		}
		if !Match(filter, want) {
			t.Errorf("%s does not match %s", filter, want)
		}
	}
	if got, err := ParseCommand(Command(NodeActor, "w.1")); err != nil || strings.Join(got, "|") != "node|w.1" {
		t.Errorf("command: %v %v", got, err)
	}
}

func FuzzRoundTrip(f *testing.F) {
	f.Add("apps", "deployments", "default", "web.x:y")
	f.Add("", "", "", "%")
	f.Add(" ", "*", ">", "\x00ÿ.")
	f.Fuzz(func(t *testing.T, group, resource, namespace, name string) {
		o := Object{Resource{group, resource}, namespace, name}
		s := o.Subject()
		if strings.Count(s, ".") != 4 || strings.ContainsAny(s, " *>\t\r\n") || strings.Contains(s, "..") {
			t.Fatalf("%q is no literal subject", s)
		}
		if _, back, err := Parse(s); err != nil || back != o {
			t.Fatalf("%q: %v, %v", s, back, err)
		}
		a := Assignment{Node: "n" + name, Object: o}
		if back, err := ParseAssignment(a.Subject()); err != nil || back != a {
			t.Fatalf("%q: %v, %v", a.Subject(), back, err)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add("state.%.pods.default.web")
	f.Add("audit.%.pods.%2E.%")
	f.Fuzz(func(t *testing.T, s string) {
		if stream, o, err := Parse(s); err == nil && stream != Audit && o.Subject() != s {
			t.Fatalf("%q is not canonical: %q", s, o.Subject())
		}
		if a, err := ParseAssignment(s); err == nil && a.Subject() != s {
			t.Fatalf("%q is not canonical: %q", s, a.Subject())
		}
		_, _ = ParseCommand(s)
	})
}
