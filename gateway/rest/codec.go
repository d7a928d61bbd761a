package rest

import (
	"bytes"
	"errors"
	"fmt"
	"mime"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	"taffrail.dev/gateway/kind"
)

// mediaOf is the media type of a body; false for one that is not understood.
func mediaOf(contentType string) (media, bool) {
	switch contentType {
	case contentProtobuf:
		return mediaProtobuf, true
	case contentJSON, "":
		return mediaJSON, true
	}
	kind, _, err := mime.ParseMediaType(contentType)
	switch {
	case err != nil:
		return 0, false
	case kind == contentJSON:
		return mediaJSON, true
	case kind == contentYAML, kind == "application/x-yaml", kind == "application/apply-patch+yaml":
		return mediaYAML, true
	case kind == contentProtobuf:
		return mediaProtobuf, true
	}
	return 0, false
}

// decode reads the body as an object of gvk into obj, defaults aside.
func (c *Call) decode(obj kind.Object, gvk schema.GroupVersionKind) error {
	m, ok := mediaOf(c.ContentType)
	if !ok {
		return unsupportedMedia(c.ContentType)
	}
	if m == mediaProtobuf && c.textual() {
		return unsupportedMedia(c.ContentType, contentJSON, contentYAML)
	}
	var actual schema.GroupVersionKind
	var err error
	if m == mediaProtobuf {
		actual, err = decodeProto(c.Body, obj)
	} else {
		actual, err = c.decodeText(m, obj, gvk)
	}
	switch {
	case apierrors.ReasonForError(err) != metav1.StatusReasonUnknown:
		return err
	case err != nil && (actual.Kind == "" || m == mediaProtobuf):
		return apierrors.NewBadRequest(fmt.Sprintf("the object provided is unrecognized (must be of type %s): %v", gvk.Kind, err))
	case err != nil:
		return apierrors.NewBadRequest(fmt.Sprintf("%s in version %q cannot be handled as a %s: %v", actual.Kind, actual.Version, gvk.Kind, err))
	case actual.Kind != "" && actual != gvk:
		return apierrors.NewBadRequest(mismatch(actual, gvk))
	}
	obj.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
	return nil
}

func mismatch(actual, want schema.GroupVersionKind) string {
	if actual.Kind == want.Kind {
		return fmt.Sprintf("the API version in the data (%s) does not match the expected API version (%s)",
			actual.GroupVersion(), want.GroupVersion())
	}
	return fmt.Sprintf("%s in version %q cannot be handled as a %s: converting (%s) to (%s): unknown conversion",
		actual.Kind, actual.Version, want.Kind, actual, want)
}

// decodeProto reads an object with or without the magic.
func decodeProto(body []byte, obj kind.Object) (schema.GroupVersionKind, error) {
	if !bytes.HasPrefix(body, []byte(magic)) {
		return schema.GroupVersionKind{}, obj.Unmarshal(body)
	}
	var unknown runtime.Unknown
	if err := unknown.Unmarshal(body[len(magic):]); err != nil {
		return schema.GroupVersionKind{}, err
	}
	return unknown.GroupVersionKind(), obj.Unmarshal(unknown.Raw)
}

func (c *Call) decodeText(m media, obj kind.Object, gvk schema.GroupVersionKind) (actual schema.GroupVersionKind, err error) {
	body, strict := c.Body, []error(nil)
	if m == mediaYAML {
		if body, strict, err = yamlToJSON(c.Body); err != nil {
			return actual, err
		}
	}
	actual, err = textKind(body)
	if err != nil {
		return actual, err
	}
	if actual.Kind == "" { // what the path says
		actual.Kind = gvk.Kind
	}
	if actual.Version == "" {
		actual.Group, actual.Version = gvk.Group, gvk.Version
	}
	if actual != gvk {
		return actual, nil
	}
	return actual, c.unmarshal(body, obj, strict)
}

// textKind reads only kind and apiVersion.
func textKind(body []byte) (gvk schema.GroupVersionKind, err error) {
	var types metav1.TypeMeta
	if err := kjson.UnmarshalCaseSensitivePreserveInts(body, &types); err != nil {
		return gvk, fmt.Errorf("couldn't get version/kind; json parse error: %w", err)
	}
	gv, err := schema.ParseGroupVersion(types.APIVersion)
	return gv.WithKind(types.Kind), err
}

// unmarshal reads JSON into obj and treats what is unknown or doubled as the field
// validation says.
func (c *Call) unmarshal(body []byte, obj any, strict []error) error {
	if custom, ok := obj.(*kind.Custom); ok {
		return c.unmarshalCustom(body, custom, strict)
	}
	if c.FieldValidation == metav1.FieldValidationIgnore {
		return kjson.UnmarshalCaseSensitivePreserveInts(body, obj)
	}
	more, err := kjson.UnmarshalStrict(body, obj)
	if err != nil {
		return err
	}
	return c.strictly(append(strict, more...))
}

// unmarshalCustom reads an object of a text kind and makes it what the kind knows.
func (c *Call) unmarshalCustom(body []byte, obj *kind.Custom, strict []error) error {
	lax := c.FieldValidation == metav1.FieldValidationIgnore
	obj.Object = nil
	if lax {
		if err := kjson.UnmarshalCaseSensitivePreserveInts(body, &obj.Object); err != nil {
			return err
		}
	} else {
		more, err := kjson.UnmarshalStrict(body, &obj.Object)
		if err != nil {
			return err
		}
		strict = append(strict, more...)
	}
	if obj.Object == nil {
		return errors.New("not an object")
	}
	if obj.GetKind() == "" || obj.GetAPIVersion() == "" {
		obj.SetGroupVersionKind(c.served.gvk)
	}
	unknown, err := c.served.Text.Coerce(obj, !lax)
	if err != nil || lax {
		return err
	}
	for _, path := range unknown {
		strict = append(strict, fmt.Errorf("unknown field %q", path))
	}
	return c.strictly(strict)
}

// strictly treats faults of a body as the field validation says.
func (c *Call) strictly(strict []error) error {
	if len(strict) == 0 {
		return nil
	}
	if c.FieldValidation == metav1.FieldValidationStrict {
		return runtime.NewStrictDecodingError(strict)
	}
	for _, err := range strict {
		c.warn(err.Error())
	}
	return nil
}

func (c *Call) warn(text string) {
	if c.Warn != nil {
		c.Warn(text)
	}
}

func yamlToJSON(body []byte) (out []byte, strict []error, err error) {
	out, err = yaml.YAMLToJSONStrict(body)
	if err == nil {
		return out, nil, nil
	}
	if lenient, again := yaml.YAMLToJSON(body); again == nil {
		return lenient, []error{err}, nil
	}
	return nil, nil, err
}

func clip(body []byte) string {
	const most = 512
	if len(body) > most {
		return string(body[:most]) + "..."
	}
	return string(body)
}

// unwrapped is the message behind the magic, if there is one.
func unwrapped(body []byte) ([]byte, error) {
	if !bytes.HasPrefix(body, []byte(magic)) {
		return body, nil
	}
	var unknown runtime.Unknown
	err := unknown.Unmarshal(body[len(magic):])
	return unknown.Raw, err
}

// prefixOfUserAgent is the field manager of a client that names none: "kubectl" of
// "kubectl/v1.36.0 (linux/amd64)".
func prefixOfUserAgent(agent string) string {
	const most = 128
	prefix, _, _ := strings.Cut(agent, "/")
	clean := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, prefix)
	if len(clean) > most {
		clean = strings.ToValidUTF8(clean[:most], "")
	}
	if clean == "" {
		return "unknown"
	}
	return clean
}
