package datadir

import (
	"os"
	"strings"
	"testing"
)

func TestOneInstanceADirectory(t *testing.T) {
	t.Parallel()
	dir := Dir(t.TempDir())
	first, err := Acquire(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := Running(dir); got != os.Getpid() {
		t.Errorf("Running = %d, want this process %d", got, os.Getpid())
	}
	_, err = Acquire(dir)
	if err == nil || !strings.Contains(err.Error(), "already running") {
		t.Errorf("second Acquire: %v, want an error that names the first", err)
	}
	first.Release()
	if got := Running(dir); got != 0 {
		t.Errorf("Running after Release = %d, want 0", got)
	}
	again, err := Acquire(dir)
	if err != nil {
		t.Fatalf("Acquire after Release: %v", err)
	}
	again.Release()
}

func TestAnotherVersionIsRefused(t *testing.T) {
	t.Parallel()
	dir := Dir(t.TempDir())
	if err := os.WriteFile(dir.Path("version"), []byte("7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Acquire(dir)
	if err == nil || !strings.Contains(err.Error(), `version "7"`) {
		t.Errorf("Acquire: %v, want an error that names both versions", err)
	}
}

func TestAStalePIDFileIsNobody(t *testing.T) {
	t.Parallel()
	dir := Dir(t.TempDir())
	if err := os.WriteFile(dir.PIDFile(), []byte("1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := Running(dir); got != 0 {
		t.Errorf("Running = %d, want 0: nobody holds the lock", got)
	}
}
