package envelope_test

import (
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"taffrail.dev/events/envelope"
	"taffrail.dev/events/errs"
	eventv1 "taffrail.dev/proto/gen/event/v1"
)

// fixture is an event with every field of version 1.
func fixture() *eventv1.Event {
	return &eventv1.Event{
		Id: "01890a5d-ac96-774b-bcce-b302099a8057", Time: 1767225600000000000,
		Actor: &eventv1.Actor{
			User: "alice", Groups: []string{"admins", "system:authenticated"}, UserAgent: "kubectl/v1.37",
			SourceAddress: "192.0.2.1:5000", Impersonator: "root",
		},
		Verb: "create", Subresource: "binding",
		Object: &eventv1.ObjectRef{Version: "v1", Kind: "Pod", Resource: "pods", Namespace: "default", Name: "web.1", Uid: "u-1"},
		Prior:  3, Cause: 2, Correlation: 1, What: eventv1.What_BOUND, Reason: "fits best",
		Detail: &eventv1.Event_Scheduling{Scheduling: &eventv1.Scheduling{
			Node: "a", NodesConsidered: 3, NodesFeasible: 2, Refused: map[string]int32{"taint gpu": 1},
			Scores: []*eventv1.NodeScore{{Node: "a", Total: 9, ByPlugin: map[string]int64{"spread": 9}}}, Waited: 1000,
		}},
		Encoding: eventv1.Encoding_ENCODING_PROTOBUF, State: []byte("state"),
	}
}

const fixtureFile = "testdata/event.v1.bin"

// TestFixture decodes what version 1 wrote. The file is never written again: what the
// journal holds stays readable.
func TestFixture(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(filepath.FromSlash(fixtureFile))
	if err != nil {
		t.Fatal(err)
	}
	e, err := envelope.Decode("state.%.pods.default.web%2E1", data)
	if err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(e, fixture()) {
		t.Errorf("got %s", prototext.Format(e))
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	data, err := envelope.Encode(fixture())
	if err != nil {
		t.Fatal(err)
	}
	e, err := envelope.Decode("state.%.pods.default.web%2E1", data)
	if err != nil || !proto.Equal(e, fixture()) {
		t.Fatalf("%v %v", e, err)
	}
	if _, err := envelope.Decode("state.%.pods.default.other", data); !errs.Is(err, errs.Invalid) {
		t.Errorf("on another's subject: %v", err)
	}
}

func TestInvalid(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*eventv1.Event){
		"no id": func(e *eventv1.Event) { e.Id = "" }, "no object": func(e *eventv1.Event) { e.Object = nil },
		"no name":         func(e *eventv1.Event) { e.Object.Name = "" },
		"nothing happens": func(e *eventv1.Event) { e.What = 0 }, "unknown what": func(e *eventv1.Event) { e.What = 99 },
		"no encoding": func(e *eventv1.Event) { e.Encoding = 0 }, "not text": func(e *eventv1.Event) { e.Reason = "\xff" },
	} {
		e := fixture()
		change(e)
		if _, err := envelope.Encode(e); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	data, err := envelope.Encode(fixture())
	if err != nil {
		f.Fatal(err)
	}
	f.Add("state.%.pods.default.web%2E1", data)
	f.Add("", []byte{})
	f.Fuzz(func(t *testing.T, on string, data []byte) {
		e, err := envelope.Decode(on, data)
		if err != nil {
			if !errs.Is(err, errs.Invalid) {
				t.Fatal(err)
			}
			return
		}
		again, err := envelope.Encode(e)
		if err != nil {
			t.Fatalf("decoded but does not encode: %v", err)
		}
		if back, err := envelope.Decode(on, again); err != nil || !proto.Equal(e, back) {
			t.Fatalf("%v differs from %v: %v", e, back, err)
		}
	})
}
