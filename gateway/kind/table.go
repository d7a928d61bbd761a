package kind

import (
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"
)

// Table is all of the kind's columns as kubectl shows them.
func (k *Kind) Table() []Column {
	name, age := -1, -1
	narrow := len(k.Columns)
	for i, c := range k.Columns {
		switch {
		case c.Name == "Name":
			name = i
		case c.Name == "Age", c.Name == "Last Seen", c.Name == "Created At":
			age = i
		case c.Priority > 0 && i < narrow:
			narrow = i
		}
	}
	columns := make([]Column, 0, len(k.Columns)+2)
	if name < 0 {
		columns = append(columns, nameColumn)
	}
	columns = append(columns, k.Columns[:narrow]...)
	if age < 0 && !k.Ageless {
		columns = append(columns, ageColumn)
	}
	return append(columns, k.Columns[narrow:]...)
}

var nameColumn = Column{
	Name: "Name", Type: "string", Format: "name",
	Description: "Name must be unique within a namespace. Is required when creating resources, although some resources may allow a client to request the generation of an appropriate name automatically.",
	Value:       func(obj Object, _ time.Time) any { return obj.GetName() },
}

var ageColumn = Column{
	Name: "Age", Type: "string", Description: "CreationTimestamp is the server time at which the object was created (RFC 3339, UTC).",
	Value: func(obj Object, now time.Time) any { return since(obj.GetCreationTimestamp(), now) },
}

// since is the time passed as kubectl shows it: "5m", "3d2h".
func since(t metav1.Time, now time.Time) string { return sinceTime(t.Time, now) }

func sinceTime(t, now time.Time) string {
	if t.IsZero() {
		return "<unknown>"
	}
	return duration.HumanDuration(now.Sub(t))
}

// orNone is kubectl's cell for a list or "<none>".
func orNone(items []string) string {
	if len(items) == 0 {
		return "<none>"
	}
	return strings.Join(items, ",")
}
