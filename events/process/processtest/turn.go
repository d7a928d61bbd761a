package processtest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"taffrail.dev/events/command"
	"taffrail.dev/events/errs"
	"taffrail.dev/events/fold"
	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
	commandv1 "taffrail.dev/proto/gen/command/v1"
)

// apply1 folds an event if the controller reads its resource, and wakes keys.
func (w *world) apply1(e *fold.Event) (woken []string) {
	read := map[subject.Resource]struct{}{}
	for _, r := range w.controller.Spec.Reads {
		read[r] = struct{}{}
	}
	if e.Key().Resource.In(read) {
		for _, name := range w.controller.State.Apply(e) {
			k := w.key(name)
			k.woken, k.cause = true, e
			woken = append(woken, name.String())
		}
	}
	return woken
}

func (w *world) key(name subject.Object) *key {
	for _, k := range w.keys {
		if k.name == name {
			return k
		}
	}
	k := &key{name: name}
	w.keys = append(w.keys, k)
	return k
}

// ready takes the woken keys, in the controller's order.
func (w *world) ready() []*key {
	var ready, rest []*key
	for _, k := range w.keys {
		if k.woken {
			ready = append(ready, k)
		} else {
			rest = append(rest, k)
		}
	}
	if before := w.controller.Before; before != nil {
		sort.SliceStable(ready, func(i, j int) bool { return before(ready[i].name, ready[j].name) })
	}
	w.keys = rest
	return ready
}

// turn decides every woken key once.
func (w *world) turn(dry bool) (decided int, err error) {
	ready := w.ready()
	for _, k := range ready {
		plan := w.controller.Decide(process.Turn{Key: k.name, Now: w.now, Cause: k.cause, Failures: k.failures, Err: k.err})
		w.printf("%s", k.name)
		failed := k.failures
		k.err = nil
		plan.After = w.plan(k, plan, dry)
		if dry {
			w.key(k.name).woken, w.key(k.name).cause = true, k.cause
			continue
		}
		w.next(k, plan, failed)
	}
	return len(ready), nil
}

// plan carries out a plan and those that follow it, and is when the last of them wants another turn.
func (w *world) plan(k *key, plan process.Plan, dry bool) time.Duration {
	var answers []process.Answer
	for _, c := range plan.Commands {
		w.print(c)
		if dry {
			continue
		}
		result, err := w.carryOut(c)
		if err != nil {
			w.printf("  %v", err)
			k.err = err
		}
		answers = append(answers, process.Answer{Command: c, Result: result, Err: err})
	}
	if plan.Notes != nil && len(answers) > 0 {
		w.note(plan.Notes(answers))
	}
	if plan.After > 0 {
		w.printf("  after %v", plan.After)
	}
	if plan.Then != nil && len(answers) > 0 && k.err == nil {
		return cmp.Or(w.plan(k, plan.Then(answers), dry), plan.After)
	}
	return plan.After
}

// note carries out what a plan notes, and shows it as people read it.
func (w *world) note(commands []*commandv1.Command) {
	for _, c := range commands {
		body, err := w.body(c)
		if err == nil {
			w.printf("  note %s %s %s %q", strings.ToLower(c.GetVerb().String()), text(body, "type"), text(body, "reason"), text(body, "message"))
			_, err = w.carryOut(c)
		}
		if err != nil {
			w.printf("  %v", err)
		}
	}
}

// next notes when the key is decided again.
func (w *world) next(k *key, plan process.Plan, failures int) {
	switch {
	case k.err != nil:
		again := w.key(k.name)
		again.woken, again.failures, again.err, again.cause = true, failures+1, k.err, k.cause
	case plan.After > 0:
		w.key(k.name).at = w.now.Add(plan.After)
	}
}

func (w *world) settle(args []string) error {
	limit := 20
	if len(args) > 0 {
		if err := json.Unmarshal([]byte(args[0]), &limit); err != nil {
			return err
		}
	}
	for range limit {
		if n, err := w.turn(false); n == 0 || err != nil {
			return err
		}
	}
	return fmt.Errorf("not settled after %d turns", limit)
}

func (w *world) advance(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("advance DURATION")
	}
	d, err := time.ParseDuration(args[0])
	if err != nil {
		return err
	}
	w.now = w.now.Add(d)
	for _, k := range w.keys {
		if !k.at.IsZero() && !k.at.After(w.now) {
			k.woken, k.at = true, time.Time{}
			w.printf("woke %s", k.name)
		}
	}
	return nil
}

// print shows a command in two lines.
func (w *world) print(c *commandv1.Command) {
	o := commandObject(c)
	line := "  " + strings.ToLower(c.GetVerb().String()) + " " + o.String()
	if o.Name == "" {
		line += "*"
	}
	if c.GetSubresource() != "" {
		line += " " + c.GetSubresource()
	}
	if c.GetReason() != "" {
		line += " " + strconv.Quote(c.GetReason())
	}
	for _, extra := range []struct{ name, value string }{
		{"uid", c.GetExpectedUid()}, {"sequence", nonzero(c.GetExpectedSequence())}, {"manager", c.GetFieldManager()},
	} {
		if extra.value != "" {
			line += " " + extra.name + "=" + extra.value
		}
	}
	if c.GetVerb() == commandv1.Verb_DELETE {
		line += fmt.Sprintf(" grace=%d propagation=%s", c.GetGraceSeconds(), c.GetPropagation())
	}
	w.printf("%s", line)
	if len(c.GetBody()) > 0 {
		w.printf("    %s", w.bodyText(c))
	}
	if c.GetDetail() != nil {
		w.printf("    detail %s", detailText(c))
	}
}

func nonzero(n uint64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatUint(n, 10)
}

func commandObject(c *commandv1.Command) subject.Object {
	r := c.GetObject()
	return subject.Object{Resource: subject.Resource{Group: r.GetGroup(), Name: r.GetResource()}, Namespace: r.GetNamespace(), Name: r.GetName()}
}

// bodyText is a body as compact JSON without empty parts.
func (w *world) bodyText(c *commandv1.Command) string {
	content, err := w.body(c)
	if err != nil {
		return err.Error()
	}
	if c.GetContentType() == command.Protobuf {
		content, _ = prune(content).(map[string]any)
	}
	data, err := json.Marshal(content)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// body is a command's body as JSON.
func (w *world) body(c *commandv1.Command) (map[string]any, error) {
	if c.GetContentType() != command.Protobuf {
		content := map[string]any{}
		return content, json.Unmarshal(c.GetBody(), &content)
	}
	kind, err := w.kindOf(commandObject(c).Resource, c.GetSubresource())
	if err != nil {
		return nil, err
	}
	return kind.decode(c.GetBody())
}

func detailText(c *commandv1.Command) string {
	only := &commandv1.Command{Detail: c.GetDetail()}
	data, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(only)
	if err != nil {
		return err.Error()
	}
	content := map[string]any{}
	if err := json.Unmarshal(data, &content); err != nil {
		return err.Error()
	}
	data, _ = json.Marshal(content) // what was decoded encodes
	return string(data)
}

// carryOut does what the gateway would, and is its answer or its refusal.
func (w *world) carryOut(c *commandv1.Command) (*commandv1.Result, error) {
	o := commandObject(c)
	name := o.Resource.String()
	if c.GetSubresource() != "" {
		name += "/" + c.GetSubresource()
	}
	for _, f := range w.faults {
		if f.left > 0 && f.verb == c.GetVerb().String() && (f.resource == "*" || f.resource == name) {
			f.left--
			return nil, errs.F("send command", f.kind, "refused by the scenario: %s", f.kind)
		}
	}
	w.actor = "system:taffrail:" + w.controller.Spec.Name
	defer func() { w.actor = "" }()
	if answer := w.suite.Reviews[o.Resource]; answer != nil {
		object, err := answer(c.GetBody())
		return &commandv1.Result{Object: object}, err
	}
	before := w.sequence
	if err := w.gateway(o, c); err != nil {
		return nil, err
	}
	if w.sequence == before {
		return &commandv1.Result{}, nil
	}
	return &commandv1.Result{Sequence: w.sequence, Object: w.state}, nil
}
