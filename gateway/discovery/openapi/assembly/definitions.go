package assembly

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/json"
	"io"
	"sync"

	"k8s.io/kube-openapi/pkg/common"
	"k8s.io/kube-openapi/pkg/validation/spec"
)

//go:embed zz_definitions.json.gz
var packed []byte

var unpack = sync.OnceValues(func() ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
})

const (
	refsV2 = "#/definitions/"
	refsV3 = "#/components/schemas/"
)

// definitions are all types' schemas by model name, with references below refs.
func definitions(refs string) (map[string]common.OpenAPIDefinition, error) {
	body, err := unpack()
	if err != nil {
		return nil, err
	}
	if refs != refsV2 {
		body = bytes.ReplaceAll(body, []byte(refsV2), []byte(refs))
	}
	all := map[string]common.OpenAPIDefinition{}
	if err := json.Unmarshal(body, &all); err != nil {
		return nil, err
	}
	for _, d := range all {
		if err := restoreV2(&d.Schema); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// restoreV2 gives the schema that v2 has instead its type back, which JSON lost.
func restoreV2(s *spec.Schema) error {
	plain, ok := s.Extensions[common.ExtensionV2Schema]
	if !ok {
		return nil
	}
	body, err := json.Marshal(plain)
	if err != nil {
		return err
	}
	var other spec.Schema
	if err := json.Unmarshal(body, &other); err != nil {
		return err
	}
	s.Extensions[common.ExtensionV2Schema] = other
	return nil
}
