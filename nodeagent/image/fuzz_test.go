package image_test

import (
	"testing"

	"taffrail.dev/nodeagent/image"
)

// A complete name is complete.
func FuzzNormalize(f *testing.F) {
	f.Add("nginx")
	f.Add("localhost:5000/a/b:c")
	f.Fuzz(func(t *testing.T, name string) {
		full, err := image.Normalize(name)
		if err != nil {
			return
		}
		if again, err := image.Normalize(full); err != nil || again != full {
			t.Errorf("%q: %q becomes %q, %v", name, full, again, err)
		}
	})
}

// A pull secret is refused or read.
func FuzzPullSecret(f *testing.F) {
	f.Add([]byte(`{"auths":{"https://registry.example/v1/":{"auth":"YTpi"}}}`))
	f.Add([]byte(`{"registry.example":{"username":"a","password":"b"}}`))
	f.Fuzz(func(_ *testing.T, text []byte) {
		_ = image.Keychain{}.AddDockerConfig(text, false)
		_ = image.Keychain{}.AddDockerConfig(text, true)
	})
}
