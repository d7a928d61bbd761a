package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"google.golang.org/protobuf/types/known/structpb"
	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	celmutation "k8s.io/apiserver/pkg/cel/mutation"
	"k8s.io/apiserver/pkg/cel/mutation/dynamic"

	"taffrail.dev/gateway/admission/matching"
)

// patched is the object with the JSON patch that an expression is, nil if a test of the patch
// does not hold.
func patched(a *matching.Asked, value ref.Val) (text []byte, paths []string, err error) {
	list, ok := value.(traits.Lister)
	if !ok {
		return nil, nil, errors.New("type mismatch: JSONPatchType.expression should evaluate to array")
	}
	var patch jsonpatch.Patch
	for each := list.Iterator(); each.HasNext() == types.True; {
		operation, err := operationOf(each.Next())
		if err != nil {
			return nil, nil, err
		}
		patch = append(patch, operation)
	}
	if text, err = a.ObjectText(); err != nil {
		return nil, nil, err
	}
	text, err = matching.Patched(text, patch)
	switch {
	case errors.Is(err, jsonpatch.ErrTestFailed):
		return nil, nil, nil
	case err != nil:
		return nil, nil, fmt.Errorf("JSON Patch: %w", err)
	}
	return text, matching.Paths(patch), nil
}

func operationOf(value ref.Val) (jsonpatch.Operation, error) {
	native, err := value.ConvertToNative(reflect.TypeFor[*celmutation.JSONPatchVal]())
	if err != nil {
		return nil, fmt.Errorf("type mismatch: JSONPatchType.expression should evaluate to array of JSONPatch: %w", err)
	}
	p := native.(*celmutation.JSONPatchVal)
	operation := jsonpatch.Operation{}
	for name, text := range map[string]string{"op": p.Op, "path": p.Path, "from": p.From} {
		if name == "from" && text == "" {
			continue
		}
		raw, err := json.Marshal(text)
		if err != nil {
			return nil, err
		}
		operation[name] = (*json.RawMessage)(&raw)
	}
	if p.Val == nil {
		return operation, nil
	}
	if object, ok := p.Val.(*dynamic.ObjectVal); ok {
		if err := object.CheckTypeNamesMatchFieldPathNames(); err != nil {
			return nil, fmt.Errorf("type mismatch: %w", err)
		}
	}
	plain, err := p.Val.ConvertToNative(reflect.TypeFor[*structpb.Value]())
	if err != nil {
		return nil, fmt.Errorf("JSONPath valueExpression evaluated to a type that could not marshal to JSON: %w", err)
	}
	raw, err := json.Marshal(plain)
	if err != nil {
		return nil, fmt.Errorf("JSONPath valueExpression evaluated to a type that could not marshal to JSON: %w", err)
	}
	operation["value"] = (*json.RawMessage)(&raw)
	return operation, nil
}
