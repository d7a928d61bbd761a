package dns

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	mdns "github.com/miekg/dns"
	"golang.org/x/tools/txtar"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"taffrail.dev/events/fold"
	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
	eventv1 "taffrail.dev/proto/gen/event/v1"
)

var update = flag.Bool("update", false, "rewrite the answers in testdata")

// object is an API object as a scenario writes it.
type object interface {
	metav1.Object
	Marshal() ([]byte, error)
}

// eventOf makes an event of one object's YAML; one with a deletionTimestamp is gone.
func eventOf(t *testing.T, text string, sequence uint64) *fold.Event {
	t.Helper()
	var of struct{ Kind string }
	if err := yaml.Unmarshal([]byte(text), &of); err != nil {
		t.Fatal(err)
	}
	kinds := map[string]struct {
		object   object
		resource subject.Resource
	}{
		"Namespace":     {&corev1.Namespace{}, subject.Namespaces},
		"Service":       {&corev1.Service{}, subject.Services},
		"EndpointSlice": {&discoveryv1.EndpointSlice{}, subject.EndpointSlices},
	}
	k := kinds[of.Kind]
	if err := yaml.UnmarshalStrict([]byte(text), k.object); err != nil {
		t.Fatal(err)
	}
	state, err := k.object.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	what := eventv1.What_SPEC_CHANGED
	if k.object.GetDeletionTimestamp() != nil {
		what = eventv1.What_DELETED
	}
	return &fold.Event{Stream: subject.State, Sequence: sequence, Event: &eventv1.Event{
		Id: fmt.Sprint(sequence), Time: 1, Verb: "update", What: what, Encoding: eventv1.Encoding_ENCODING_PROTOBUF, State: state, Actor: &eventv1.Actor{User: "test"},
		Object: &eventv1.ObjectRef{Group: k.resource.Group, Version: "v1", Kind: of.Kind, Resource: k.resource.Name, Namespace: k.object.GetNamespace(), Name: k.object.GetName()},
	}}
}

func section(a *txtar.Archive, name string) string {
	for _, f := range a.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	return ""
}

func events(t *testing.T, a *txtar.Archive) []*fold.Event {
	t.Helper()
	var out []*fold.Event
	for i, text := range strings.Split(section(a, "objects"), "---\n") {
		out = append(out, eventOf(t, text, uint64(i+1)))
	}
	return out
}

// show is an answer as the scenarios have it.
func show(question string, a Answer) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", question)
	if !a.Mine {
		return b.String() + "\tnot mine\n"
	}
	if len(a.RRs) == 0 {
		fmt.Fprintf(&b, "\t%s\n", mdns.RcodeToString[a.Rcode])
	}
	for _, rr := range append(a.RRs, a.Extra...) {
		fmt.Fprintf(&b, "\t%s\n", strings.ReplaceAll(rr.String(), "\t", " "))
	}
	return b.String()
}

func TestScenarios(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scenarios", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			// A doubled event changes nothing.
			s := NewState()
			for _, e := range events(t, archive) {
				s.Apply(e)
				s.Apply(e)
			}
			var got strings.Builder
			for question := range strings.Lines(section(archive, "questions")) {
				qtype, qname, _ := strings.Cut(strings.TrimSpace(question), " ")
				got.WriteString(show(strings.TrimSpace(question), s.Decide("cluster.local.", qname, mdns.StringToType[qtype])))
			}
			if *update {
				rewrite(t, file, archive, got.String())
			} else if want := section(archive, "answers"); got.String() != want {
				t.Errorf("got:\n%s\nwant:\n%s", got.String(), want)
			}
		})
	}
}

func rewrite(t *testing.T, file string, a *txtar.Archive, answers string) {
	t.Helper()
	a.Files = append(a.Files[:2], txtar.File{Name: "answers", Data: []byte(answers)})
	if err := os.WriteFile(file, txtar.Format(a), 0o600); err != nil {
		t.Fatal(err)
	}
}

// The server answers over UDP and TCP, fails until it has caught up, and passes on
// what is not the cluster's.
func TestServer(t *testing.T) {
	t.Parallel()
	upstream := upstreamServer(t)
	source := fold.NewMemory()
	archive, err := txtar.ParseFile("testdata/services.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events(t, archive) {
		if _, err := source.Append(t.Context(), e.Event); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	bound, ready, done := make(chan net.Addr, 1), make(chan struct{}), make(chan error, 1)
	server := New(Config{Listen: "127.0.0.1:0", Domain: "cluster.local", Upstreams: []string{upstream}, Bound: func(a net.Addr) { bound <- a }})
	go func() { done <- server.Run(ctx, process.Deps{Source: source, Ready: func() { close(ready) }}) }()
	address := (<-bound).String()
	if got := ask(t, "udp", address, "web.shop.svc.cluster.local."); got != "SERVFAIL" {
		t.Errorf("before it has caught up: %s", got)
	}
	fed := make(chan error, 1)
	go func() { fed <- source.Run(ctx) }()
	<-ready
	for _, network := range []string{"udp", "tcp"} {
		if got := ask(t, network, address, "Web.shop.svc.cluster.local."); got != "10.43.0.7" {
			t.Errorf("%s: %s", network, got)
		}
		if got := ask(t, network, address, "far.shop.svc.cluster.local."); got != "db.example.com. 192.0.2.1" {
			t.Errorf("%s: an external name: %s", network, got)
		}
		if got := ask(t, network, address, "near.shop.svc.cluster.local."); got != "web.shop.svc.cluster.local. 10.43.0.7" {
			t.Errorf("%s: an alias within the cluster: %s", network, got)
		}
		if got := ask(t, network, address, "elsewhere.example."); got != "192.0.2.1" {
			t.Errorf("%s: passed on: %s", network, got)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	<-fed
}

func ask(t *testing.T, network, address, name string) string {
	t.Helper()
	client := mdns.Client{Net: network}
	reply, _, err := client.ExchangeContext(t.Context(), new(mdns.Msg).SetQuestion(name, mdns.TypeA), address)
	if err != nil {
		t.Fatal(err)
	}
	if len(reply.Answer) == 0 {
		return mdns.RcodeToString[reply.Rcode]
	}
	var out []string
	for _, rr := range reply.Answer {
		switch rr := rr.(type) {
		case *mdns.A:
			out = append(out, rr.A.String())
		case *mdns.CNAME:
			out = append(out, rr.Target)
		}
	}
	return strings.Join(out, " ")
}

// upstreamServer answers every name with one address.
func upstreamServer(t *testing.T) string {
	t.Helper()
	packets, stream, err := listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	handler := mdns.HandlerFunc(func(w mdns.ResponseWriter, r *mdns.Msg) {
		m := new(mdns.Msg).SetReply(r)
		m.Answer = []mdns.RR{&mdns.A{Hdr: header(r.Question[0].Name, mdns.TypeA), A: net.IPv4(192, 0, 2, 1)}}
		_ = w.WriteMsg(m)
	})
	for _, s := range []*mdns.Server{{PacketConn: packets, Handler: handler}, {Listener: stream, Handler: handler}} {
		done := make(chan error, 1)
		started := make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		go func() { done <- s.ActivateAndServe() }()
		<-started
		t.Cleanup(func() {
			_ = s.Shutdown()
			<-done
		})
	}
	return packets.LocalAddr().String()
}
