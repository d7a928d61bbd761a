package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	admissionv1 "k8s.io/api/admission/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"taffrail.dev/gateway/admission/matching"
)

const (
	// maxAnswer bounds an answer's body, maxComplaint the part of one that is no review and is quoted.
	maxAnswer    = 4 << 20
	maxComplaint = 2 << 10
)

// ask calls a webhook. The error is a *failure, or a Status where the write is refused whatever the failure policy.
func (h *Hooks) ask(ctx context.Context, k *hook, a *matching.Asked, mutating bool) (*admissionv1.AdmissionResponse, error) {
	if a.Request.DryRun && !k.harmless {
		return nil, noDryRun(k.name)
	}
	if k.version == "" {
		return nil, &failure{k.name, errors.New("could not create admission objects: webhook does not accept known AdmissionReview versions (v1, v1beta1)")}
	}
	uid := types.UID(uuid.NewString())
	body, err := encode(a, k.version, uid)
	if err != nil {
		return nil, &failure{k.name, fmt.Errorf("could not create admission objects: %w", err)}
	}
	client, err := h.clients.of(&k.target)
	if err != nil {
		return nil, &failure{k.name, fmt.Errorf("could not get REST client: %w", err)}
	}
	answer, err := post(ctx, client, k, body)
	if err != nil {
		return nil, &failure{k.name, fmt.Errorf("failed to call webhook: %w", err)}
	}
	r, err := decode(answer, k.version, uid, mutating)
	if err != nil {
		return nil, &failure{k.name, fmt.Errorf("received invalid webhook response: %w", err)}
	}
	return r, nil
}

// post sends a review and reads the answer.
func post(ctx context.Context, client *http.Client, k *hook, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, k.timeout)
	defer cancel()
	to := *k.target.url
	if deadline, ok := ctx.Deadline(); ok {
		left := time.Until(deadline)
		to.RawQuery = "timeout=" + strconv.Itoa(int((left+time.Second-1)/time.Second)) + "s"
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json, */*")
	request.Header.Set("User-Agent", "kube-apiserver-admission")
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, err
	case len(answer) > maxAnswer:
		return nil, fmt.Errorf("the answer is longer than %d bytes", maxAnswer)
	case response.StatusCode < http.StatusOK || response.StatusCode >= http.StatusMultipleChoices:
		return nil, complaint(response, answer)
	}
	return answer, nil
}

// complaint is an answer that is an HTTP error: its Status if it has one, else its text.
func complaint(response *http.Response, body []byte) error {
	var status metav1.Status
	if json.Unmarshal(body, &status) == nil && status.Kind == "Status" && status.Status == metav1.StatusFailure {
		return &apierrors.StatusError{ErrStatus: status}
	}
	text := "unknown"
	if strings.HasPrefix(response.Header.Get("Content-Type"), "text/") {
		text = strings.TrimSpace(string(body[:min(len(body), maxComplaint)]))
	}
	return apierrors.NewGenericServerResponse(response.StatusCode, http.MethodPost, schema.GroupResource{}, "", text, 0, true)
}
