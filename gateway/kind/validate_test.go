package kind_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"taffrail.dev/gateway/kind"
)

var update = flag.Bool("update", false, "rewrite the expectations in testdata")

// TestValidate reads testdata/validate/<resource>.txt: cases of "# title", an object in YAML
// (an update's old and new one apart by "--- to"), and after "--- says" what is wrong with it.
func TestValidate(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/validate/*.txt")
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
			var out strings.Builder
			for c := range strings.SplitSeq(strings.TrimPrefix(string(text), "# "), "\n# ") {
				input, _, _ := strings.Cut(c, "--- says")
				fmt.Fprintf(&out, "# %s--- says\n%s\n", input, verdict(t, k, input))
			}
			got := strings.TrimRight(out.String(), "\n") + "\n"
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(text) {
				t.Errorf("%s: got\n%s", file, got)
			}
		})
	}
}

func verdict(t *testing.T, k *kind.Kind, input string) string {
	t.Helper()
	title, body, _ := strings.Cut(input, "\n")
	first, second, isUpdate := strings.Cut(body, "--- to\n")
	decode := func(text string) kind.Object {
		obj := k.New()
		if err := yaml.UnmarshalStrict([]byte(text), obj); err != nil {
			t.Fatalf("%s: %v", title, err)
		}
		if k.Default != nil {
			k.Default(obj)
		}
		return obj
	}
	obj := decode(first)
	var old kind.Object
	if k.Prepare != nil {
		k.Prepare(obj, nil)
	}
	if isUpdate {
		old, obj = obj, decode(second)
		if k.Prepare != nil {
			k.Prepare(obj, old)
		}
	}
	errs := k.Validate(obj, old)
	if len(errs) == 0 {
		return "valid\n"
	}
	lines := make([]string, len(errs))
	for i, e := range errs {
		lines[i], _, _ = strings.Cut(e.Error(), "\n")
	}
	slices.Sort(lines) // maps are checked in any order
	return strings.Join(lines, "\n") + "\n"
}
