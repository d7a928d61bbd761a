package proxy

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"taffrail.dev/events/subject"
	eventv1 "taffrail.dev/proto/gen/event/v1"
	nodev1 "taffrail.dev/proto/gen/node/v1"
)

var update = flag.Bool("update", false, "rewrite the scenarios' output")

// TestScenarios runs testdata/*.txt: each "turn" is followed by the change it made.
func TestScenarios(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(err, files)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		got := play(t, string(content))
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		} else if got != string(content) {
			t.Errorf("%s: got\n%s", file, got)
		}
	}
}

// play runs a scenario and returns it with its output.
func play(t *testing.T, scenario string) string {
	var out strings.Builder
	s := newState("here")
	for line := range strings.Lines(scenario) {
		if strings.HasPrefix(line, "  ") {
			continue
		}
		out.WriteString(line)
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0 || fields[0] == "#":
		case fields[0] == "turn":
			change := s.turn()
			for _, frontend := range change.Delete {
				fmt.Fprintf(&out, "  delete %s\n", frontend)
			}
			for _, server := range change.Update {
				fmt.Fprintf(&out, "  update %s\n", server)
			}
			s.table.deleted(change.Delete)
			s.table.updated(change.Update)
		case fields[0] == "forget":
			s.table.forget()
		default:
			if err := s.apply(assignment(t, fields)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return out.String()
}

// assignment reads "service|slice|node NAME …" or "remove KIND NAME".
func assignment(t testing.TB, fields []string) *nodev1.Assignment {
	a := &nodev1.Assignment{Sequence: 1}
	if fields[0] == "remove" {
		a.Removed, fields = true, fields[1:]
	}
	namespace, name, ok := strings.Cut(fields[1], "/")
	if !ok {
		namespace, name = "", fields[1]
	}
	var marshal func() ([]byte, error)
	var resource subject.Resource
	switch fields[0] {
	case "service":
		resource, marshal = subject.Services, service(namespace, name, fields[2:]).Marshal
	case "slice":
		resource, marshal = subject.EndpointSlices, slice(namespace, name, fields[2:]).Marshal
	case "node":
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{corev1.LabelTopologyZone: strings.TrimPrefix(fields[2], "zone=")}}}
		resource, marshal = subject.Nodes, node.Marshal
	default:
		t.Fatalf("unknown command %q", fields)
	}
	a.Object = &eventv1.ObjectRef{Group: resource.Group, Resource: resource.Name, Namespace: namespace, Name: name}
	state, err := marshal()
	if err != nil {
		t.Fatal(err)
	}
	a.State = state
	return a
}

// service reads key=value fields; ports are name:port[:nodePort][/protocol].
func service(namespace, name string, fields []string) *corev1.Service {
	s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	for _, field := range fields {
		key, value, _ := strings.Cut(field, "=")
		switch key {
		case "clusterIP":
			s.Spec.ClusterIP = value
		case "type":
			s.Spec.Type = corev1.ServiceType(value)
		case "external":
			s.Spec.ExternalTrafficPolicy = corev1.ServiceExternalTrafficPolicy(value)
		case "internal":
			policy := corev1.ServiceInternalTrafficPolicy(value)
			s.Spec.InternalTrafficPolicy = &policy
		case "externalIP":
			s.Spec.ExternalIPs = append(s.Spec.ExternalIPs, value)
		case "affinity":
			seconds := int32(number(value))
			s.Spec.SessionAffinity = corev1.ServiceAffinityClientIP
			s.Spec.SessionAffinityConfig = &corev1.SessionAffinityConfig{ClientIP: &corev1.ClientIPConfig{TimeoutSeconds: &seconds}}
		case "ports":
			value, protocol, _ := strings.Cut(value, "/")
			parts := append(strings.Split(value, ":"), "0")
			s.Spec.Ports = append(s.Spec.Ports, corev1.ServicePort{
				Name: parts[0], Port: int32(number(parts[1])), NodePort: int32(number(parts[2])), Protocol: corev1.Protocol(strings.ToUpper(protocol)),
			})
		}
	}
	return s
}

// slice reads ports=name:port and endpoints, ADDRESS@node[~zone hint][!unready|!terminating].
func slice(namespace, name string, fields []string) *discoveryv1.EndpointSlice {
	s := &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, AddressType: discoveryv1.AddressTypeIPv4}
	yes, no := true, false
	for _, field := range fields {
		if value, ok := strings.CutPrefix(field, "service="); ok {
			s.Labels = map[string]string{discoveryv1.LabelServiceName: value}
			continue
		}
		if value, ok := strings.CutPrefix(field, "ports="); ok {
			name, port, _ := strings.Cut(value, ":")
			number := int32(number(port))
			s.Ports = append(s.Ports, discoveryv1.EndpointPort{Name: &name, Port: &number})
			continue
		}
		field, condition, _ := strings.Cut(field, "!")
		field, zone, hinted := strings.Cut(field, "~")
		address, node, _ := strings.Cut(field, "@")
		e := discoveryv1.Endpoint{Addresses: []string{address}, NodeName: &node}
		if condition != "" {
			e.Conditions.Ready = &no
		}
		if condition == "terminating" {
			e.Conditions.Serving, e.Conditions.Terminating = &yes, &yes
		}
		if hinted {
			e.Hints = &discoveryv1.EndpointHints{ForZones: []discoveryv1.ForZone{{Name: zone}}}
		}
		s.Endpoints = append(s.Endpoints, e)
	}
	return s
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		panic(err)
	}
	return n
}
