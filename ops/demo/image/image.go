// Package image assembles container images of static binaries, without a builder:
// one layer, one configuration.
package image

import (
	"archive/tar"
	"bytes"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Spec is an image's content.
type Spec struct {
	// Files are executables by path, without the leading slash; Links are symbolic
	// links, from path to target.
	Files map[string][]byte
	Links map[string]string
	// Config is what a container of it runs as.
	Config v1.Config
}

// Assemble makes the image.
func Assemble(s Spec) (v1.Image, error) {
	text, err := s.layer()
	if err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil })
	if err != nil {
		return nil, err
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Config = "linux", runtime.GOARCH, s.Config
	return mutate.ConfigFile(image, config)
}

func (s Spec) layer() ([]byte, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, folder := range s.folders() {
		if err := w.WriteHeader(&tar.Header{Name: folder + "/", Mode: 0o755, Typeflag: tar.TypeDir}); err != nil {
			return nil, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Files)) {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(s.Files[name])), Typeflag: tar.TypeReg}); err != nil {
			return nil, err
		}
		if _, err := w.Write(s.Files[name]); err != nil {
			return nil, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Links)) {
		if err := w.WriteHeader(&tar.Header{Name: name, Linkname: s.Links[name], Typeflag: tar.TypeSymlink}); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), w.Close()
}

// folders are all parents of files and links, and /tmp, parents first.
func (s Spec) folders() []string {
	found := map[string]bool{"tmp": true}
	for _, names := range []([]string){slices.Collect(maps.Keys(s.Files)), slices.Collect(maps.Keys(s.Links))} {
		for _, name := range names {
			parts := strings.Split(name, "/")
			for i := 1; i < len(parts); i++ {
				found[strings.Join(parts[:i], "/")] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}
