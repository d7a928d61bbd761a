package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
	"taffrail.dev/services/registry"
)

// everything stands for all resources, for services that follow any kind.
const everything = "all resources"

// flow is what one service reads and writes, resources by name, sorted.
type flow struct {
	name, does string
	assigns    bool
	reads      []string
	// writes are the paths by resource.
	writes map[string][]string
}

// render is the graph and the table of the services, all being the resources there are.
func render(services []registry.Service, all []subject.Resource) string {
	var flows []flow
	for _, s := range services {
		flows = append(flows, flowOf(s, all))
	}
	slices.SortFunc(flows, func(a, b flow) int { return strings.Compare(a.name, b.name) })
	return graph(flows) + "\n" + table(flows) + "\n" + resources(all)
}

func flowOf(s registry.Service, all []subject.Resource) flow {
	f := flow{name: s.Spec.Name, does: s.Does, assigns: s.Assigns, writes: map[string][]string{}}
	if followsAll(s.Spec.Reads, all) {
		f.reads = []string{everything}
	} else {
		for _, r := range s.Spec.Reads {
			f.reads = append(f.reads, r.Name)
		}
		slices.Sort(f.reads)
	}
	for _, w := range s.Spec.Writes {
		name := resourceName(w)
		f.writes[name] = append(f.writes[name], w.Path)
	}
	return f
}

// followsAll says whether a service follows any kind; Events that are kept for a time do not count.
func followsAll(reads, all []subject.Resource) bool {
	return !slices.ContainsFunc(all, func(r subject.Resource) bool { return r != subject.CoreEvents && !slices.Contains(reads, r) })
}

func resourceName(f process.Field) string {
	if f.Resource.Name == "*" {
		return everything
	}
	return f.Resource.Name
}

// graph draws reading as thin arrows and writing as thick ones. Events that services record for people go
// from everyone to one place, and are left to the table.
func graph(flows []flow) string {
	nodes, edges := map[string]bool{}, []string{}
	edge := func(format, resource, service string) {
		if resource == subject.CoreEvents.Name {
			return
		}
		nodes[resource] = true
		edges = append(edges, "  "+fmt.Sprintf(format, id(resource), id(service)))
	}
	for _, f := range flows {
		for _, r := range f.reads {
			edge("r_%s --> s_%s", r, f.name)
		}
		for _, r := range slices.Sorted(maps.Keys(f.writes)) {
			edge("s_%[2]s ==> r_%[1]s", r, f.name)
		}
		if f.assigns {
			edge("s_%[2]s ==> r_%[1]s", "assignments", f.name)
			edges = append(edges, "  r_assignments --> agents{{node agents}}")
		}
	}
	nodes[everything] = true
	edges = append(edges, "  r_all_resources --> gateway{{gateway}}", "  gateway ==> r_all_resources")
	var b strings.Builder
	b.WriteString("```mermaid\nflowchart LR\n")
	for _, n := range slices.Sorted(maps.Keys(nodes)) {
		fmt.Fprintf(&b, "  r_%s[(%s)]\n", id(n), n)
	}
	for _, f := range flows {
		fmt.Fprintf(&b, "  s_%s([%s])\n", id(f.name), f.name)
	}
	b.WriteString(strings.Join(edges, "\n") + "\n```\n")
	return b.String()
}

func id(name string) string { return strings.NewReplacer(" ", "_", "-", "_", ".", "_").Replace(name) }

func table(flows []flow) string {
	var b strings.Builder
	b.WriteString("| service | | reads | writes, by commands |\n|---|---|---|---|\n")
	for _, f := range flows {
		var writes []string
		if f.assigns {
			writes = append(writes, "assignments, itself")
		}
		for _, r := range slices.Sorted(maps.Keys(f.writes)) {
			writes = append(writes, r+": "+paths(f.writes[r]))
		}
		if len(writes) == 0 {
			writes = []string{"nothing"}
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", f.name, f.does, strings.Join(f.reads, ", "), strings.Join(writes, "<br>"))
	}
	return b.String()
}

// paths names the fields of one resource; "*" is to create and delete.
func paths(fields []string) string {
	var out []string
	for _, p := range slices.Sorted(slices.Values(fields)) {
		if p == "*" {
			p = "whole objects"
		} else {
			p = "`" + p + "`"
		}
		out = append(out, p)
	}
	return strings.Join(out, ", ")
}

// resources says what the gateway reads and writes, as its users ask.
func resources(all []subject.Resource) string {
	var names []string
	for _, r := range all {
		names = append(names, r.Name)
	}
	slices.Sort(names)
	return "The gateway reads and writes all resources, as its users ask: " + strings.Join(slices.Compact(names), ", ") + ".\n"
}
