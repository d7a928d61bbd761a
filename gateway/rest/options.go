package rest

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"
)

func jitter(most time.Duration) time.Duration { return rand.N(most) }

// listOptions are the query's.
func (q *request) listOptions() (*metav1.ListOptions, error) {
	o := &metav1.ListOptions{}
	if q.query == nil {
		return o, nil
	}
	get := q.query.Get
	o.LabelSelector, o.FieldSelector = get("labelSelector"), get("fieldSelector")
	o.ResourceVersion = get("resourceVersion")
	o.ResourceVersionMatch = metav1.ResourceVersionMatch(get("resourceVersionMatch"))
	o.Continue = get("continue")
	o.AllowWatchBookmarks, _ = strconv.ParseBool(get("allowWatchBookmarks"))
	if text := get("sendInitialEvents"); text != "" {
		on, err := strconv.ParseBool(text)
		if err != nil {
			return nil, apierrors.NewBadRequest("sendInitialEvents: " + err.Error())
		}
		o.SendInitialEvents = &on
	}
	if text := get("limit"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			return nil, apierrors.NewBadRequest(fmt.Sprintf("limit: Invalid value: %q", text))
		}
		o.Limit = n
	}
	if text := get("timeoutSeconds"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, apierrors.NewBadRequest(fmt.Sprintf("timeoutSeconds: Invalid value: %q", text))
		}
		o.TimeoutSeconds = &n
	}
	switch o.ResourceVersionMatch {
	case "", metav1.ResourceVersionMatchExact, metav1.ResourceVersionMatchNotOlderThan:
	default:
		return nil, apierrors.NewBadRequest(fmt.Sprintf("resourceVersionMatch: Unsupported value: %q: supported values: \"Exact\", \"NotOlderThan\"", o.ResourceVersionMatch))
	}
	return o, nil
}

// writeOptions reads the query of a write, and the body of a delete.
func (q *request) writeOptions() error {
	get := q.query.Get
	q.FieldManager, q.FieldValidation = get("fieldManager"), get("fieldValidation")
	q.Force, _ = strconv.ParseBool(get("force"))
	dryRun := q.query["dryRun"]
	var faults field.ErrorList
	switch q.Verb {
	case "create":
		o := &metav1.CreateOptions{DryRun: dryRun, FieldManager: q.FieldManager, FieldValidation: q.FieldValidation}
		q.Options, faults = o, metavalidation.ValidateCreateOptions(o)
	case "update":
		o := &metav1.UpdateOptions{DryRun: dryRun, FieldManager: q.FieldManager, FieldValidation: q.FieldValidation}
		q.Options, faults = o, metavalidation.ValidateUpdateOptions(o)
	case "patch":
		o := &metav1.PatchOptions{DryRun: dryRun, FieldManager: q.FieldManager, FieldValidation: q.FieldValidation}
		if q.Force {
			o.Force = &q.Force
		}
		q.Options, faults = o, metavalidation.ValidatePatchOptions(o, types.PatchType(q.ContentType))
	default:
		if err := q.deleteOptions(dryRun); err != nil {
			return err
		}
		q.Options, faults = &q.Delete, metavalidation.ValidateDeleteOptions(&q.Delete)
		dryRun = q.Delete.DryRun
	}
	if len(faults) > 0 {
		names := map[string]string{"create": "CreateOptions", "update": "UpdateOptions", "patch": "PatchOptions"}
		name := names[q.Verb]
		if name == "" {
			name = "DeleteOptions"
		}
		return apierrors.NewInvalid(schema.GroupKind{Group: metav1.GroupName, Kind: name}, "", faults)
	}
	q.DryRun = len(dryRun) > 0
	return nil
}

func (q *request) deleteOptions(dryRun []string) error {
	o := &q.Delete
	if len(q.Body) > 0 {
		if err := decodeOptions(q.Body, q.ContentType, o); err != nil {
			return apierrors.NewBadRequest(err.Error())
		}
		if o.Kind != "" && o.Kind != "DeleteOptions" {
			return apierrors.NewBadRequest(fmt.Sprintf("decoded object cannot be converted to DeleteOptions: it is a %s", o.Kind))
		}
	}
	if len(dryRun) > 0 {
		o.DryRun = dryRun
	}
	if text := q.query.Get("gracePeriodSeconds"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return apierrors.NewBadRequest(fmt.Sprintf("gracePeriodSeconds: Invalid value: %q", text))
		}
		o.GracePeriodSeconds = &n
	}
	if text := q.query.Get("propagationPolicy"); text != "" {
		policy := metav1.DeletionPropagation(text)
		o.PropagationPolicy = &policy
	}
	if text := q.query.Get("orphanDependents"); text != "" {
		on, err := strconv.ParseBool(text)
		if err != nil {
			return apierrors.NewBadRequest(fmt.Sprintf("orphanDependents: Invalid value: %q", text))
		}
		o.OrphanDependents = &on
	}
	return nil
}

func decodeOptions(body []byte, contentType string, o *metav1.DeleteOptions) error {
	m, ok := mediaOf(contentType)
	switch {
	case !ok:
		return unsupportedMedia(contentType)
	case m == mediaProtobuf:
		raw, err := unwrapped(body)
		if err != nil {
			return err
		}
		return o.Unmarshal(raw)
	}
	return yaml.Unmarshal(body, o)
}
