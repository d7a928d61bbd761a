package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// packages have the types that a kind may be of.
var packages = []string{
	"k8s.io/apimachinery/pkg/apis/meta/v1", "k8s.io/apimachinery/pkg/runtime", "k8s.io/apimachinery/pkg/version",
	"k8s.io/apimachinery/pkg/api/resource", "k8s.io/apimachinery/pkg/util/intstr",
	"k8s.io/api/admissionregistration/v1", "k8s.io/api/apps/v1", "k8s.io/api/authentication/v1", "k8s.io/api/authorization/v1",
	"k8s.io/api/autoscaling/v1", "k8s.io/api/autoscaling/v2", "k8s.io/api/batch/v1", "k8s.io/api/certificates/v1", "k8s.io/api/coordination/v1",
	"k8s.io/api/core/v1", "k8s.io/api/discovery/v1", "k8s.io/api/events/v1", "k8s.io/api/flowcontrol/v1", "k8s.io/api/networking/v1",
	"k8s.io/api/node/v1", "k8s.io/api/policy/v1", "k8s.io/api/rbac/v1", "k8s.io/api/resource/v1", "k8s.io/api/scheduling/v1", "k8s.io/api/scheduling/v1alpha3",
	"k8s.io/api/storage/v1",
}

const dump = `package main

import (
	"encoding/json"
	"os"

	"k8s.io/kube-openapi/pkg/validation/spec"
)

func main() {
	all := GetOpenAPIDefinitions(func(name string) spec.Ref { return spec.MustCreateRef("#/definitions/" + name) })
	if err := json.NewEncoder(os.Stdout).Encode(all); err != nil {
		panic(err)
	}
}
`

// definitions has the types described as Go code, and runs that to get them as data.
func definitions(file string) error {
	dir, err := os.MkdirTemp(".", "zz_describe")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	header := filepath.Join(dir, "header.txt")
	if err := os.WriteFile(header, nil, 0o600); err != nil {
		return err
	}
	arguments := append([]string{
		"tool", "openapi-gen", "--output-dir", dir, "--output-pkg", "main", "--output-file", "zz_definitions.go",
		"--go-header-file", header, "--report-filename", filepath.Join(dir, "report.txt"),
	}, packages...)
	if err := run(exec.Command("go", arguments...)); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(dump), 0o600); err != nil {
		return err
	}
	var out bytes.Buffer
	program := exec.Command("go", "run", "./"+dir)
	program.Stdout = &out
	if err := run(program); err != nil {
		return err
	}
	packed, err := pack(out.Bytes())
	if err != nil {
		return err
	}
	return os.WriteFile(file, packed, 0o644)
}

func run(c *exec.Cmd) error {
	c.Stderr = os.Stderr
	if err := c.Run(); err != nil {
		return fmt.Errorf("%s: %w", c, err)
	}
	return nil
}

// pack compresses; equal bytes pack equally.
func pack(body []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(body); err != nil {
		return nil, err
	}
	err = w.Close()
	return out.Bytes(), err
}
