package main

import (
	"strings"
	"testing"

	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
	"taffrail.dev/services/registry"
)

func TestAServiceBecomesNodesEdgesAndARow(t *testing.T) {
	t.Parallel()
	all := []subject.Resource{subject.Pods, subject.Nodes}
	got := render([]registry.Service{
		{Does: "sweeps", Spec: process.Spec{Name: "sweeper", Reads: all, Writes: []process.Field{{Resource: subject.Resource{Group: "*", Name: "*"}, Path: "*"}}}},
		{Does: "binds", Spec: process.Spec{Name: "binder", Reads: []subject.Resource{subject.Pods}, Writes: []process.Field{
			{Resource: subject.Pods, Path: "spec.nodeName"}, {Resource: subject.CoreEvents, Path: "*"},
		}}},
	}, all)
	for _, want := range []string{
		"  r_pods[(pods)]\n  s_binder([binder])\n  s_sweeper([sweeper])\n",
		"  r_pods --> s_binder\n  s_binder ==> r_pods\n  r_all_resources --> s_sweeper\n  s_sweeper ==> r_all_resources\n",
		"| binder | binds | pods | events: whole objects<br>pods: `spec.nodeName` |\n",
		"| sweeper | sweeps | all resources | all resources: whole objects |\n",
		"as its users ask: nodes, pods.\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("lacks\n%s\nin\n%s", want, got)
		}
	}
}

func TestOnlyWhatIsBetweenTheMarksChanges(t *testing.T) {
	t.Parallel()
	got, err := between([]byte("a\n"+begin+"old\n"+end+"\nb\n"), "new\n")
	if want := "a\n" + begin + "new\n" + end + "\nb\n"; err != nil || string(got) != want {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
	if _, err := between([]byte("a\n"+begin), "new\n"); err == nil {
		t.Error("a page without the second mark is taken")
	}
}
