package subject

import (
	"fmt"
	"strings"
)

// Prefix is the first token of a stream's subjects: "state".
func (s Stream) Prefix() string { return strings.ToLower(string(s)) }

// All is the wildcard of a stream's subjects: "state.>".
func (s Stream) All() string { return s.Prefix() + ".>" }

// Fence is the subject of messages that mark a position on a stream and say nothing else. It is no
// object's.
func (s Stream) Fence() string { return s.Prefix() + ".fence" }

// Subject is the literal subject of an object's events, on its resource's stream:
// state.<group>.<resource>.<namespace>.<name>.
func (o Object) Subject() string {
	return join(StreamOf(o.Resource).Prefix(), o.Group, o.Resource.Name, o.Namespace, o.Name)
}

// Audit is the subject of audit records about an object.
func (o Object) Audit() string {
	return join(Audit.Prefix(), o.Group, o.Resource.Name, o.Namespace, o.Name)
}

// Filter matches the subjects of all objects of a resource.
func (r Resource) Filter() string {
	return join(StreamOf(r).Prefix(), r.Group, r.Name) + ".*.*"
}

// FilterIn matches the subjects of a resource's objects in a namespace.
func (r Resource) FilterIn(namespace string) string {
	return join(StreamOf(r).Prefix(), r.Group, r.Name, namespace) + ".*"
}

// Parse is the stream and the object of a subject that Subject or Audit made.
func Parse(subject string) (Stream, Object, error) {
	tokens, err := split(subject)
	if err != nil || len(tokens) != 5 {
		return "", Object{}, fmt.Errorf("%q is not an object's subject", subject)
	}
	o := Object{Resource: Resource{tokens[1], tokens[2]}, Namespace: tokens[3], Name: tokens[4]}
	stream := Stream(strings.ToUpper(tokens[0]))
	if tokens[0] != stream.Prefix() || stream != Audit && stream != StreamOf(o.Resource) {
		return "", Object{}, fmt.Errorf("%q is not an object's subject: wrong stream", subject)
	}
	return stream, o, nil
}

// Match says whether a subject matches a NATS filter: * is one token, a last > is
// one or more.
func Match(filter, subject string) bool {
	for {
		f, frest, fmore := strings.Cut(filter, ".")
		if f == ">" && !fmore {
			return subject != ""
		}
		s, srest, smore := strings.Cut(subject, ".")
		if f != "*" && f != s || fmore != smore {
			return false
		}
		if !fmore {
			return true
		}
		filter, subject = frest, srest
	}
}
