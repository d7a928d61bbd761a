package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"taffrail.dev/gateway/history"
	eventv1 "taffrail.dev/proto/gen/event/v1"
)

const clock = "2006-01-02 15:04:05.000"

// printChange prints one change on one line: sequence, time, actor, what, object,
// reason, cause.
func printChange(w io.Writer, c *history.Change, output string) {
	if output == "json" {
		line, err := json.Marshal(c)
		if err == nil {
			fmt.Fprintf(w, "%s\n", line)
		}
		return
	}
	fmt.Fprintf(w, "%8d  %s  %-28s %-17s %s%s%s\n",
		c.Sequence, c.Time.Local().Format(clock), shortUser(c.Actor.User), c.What, object(c), reason(c), cause(c))
	if output == "wide" {
		fmt.Fprintf(w, "%8s  %s\n", "", wide(c))
	}
}

// shortUser drops what every name of its sort has in common.
func shortUser(user string) string {
	return strings.TrimPrefix(strings.TrimPrefix(user, "system:taffrail:"), "system:serviceaccount:")
}

func object(c *history.Change) string {
	o := c.Object
	name := o.Resource + "/" + o.Name
	if o.Namespace != "" && o.Namespace != "default" {
		name += " -n " + o.Namespace
	}
	return name
}

func reason(c *history.Change) string {
	if c.Reason == "" {
		return ""
	}
	return ": " + c.Reason
}

func cause(c *history.Change) string {
	if c.Cause == 0 {
		return ""
	}
	return fmt.Sprintf(" (because of %d)", c.Cause)
}

func wide(c *history.Change) string {
	verb := c.Verb
	if c.Subresource != "" {
		verb += " " + c.Subresource
	}
	fields := []string{verb}
	for _, f := range []struct{ name, value string }{
		{"by", c.Actor.Agent}, {"from", c.Actor.Address}, {"as", c.Actor.Impersonator},
		{"uid", c.Object.UID}, {"prior", number(c.Prior)}, {"root", number(c.Correlation)},
	} {
		if f.value != "" {
			fields = append(fields, f.name+" "+f.value)
		}
	}
	if c.Detail != nil {
		if detail, err := json.Marshal(c.Detail); err == nil {
			fields = append(fields, string(detail))
		}
	}
	for _, s := range c.Admission.GetSteps() {
		fields = append(fields, step(s))
	}
	return strings.Join(fields, ", ")
}

// step is what a plugin, webhook or policy changed: "a.mesh.example changed /spec/containers/1 /metadata/labels/x".
func step(s *eventv1.AdmissionStep) string {
	name := s.GetName()
	if name == "" {
		name = s.GetPlugin()
	}
	return name + " changed " + strings.Join(s.GetPaths(), " ")
}

func number(n uint64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
