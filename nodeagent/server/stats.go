package server

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	stats "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
)

func (s *Server) pods(w http.ResponseWriter, _ *http.Request) {
	list := corev1.PodList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "PodList"}}
	for _, p := range s.Pods.Pods() {
		list.Items = append(list.Items, *p)
	}
	writeJSON(w, list)
}

func (s *Server) summary(w http.ResponseWriter, r *http.Request) {
	summary, err := s.Pods.Summary(r.Context())
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, summary)
}

func writeJSON(w http.ResponseWriter, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(text) // the client may be gone
}

// resources is what a metrics server scrapes: processor time and working sets, in
// Prometheus's text format with the kubelet's names.
func (s *Server) resources(w http.ResponseWriter, r *http.Request) {
	summary, err := s.Pods.Summary(r.Context())
	if err != nil {
		fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	b := bufio.NewWriter(w)
	defer b.Flush()
	cpu := gauge{b, "cpu_usage_seconds_total", "counter"}
	memory := gauge{b, "memory_working_set_bytes", "gauge"}
	cpu.all("node", summary, func(g gauge, _ *stats.PodStats, _ *stats.ContainerStats) {
		g.cpu("", summary.Node.CPU)
	})
	memory.all("node", summary, func(g gauge, _ *stats.PodStats, _ *stats.ContainerStats) {
		g.memory("", summary.Node.Memory)
	})
	cpu.all("container", summary, func(g gauge, p *stats.PodStats, c *stats.ContainerStats) { g.cpu(labels(p, c), c.CPU) })
	memory.all("container", summary, func(g gauge, p *stats.PodStats, c *stats.ContainerStats) { g.memory(labels(p, c), c.Memory) })
	cpu.all("pod", summary, func(g gauge, p *stats.PodStats, _ *stats.ContainerStats) { g.cpu(labels(p, nil), p.CPU) })
	memory.all("pod", summary, func(g gauge, p *stats.PodStats, _ *stats.ContainerStats) { g.memory(labels(p, nil), p.Memory) })
}

// gauge writes one metric's samples.
type gauge struct {
	w          *bufio.Writer
	name, sort string
}

// all writes a metric of the node, of every container or of every pod.
func (g gauge) all(of string, s *stats.Summary, one func(gauge, *stats.PodStats, *stats.ContainerStats)) {
	g.name = of + "_" + g.name
	fmt.Fprintf(g.w, "# TYPE %s %s\n", g.name, g.sort)
	if of == "node" {
		one(g, nil, nil)
		return
	}
	for i := range s.Pods {
		p := &s.Pods[i]
		if of == "pod" {
			one(g, p, nil)
			continue
		}
		for k := range p.Containers {
			one(g, p, &p.Containers[k])
		}
	}
}

func labels(p *stats.PodStats, c *stats.ContainerStats) string {
	if c == nil {
		return fmt.Sprintf("{namespace=%q,pod=%q}", p.PodRef.Namespace, p.PodRef.Name)
	}
	return fmt.Sprintf("{container=%q,namespace=%q,pod=%q}", c.Name, p.PodRef.Namespace, p.PodRef.Name)
}

func (g gauge) cpu(labels string, c *stats.CPUStats) {
	if c != nil && c.UsageCoreNanoSeconds != nil {
		fmt.Fprintf(g.w, "%s%s %g %d\n", g.name, labels, float64(*c.UsageCoreNanoSeconds)/1e9, c.Time.UnixMilli())
	}
}

func (g gauge) memory(labels string, m *stats.MemoryStats) {
	if m != nil && m.WorkingSetBytes != nil {
		fmt.Fprintf(g.w, "%s%s %d %d\n", g.name, labels, *m.WorkingSetBytes, m.Time.UnixMilli())
	}
}
