package crd

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
)

const (
	// webhookTimeout bounds a call, webhookAnswer its answer, webhookCalls the calls of one definition under
	// way, webhookObjects what is sent at once.
	webhookTimeout = 30 * time.Second
	webhookAnswer  = 64 << 20
	webhookCalls   = 16
	webhookObjects = 500
)

// webhook asks a server of the user's to convert.
type webhook struct {
	name   string
	config *apiextensionsv1.WebhookConversion
	cfg    *Config
	client func() (*http.Client, error)
	slots  chan struct{}
}

func newWebhook(name string, config *apiextensionsv1.WebhookConversion, cfg *Config) *webhook {
	w := &webhook{name: name, config: config, cfg: cfg, slots: make(chan struct{}, webhookCalls)}
	w.client = sync.OnceValues(w.newClient)
	return w
}

func (w *webhook) newClient() (*http.Client, error) {
	secure := &tls.Config{MinVersion: tls.VersionTLS12}
	if pem := bytes.TrimSpace(w.config.ClientConfig.CABundle); len(pem) > 0 {
		secure.RootCAs = x509.NewCertPool()
		if !secure.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New("unable to load root certificates: unable to parse bytes as PEM block")
		}
	}
	if c := w.cfg.Certificate; c != nil {
		secure.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return c, nil }
	}
	transport := &http.Transport{
		TLSClientConfig: secure, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: webhookCalls, IdleConnTimeout: time.Minute,
		TLSHandshakeTimeout: 10 * time.Second, DialContext: w.dial,
	}
	return &http.Client{Transport: transport, Timeout: webhookTimeout}, nil
}

// dial connects to a service at its cluster address, whatever names resolve to here.
func (w *webhook) dial(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	s := w.config.ClientConfig.Service
	if s == nil {
		return dialer.DialContext(ctx, network, address)
	}
	obj, ok := w.cfg.View.Get(subject.Services, s.Namespace, s.Name)
	if !ok {
		return nil, fmt.Errorf("service %q not found", s.Name)
	}
	ip := obj.(*corev1.Service).Spec.ClusterIP
	if net.ParseIP(ip) == nil {
		return nil, fmt.Errorf("service %q has no cluster address", s.Name)
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	return dialer.DialContext(ctx, network, net.JoinHostPort(ip, port))
}

func (w *webhook) url() (string, error) {
	c := w.config.ClientConfig
	switch {
	case c.URL != nil:
		return *c.URL, nil
	case c.Service == nil:
		return "", errors.New("webhook configuration must have either service or URL")
	}
	port := int32(443)
	if c.Service.Port != nil {
		port = *c.Service.Port
	}
	u := url.URL{Scheme: "https", Host: net.JoinHostPort(c.Service.Name+"."+c.Service.Namespace+".svc", strconv.Itoa(int(port)))}
	if c.Service.Path != nil {
		u.Path = *c.Service.Path
	}
	q := u.Query()
	q.Set("timeout", webhookTimeout.String())
	u.RawQuery = q.Encode()
	return u.String(), nil
}

func (w *webhook) convert(objects []*kind.Custom, apiVersion string) ([]*kind.Custom, error) {
	out := make([]*kind.Custom, 0, len(objects))
	for len(objects) > 0 {
		part := objects[:min(len(objects), webhookObjects)]
		objects = objects[len(part):]
		made, err := w.convertPart(part, apiVersion)
		if err != nil {
			return nil, err
		}
		out = append(out, made...)
	}
	return out, nil
}

func (w *webhook) convertPart(objects []*kind.Custom, apiVersion string) ([]*kind.Custom, error) {
	gvk := objects[0].GroupVersionKind()
	answered, err := w.ask(objects, apiVersion)
	if err != nil {
		return nil, fmt.Errorf("conversion webhook for %v failed: %w", gvk, err)
	}
	if len(answered) != len(objects) {
		return nil, fmt.Errorf("conversion webhook for %v returned %d objects, expected %d", gvk, len(answered), len(objects))
	}
	want, err := schema.ParseGroupVersion(apiVersion)
	if err != nil {
		return nil, err
	}
	out := make([]*kind.Custom, len(objects))
	for i, raw := range answered {
		obj := &kind.Custom{}
		if err := obj.Unmarshal(raw.Raw); err != nil {
			return nil, fmt.Errorf("conversion webhook for %v returned invalid converted object at index %v: %w", gvk, i, err)
		}
		if got := obj.GroupVersionKind(); got.GroupVersion() != want {
			return nil, fmt.Errorf("conversion webhook for %v returned invalid converted object at index %v: invalid groupVersion (expected %v, received %v)", gvk, i, want, got.GroupVersion())
		}
		if err := sameObject(objects[i], obj); err != nil {
			return nil, fmt.Errorf("conversion webhook for %v returned invalid converted object at index %v: %w", gvk, i, err)
		}
		if err := restore(objects[i], obj); err != nil {
			return nil, fmt.Errorf("conversion webhook for %v returned invalid metadata in object at index %v: %w", gvk, i, err)
		}
		out[i] = obj
	}
	return out, nil
}

// ask sends a review and reads its answer.
func (w *webhook) ask(objects []*kind.Custom, apiVersion string) ([]runtime.RawExtension, error) {
	review := &apiextensionsv1.ConversionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: w.reviewVersion(), Kind: "ConversionReview"},
		Request:  &apiextensionsv1.ConversionRequest{UID: types.UID(uuid.NewString()), DesiredAPIVersion: apiVersion},
	}
	if review.APIVersion == "" {
		return nil, errors.New("no supported conversion review versions")
	}
	for _, obj := range objects {
		raw, err := obj.Marshal()
		if err != nil {
			return nil, err
		}
		review.Request.Objects = append(review.Request.Objects, runtime.RawExtension{Raw: raw})
	}
	body, err := json.Marshal(review)
	if err != nil {
		return nil, err
	}
	if body, err = w.post(body); err != nil {
		return nil, err
	}
	var answer apiextensionsv1.ConversionReview
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, err
	}
	return answerOf(&answer, review)
}

// reviewVersion is the first of those that the webhook understands which is known here.
func (w *webhook) reviewVersion() string {
	for _, v := range w.config.ConversionReviewVersions {
		if v == "v1" || v == "v1beta1" {
			return apiextensionsv1.GroupName + "/" + v
		}
	}
	return ""
}

func (w *webhook) post(body []byte) ([]byte, error) {
	client, err := w.client()
	if err != nil {
		return nil, err
	}
	to, err := w.url()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), webhookTimeout)
	defer cancel()
	select {
	case w.slots <- struct{}{}:
		defer func() { <-w.slots }()
	case <-ctx.Done():
		return nil, fmt.Errorf("%d calls are under way: %w", webhookCalls, ctx.Err())
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, webhookAnswer+1))
	switch {
	case err != nil:
		return nil, err
	case len(answer) > webhookAnswer:
		return nil, fmt.Errorf("the answer is larger than %d bytes", webhookAnswer)
	case response.StatusCode < 200 || response.StatusCode > 299:
		return nil, errors.New("the server responded with the status code " + strconv.Itoa(response.StatusCode) + " but did not return more information")
	}
	return answer, nil
}

func answerOf(answer, review *apiextensionsv1.ConversionReview) ([]runtime.RawExtension, error) {
	strict := review.GroupVersionKind() == apiextensionsv1.SchemeGroupVersion.WithKind("ConversionReview")
	switch {
	case strict && answer.GroupVersionKind() != review.GroupVersionKind():
		return nil, fmt.Errorf("expected webhook response of %v, got %v", review.GroupVersionKind(), answer.GroupVersionKind())
	case answer.Response == nil:
		return nil, errors.New("no response provided")
	case strict && answer.Response.UID != review.Request.UID:
		return nil, fmt.Errorf("expected response.uid=%q, got %q", review.Request.UID, answer.Response.UID)
	case answer.Response.Result.Status != metav1.StatusSuccess && answer.Response.Result.Message != "":
		return nil, errors.New(answer.Response.Result.Message)
	case answer.Response.Result.Status != metav1.StatusSuccess:
		return nil, fmt.Errorf("response.result.status was '%s', not 'Success'", answer.Response.Result.Status)
	}
	return answer.Response.ConvertedObjects, nil
}
