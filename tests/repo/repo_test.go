package repo

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"
)

var rules = []Rule{
	importsOneWay, servicesApart, forbiddenImports, serviceShape, topLevelOnly, packagesDocumented,
	subjectsInOnePlace, exitsInMain, nothingSleeps, pureCores, nothingUnfinished, readmeCommands, oneVersion, small,
}

func TestTheHouseIsInOrder(t *testing.T) {
	t.Parallel()
	tree, err := Load(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rules {
		for _, finding := range r.Check(tree) {
			t.Errorf("%s: %s (%s)", r.Name, finding, r.Why)
		}
	}
}

// A rule that finds nothing in its fixture is no rule.
func TestEveryRuleCatchesItsFixture(t *testing.T) {
	t.Parallel()
	for _, r := range rules {
		tree, err := Load(fixture(t, r.Name))
		if err != nil {
			t.Fatal(err)
		}
		if found := r.Check(tree); len(found) == 0 {
			t.Errorf("%s finds nothing in its fixture", r.Name)
		}
	}
}

func fixture(t *testing.T, name string) fs.FS {
	t.Helper()
	archive, err := txtar.ParseFile(filepath.Join("testdata", name+".txtar"))
	if err != nil {
		t.Fatal(err)
	}
	out := fstest.MapFS{}
	for _, f := range archive.Files {
		out[f.Name] = &fstest.MapFile{Data: f.Data}
	}
	return out
}
