package volume

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	authv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"

	"taffrail.dev/nodeagent/downward"
)

// writer gathers a volume's files.
type writer struct {
	v     *Volumes
	p     downward.Pod
	files map[string]file
}

func (w *writer) add(path string, data []byte, mode fs.FileMode) error {
	if !filepath.IsLocal(path) {
		return fmt.Errorf("invalid path %q: must stay inside the volume", path)
	}
	w.files[filepath.Clean(path)] = file{data: data, mode: mode}
	return nil
}

// keys adds all of an object's keys or, with items, those under their own paths.
func (w *writer) keys(what string, data map[string][]byte, items []corev1.KeyToPath, optional bool, mode fs.FileMode) error {
	if len(items) == 0 {
		for k, b := range data {
			if err := w.add(k, b, mode); err != nil {
				return err
			}
		}
		return nil
	}
	for _, it := range items {
		b, ok := data[it.Key]
		if !ok {
			if optional {
				continue
			}
			return fmt.Errorf("references non-existent %s key: %s", what, it.Key)
		}
		m := mode
		if it.Mode != nil {
			m = modeOf(it.Mode)
		}
		if err := w.add(it.Path, b, m); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) configMap(name string, items []corev1.KeyToPath, optional bool, mode fs.FileMode) error {
	cm := w.v.cfg.Objects.ConfigMap(w.p.Namespace, name)
	if cm == nil {
		if optional {
			return nil
		}
		return fmt.Errorf("configmap %q not found", name)
	}
	data := map[string][]byte{}
	for k, s := range cm.Data {
		data[k] = []byte(s)
	}
	for k, b := range cm.BinaryData {
		data[k] = b
	}
	return w.keys("config", data, items, optional, mode)
}

func (w *writer) secret(name string, items []corev1.KeyToPath, optional bool, mode fs.FileMode) error {
	s := w.v.cfg.Objects.Secret(w.p.Namespace, name)
	if s == nil {
		if optional {
			return nil
		}
		return fmt.Errorf("secret %q not found", name)
	}
	return w.keys("secret", s.Data, items, optional, mode)
}

func (w *writer) downward(items []corev1.DownwardAPIVolumeFile, mode fs.FileMode) error {
	for _, it := range items {
		var value string
		var err error
		switch {
		case it.FieldRef != nil:
			value, err = w.p.Field(it.FieldRef.FieldPath)
		case it.ResourceFieldRef != nil:
			value, err = w.p.Resource(nil, it.ResourceFieldRef)
		}
		if err != nil {
			return err
		}
		m := mode
		if it.Mode != nil {
			m = modeOf(it.Mode)
		}
		if err := w.add(it.Path, []byte(value), m); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) projected(ctx context.Context, v *corev1.ProjectedVolumeSource) error {
	mode := modeOf(v.DefaultMode)
	for _, src := range v.Sources {
		var err error
		switch {
		case src.ConfigMap != nil:
			err = w.configMap(src.ConfigMap.Name, src.ConfigMap.Items, isTrue(src.ConfigMap.Optional), mode)
		case src.Secret != nil:
			err = w.secret(src.Secret.Name, src.Secret.Items, isTrue(src.Secret.Optional), mode)
		case src.DownwardAPI != nil:
			err = w.downward(src.DownwardAPI.Items, mode)
		case src.ServiceAccountToken != nil:
			err = w.token(ctx, src.ServiceAccountToken, mode)
		default:
			err = fmt.Errorf("this projected source is not supported by the node")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// token adds a token bound to the pod; one in hand is used while it is fresh.
func (w *writer) token(ctx context.Context, src *corev1.ServiceAccountTokenProjection, mode fs.FileMode) error {
	account := w.p.Spec.ServiceAccountName
	if account == "" {
		account = "default"
	}
	life := int64(3600)
	if src.ExpirationSeconds != nil {
		life = *src.ExpirationSeconds
	}
	key := fmt.Sprintf("%s/%s/%s/%d", w.p.UID, account, src.Audience, life)
	w.v.mu.Lock()
	h, ok := w.v.tokens[key]
	w.v.mu.Unlock()
	if now := w.v.cfg.Now(); !ok || !now.Before(h.renewal) {
		spec := authv1.TokenRequestSpec{ExpirationSeconds: &life, BoundObjectRef: &authv1.BoundObjectReference{
			Kind: "Pod", APIVersion: "v1", Name: w.p.Name, UID: w.p.UID}}
		if src.Audience != "" {
			spec.Audiences = []string{src.Audience}
		}
		status, err := w.v.cfg.Tokens.Token(ctx, w.p.Namespace, account, spec)
		if err != nil {
			if ok && now.Before(h.status.ExpirationTimestamp.Time) {
				return w.addToken(src, h.status.Token, mode, key, held{h.status, now.Add(retryToken)})
			}
			return fmt.Errorf("failed to fetch token: %w", err)
		}
		h = held{status: status, renewal: now.Add(max(min(status.ExpirationTimestamp.Sub(now)*4/5, 24*time.Hour), retryToken))}
	}
	return w.addToken(src, h.status.Token, mode, key, h)
}

// retryToken is how soon a token is asked for again.
const retryToken = 10 * time.Second

func (w *writer) addToken(src *corev1.ServiceAccountTokenProjection, token string, mode fs.FileMode, key string, h held) error {
	w.v.mu.Lock()
	w.v.tokens[key] = h
	w.v.mu.Unlock()
	owner := w.owner()
	if owner != nil || fsGroup(w.p.Pod) != nil {
		mode = 0o600
	}
	if err := w.add(src.Path, []byte(token), mode); err != nil {
		return err
	}
	f := w.files[filepath.Clean(src.Path)]
	f.uid = owner
	w.files[filepath.Clean(src.Path)] = f
	return nil
}

// owner is the user that every container of the pod runs as, if it is one: its token is then its alone.
func (w *writer) owner() *int64 {
	var owner *int64
	for i, c := range slices.Concat(w.p.Spec.InitContainers, w.p.Spec.Containers) {
		var u *int64
		if w.p.Spec.SecurityContext != nil {
			u = w.p.Spec.SecurityContext.RunAsUser
		}
		if c.SecurityContext != nil && c.SecurityContext.RunAsUser != nil {
			u = c.SecurityContext.RunAsUser
		}
		if u == nil || i > 0 && *u != *owner {
			return nil
		}
		owner = u
	}
	return owner
}
