package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/mergepatch"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"taffrail.dev/gateway/kind"
	"taffrail.dev/gateway/view"
)

// maxPatchOperations is Kubernetes' bound for a JSON patch.
const maxPatchOperations = 10000

// patch changes an object, or by a subresource a part of it.
func (s *Server) patch(ctx context.Context, c *Call) (*Reply, error) {
	how, _, err := mime.ParseMediaType(c.ContentType)
	if err != nil {
		how = c.ContentType
	}
	var apply func(text []byte) ([]byte, error)
	var named map[string]bool
	switch types.PatchType(how) {
	case types.ApplyYAMLPatchType:
		return s.apply(ctx, c)
	case types.JSONPatchType:
		apply = c.jsonPatch
	case types.MergePatchType:
		apply, named = c.mergePatch, namedBy(c.Body)
	case types.StrategicMergePatchType:
		if c.textual() {
			return nil, unsupportedMedia(how, string(types.JSONPatchType), string(types.MergePatchType), string(types.ApplyYAMLPatchType))
		}
		apply, named = c.strategicPatch, namedBy(c.Body)
	default:
		return nil, unsupportedMedia(how, string(types.JSONPatchType), string(types.MergePatchType),
			string(types.StrategicMergePatchType), string(types.ApplyYAMLPatchType))
	}
	return s.replace(ctx, c, c.Expect, func(_ *view.Entry, base kind.Object) (kind.Object, error) {
		return c.patched(base, named, apply)
	}, func(obj, old kind.Object) { c.owner().Updated(old, obj, c.manager()) })
}

// patched applies a patch to an object, or to what a subresource shows of it. named is what
// the patch may touch, nil for all.
func (c *Call) patched(base kind.Object, named map[string]bool, apply func([]byte) ([]byte, error)) (kind.Object, error) {
	source, gvk := base, c.bodyKind()
	if c.sub != nil && c.sub.Write != nil {
		source = c.sub.Read(base)
	}
	source, widen := narrow(source, named)
	source.GetObjectKind().SetGroupVersionKind(gvk)
	text, err := textOf(source)
	if err != nil {
		return nil, err
	}
	source.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
	if text, err = apply(text); err != nil {
		return nil, err
	}
	actual, err := textKind(text)
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	if actual != gvk {
		return nil, apierrors.NewBadRequest(mismatch(actual, gvk))
	}
	out := c.served.New()
	if c.sub != nil && c.sub.New != nil {
		out = c.sub.New()
	}
	if err := c.unmarshal(text, out, nil); err != nil {
		return nil, c.unpatchable(err)
	}
	out.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
	widen(out)
	if c.sub != nil && c.sub.Write != nil {
		return base, c.sub.Write(base, out)
	}
	return out, nil
}

// unpatchable is the answer to a patch whose result is no such object.
func (c *Call) unpatchable(err error) error {
	return apierrors.NewInvalid(c.bodyKind().GroupKind(), c.Name, field.ErrorList{
		field.Invalid(field.NewPath("patch"), clip(c.Body), err.Error()),
	})
}

func (c *Call) jsonPatch(text []byte) ([]byte, error) {
	patch, err := jsonpatch.DecodePatch(c.Body)
	if err != nil {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("error decoding patch: %v", err))
	}
	if len(patch) > maxPatchOperations {
		return nil, apierrors.NewRequestEntityTooLargeError(fmt.Sprintf("The allowed maximum operations in a JSON patch is %d, got %d", maxPatchOperations, len(patch)))
	}
	out, err := applyOperations(patch, text)
	if err != nil {
		failure := apierrors.NewGenericServerResponse(http.StatusUnprocessableEntity, "", schema.GroupResource{}, "", err.Error(), 0, false)
		failure.ErrStatus.Message = "the server rejected our request due to an error in our request: " + err.Error()
		return nil, failure
	}
	return out, nil
}

// applyOperations turns the library's panics at operations that lack a value into errors.
func applyOperations(patch jsonpatch.Patch, text []byte) (out []byte, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = errors.New("an operation lacks what it needs")
		}
	}()
	return patch.Apply(text)
}

func (c *Call) mergePatch(text []byte) ([]byte, error) {
	if !json.Valid(c.Body) {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("error decoding patch: invalid JSON in '%s'", clip(c.Body)))
	}
	out, err := jsonpatch.MergePatch(text, c.Body)
	if err != nil {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("error applying patch: %v", err))
	}
	return out, nil
}

func (c *Call) strategicPatch(text []byte) ([]byte, error) {
	var like any = c.served.New()
	if c.sub != nil && c.sub.New != nil {
		like = c.sub.New()
	}
	out, err := strategicpatch.StrategicMergePatch(text, c.Body, like)
	switch {
	case err == nil:
		return out, nil
	case errors.Is(err, mergepatch.ErrBadJSONDoc):
		return nil, apierrors.NewBadRequest(fmt.Sprintf("error decoding patch: %v", err))
	}
	return nil, c.unpatchable(err)
}

// apply merges a configuration and takes over the fields it names (server-side apply).
func (s *Server) apply(ctx context.Context, c *Call) (*Reply, error) {
	if c.FieldManager == "" {
		return nil, apierrors.NewBadRequest("PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch")
	}
	applied, err := c.configuration()
	if err != nil {
		return nil, err
	}
	if c.sub != nil && c.sub.Write != nil {
		return s.applyShown(ctx, c, applied)
	}
	for range attempts {
		reply, err := s.replace(ctx, c, c.Expect, func(_ *view.Entry, base kind.Object) (kind.Object, error) {
			return c.merged(base, applied)
		}, nil)
		if !apierrors.IsNotFound(err) || c.sub != nil || c.ExpectUID != "" {
			return reply, err
		}
		obj, err := c.merged(c.served.New(), applied)
		if err != nil {
			return nil, err
		}
		if err := c.sameObject(obj, nil); err != nil {
			return nil, err
		}
		s.born(c, obj)
		if reply, err = s.createDecided(ctx, c, obj); !apierrors.IsAlreadyExists(err) {
			return reply, err
		}
	}
	return nil, apierrors.NewServerTimeout(c.served.gr, "apply", 1)
}

// configuration is the body of an apply.
func (c *Call) configuration() (*unstructured.Unstructured, error) {
	text, strict, err := yamlToJSON(c.Body)
	if err != nil {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("error decoding YAML: %v", err))
	}
	applied := &unstructured.Unstructured{}
	if err := c.unmarshal(text, &applied.Object, strict); err != nil {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("error decoding YAML: %v", err))
	}
	if applied.GetName() == "" && applied.Object != nil {
		applied.SetName(c.Name)
	}
	if c.FieldValidation != metav1.FieldValidationIgnore && applied.GroupVersionKind() == c.bodyKind() {
		like := c.served.New()
		if c.sub != nil && c.sub.New != nil {
			like = c.sub.New()
		}
		if err := c.unmarshal(text, like, nil); err != nil {
			return nil, apierrors.NewBadRequest(fmt.Sprintf("%s in version %q cannot be handled as a %s: %v", c.served.gvk.Kind, c.served.gvk.Version, c.served.gvk.Kind, err))
		}
	}
	if got := applied.GroupVersionKind(); got.Kind != c.bodyKind().Kind {
		return nil, apierrors.NewBadRequest(mismatch(got, c.bodyKind()))
	}
	return applied, nil
}

func (c *Call) merged(base kind.Object, applied *unstructured.Unstructured) (kind.Object, error) {
	version := base.GetResourceVersion()
	if asked := applied.GetResourceVersion(); asked != "" && asked != version {
		return nil, errModified(c.served.gr, c.Name)
	}
	obj, err := c.owner().Apply(base, applied.DeepCopy(), c.FieldManager, c.Force)
	if err != nil {
		if _, ok := err.(apierrors.APIStatus); ok {
			return nil, err
		}
		return nil, apierrors.NewInternalError(err)
	}
	return obj, nil
}

// applyShown applies to a subresource with a kind of its own: the fields it names are written
// as by an update of the same manager.
func (s *Server) applyShown(ctx context.Context, c *Call, applied *unstructured.Unstructured) (*Reply, error) {
	text, err := applied.MarshalJSON()
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	return s.replace(ctx, c, c.Expect, func(_ *view.Entry, base kind.Object) (kind.Object, error) {
		return c.patched(base, nil, func(current []byte) ([]byte, error) { return jsonpatch.MergePatch(current, text) })
	}, func(obj, old kind.Object) { c.owner().Updated(old, obj, c.manager()) })
}
