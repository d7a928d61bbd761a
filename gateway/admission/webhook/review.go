package webhook

import (
	"encoding/json"
	"errors"
	"fmt"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"taffrail.dev/gateway/admission/matching"
)

const group = "admission.k8s.io/"

// encode is an AdmissionReview that asks about a write.
func encode(a *matching.Asked, version string, uid types.UID) (body []byte, err error) {
	request := a.Review()
	request.UID = uid
	if request.Object.Raw, err = a.ObjectText(); err != nil {
		return nil, err
	}
	if request.OldObject.Raw, err = a.OldText(); err != nil {
		return nil, err
	}
	return json.Marshal(&admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{Kind: "AdmissionReview", APIVersion: group + version}, Request: request,
	})
}

// decode is the answer in an AdmissionReview, checked.
func decode(body []byte, version string, uid types.UID, mutating bool) (*admissionv1.AdmissionResponse, error) {
	var review admissionv1.AdmissionReview
	if err := json.Unmarshal(body, &review); err != nil {
		return nil, err
	}
	r := review.Response
	if r == nil {
		return nil, errors.New("webhook response was absent")
	}
	if version != "v1" {
		// Of v1beta1 neither uid nor type was ever checked, and a patch has one type.
		r.PatchType = nil
		if mutating && len(r.Patch) > 0 {
			json := admissionv1.PatchTypeJSONPatch
			r.PatchType = &json
		} else {
			r.Patch = nil
		}
		return r, nil
	}
	if r.UID != uid {
		return nil, fmt.Errorf("expected response.uid=%q, got %q", uid, r.UID)
	}
	want := admissionv1.SchemeGroupVersion.WithKind("AdmissionReview")
	if got := review.GroupVersionKind(); got != want {
		return nil, fmt.Errorf("expected webhook response of %v, got %v", want, got)
	}
	return r, checkPatch(r, mutating)
}

func checkPatch(r *admissionv1.AdmissionResponse, mutating bool) error {
	switch {
	case !mutating && len(r.Patch) > 0:
		return errors.New("validating webhook may not return response.patch")
	case !mutating && r.PatchType != nil:
		return errors.New("validating webhook may not return response.patchType")
	case len(r.Patch) > 0 && r.PatchType == nil:
		return errors.New("webhook returned response.patch but not response.patchType")
	case len(r.Patch) == 0 && r.PatchType != nil:
		return errors.New("webhook returned response.patchType but not response.patch")
	case r.PatchType != nil && *r.PatchType == "":
		return fmt.Errorf("webhook returned invalid response.patchType of %q", *r.PatchType)
	}
	return nil
}
