package kind_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"
)

// TestTable reads testdata/table/<resource>.txt: objects in YAML, and after "--- shows" the
// rows of kubectl get -o wide for them, at a quarter past midnight of 1 January 2030.
func TestTable(t *testing.T) {
	t.Parallel()
	now := time.Date(2030, 1, 1, 0, 15, 0, 0, time.UTC)
	files, err := filepath.Glob("testdata/table/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			k := kindOf(t, strings.TrimSuffix(filepath.Base(file), ".txt"))
			objects, _, _ := strings.Cut(string(text), "--- shows\n")
			columns := k.Table()
			var rows strings.Builder
			for i, c := range columns {
				fmt.Fprintf(&rows, "%s%s", separator(i), strings.ToUpper(c.Name))
			}
			for _, o := range strings.Split(objects, "---\n") {
				obj := k.New()
				if err := yaml.UnmarshalStrict([]byte(o), obj); err != nil {
					t.Fatalf("%s: %v", o, err)
				}
				rows.WriteByte('\n')
				for i, c := range columns {
					fmt.Fprintf(&rows, "%s%v", separator(i), c.Value(obj, now))
				}
			}
			got := objects + "--- shows\n" + rows.String() + "\n"
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != string(text) {
				t.Errorf("%s: got\n%s", file, got)
			}
		})
	}
}

func separator(i int) string {
	if i == 0 {
		return ""
	}
	return " | "
}
