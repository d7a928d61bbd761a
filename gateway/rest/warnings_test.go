package rest

import (
	"net/http/httptest"
	"strings"
	"testing"
)

func TestWarningsAreBounded(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	q := &request{w: w}
	long := strings.Repeat("x", 3000)
	for _, text := range []string{"a", "a", "line\nbreak", long, long + "y", strings.Repeat("é", 3000)} {
		q.addWarning(text)
	}
	got := w.Header()["Warning"]
	if len(got) != 5 || got[0] != `299 - "a"` || got[1] != `299 - "line\nbreak"` || got[2] != `299 - "`+long+`"` || len(got[3]) > 300 || got[4] != `299 - "`+strings.Repeat("é", 128)+`"` {
		t.Errorf("%d headers: %.300q", len(got), got)
	}
	for range 100 {
		q.addWarning(strings.Repeat("z", 200) + string(rune('a'+len(w.Header()["Warning"])%26)))
	}
	if q.warnings.size > maxWarned {
		t.Errorf("%d bytes", q.warnings.size)
	}
}
