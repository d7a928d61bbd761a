package server

import (
	"net/url"
	"testing"
)

// Log options are refused, or within their bounds.
func FuzzLogOptions(f *testing.F) {
	f.Add("tailLines=10&limitBytes=1&sinceSeconds=5&timestamps=true&stream=Stdout")
	f.Add("sinceTime=2026-03-01T12:00:00Z&follow=yes")
	f.Fuzz(func(t *testing.T, text string) {
		q, err := url.ParseQuery(text)
		if err != nil {
			return
		}
		if o, err := parseLogOptions(q, noon); err == nil && (o.tail < -1 || o.limit < -1) {
			t.Errorf("%q: %+v", text, o)
		}
	})
}
