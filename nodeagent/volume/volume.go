// Package volume makes pods' volumes: folders, memory, and files made of config maps, secrets, the
// pod itself and its service account's tokens, which are kept up to date while the pod runs.
package volume

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	authv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"

	"taffrail.dev/nodeagent/downward"
	"taffrail.dev/nodeagent/lock"
)

// Objects are what the node was told.
type Objects interface {
	// ConfigMap and Secret are nil if the node knows none of that name.
	ConfigMap(namespace, name string) *corev1.ConfigMap
	Secret(namespace, name string) *corev1.Secret
}

// Tokens issues service account tokens.
type Tokens interface {
	Token(ctx context.Context, namespace, serviceAccount string, spec authv1.TokenRequestSpec) (authv1.TokenRequestStatus, error)
}

// Config is what volumes are made with.
type Config struct {
	// Dir has a folder for each pod: <Dir>/<uid>/volumes/<name>.
	Dir     string
	Objects Objects
	Tokens  Tokens
	Now     func() time.Time
}

// Volumes are all pods' volumes.
type Volumes struct {
	cfg Config

	// pods lets one at a time at a pod's volumes; held over the I/O.
	pods lock.ByName

	mu     sync.Mutex // guards tokens; not held over I/O
	tokens map[string]held
}

// held is a token in use: it is renewed after four fifths of its life.
type held struct {
	status  authv1.TokenRequestStatus
	renewal time.Time
}

// New makes volumes below cfg.Dir; nothing is made yet.
func New(cfg Config) *Volumes { return &Volumes{cfg: cfg, tokens: map[string]held{}} }

// PodDir is a pod's folder.
func (v *Volumes) PodDir(uid string) string { return filepath.Join(v.cfg.Dir, uid) }

// Path is where a pod's volume is on the host.
func (v *Volumes) Path(p *corev1.Pod, volume *corev1.Volume) string {
	if volume.HostPath != nil {
		return volume.HostPath.Path
	}
	return filepath.Join(v.PodDir(string(p.UID)), "volumes", volume.Name)
}

// Setup makes all of a pod's volumes; repeating it, also at the same time, brings those made of objects up to date.
// Its errors are what people see as FailedMount.
func (v *Volumes) Setup(ctx context.Context, p downward.Pod) error {
	defer v.pods.Lock(string(p.UID))()
	for i := range p.Spec.Volumes {
		vol := &p.Spec.Volumes[i]
		if err := v.one(ctx, p, vol); err != nil {
			return fmt.Errorf("MountVolume.SetUp failed for volume %q : %w", vol.Name, err)
		}
	}
	return nil
}

func (v *Volumes) one(ctx context.Context, p downward.Pod, vol *corev1.Volume) error {
	dir := v.Path(p.Pod, vol)
	if vol.HostPath != nil {
		return hostPath(vol.HostPath)
	}
	if vol.EmptyDir != nil {
		return emptyDir(dir, vol.EmptyDir, fsGroup(p.Pod))
	}
	payload, secret, err := v.payload(ctx, p, vol)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if secret {
		if err := mountMemory(dir, 0, 0o755); err != nil && !errors.Is(err, fs.ErrPermission) {
			return err
		}
	}
	_, err = writePayload(dir, payload, fsGroup(p.Pod))
	return err
}

func fsGroup(p *corev1.Pod) *int64 {
	if p.Spec.SecurityContext == nil {
		return nil
	}
	return p.Spec.SecurityContext.FSGroup
}

// payload are the files of a volume that is made of objects, and whether they are secret.
func (v *Volumes) payload(ctx context.Context, p downward.Pod, vol *corev1.Volume) (map[string]file, bool, error) {
	w := writer{v: v, p: p, files: map[string]file{}}
	switch {
	case vol.ConfigMap != nil:
		s := vol.ConfigMap
		err := w.configMap(s.Name, s.Items, isTrue(s.Optional), modeOf(s.DefaultMode))
		return w.files, false, err
	case vol.Secret != nil:
		s := vol.Secret
		err := w.secret(s.SecretName, s.Items, isTrue(s.Optional), modeOf(s.DefaultMode))
		return w.files, true, err
	case vol.DownwardAPI != nil:
		err := w.downward(vol.DownwardAPI.Items, modeOf(vol.DownwardAPI.DefaultMode))
		return w.files, false, err
	case vol.Projected != nil:
		err := w.projected(ctx, vol.Projected)
		return w.files, true, err
	}
	return nil, false, errors.New("this kind of volume is not supported by the node")
}

func isTrue(b *bool) bool { return b != nil && *b }

func modeOf(m *int32) fs.FileMode {
	if m == nil {
		return 0o644
	}
	return fs.FileMode(*m) & fs.ModePerm
}

// Dynamic says whether the pod has volumes that follow objects.
func Dynamic(p *corev1.Pod) bool {
	for _, vol := range p.Spec.Volumes {
		if vol.ConfigMap != nil || vol.Secret != nil || vol.Projected != nil || vol.DownwardAPI != nil {
			return true
		}
	}
	return false
}

// Renewal is when the next of the pod's tokens has to be renewed; zero if it has none.
func (v *Volumes) Renewal(uid string) time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	var at time.Time
	for key, h := range v.tokens {
		if strings.HasPrefix(key, uid+"/") && (at.IsZero() || h.renewal.Before(at)) {
			at = h.renewal
		}
	}
	return at
}

// Teardown unmounts everything below a pod's folder; what a pod no longer known had mounted too. Files stay
// for Remove.
func (v *Volumes) Teardown(uid string) error {
	defer v.pods.Lock(uid)()
	v.mu.Lock()
	for key := range v.tokens {
		if strings.HasPrefix(key, uid+"/") {
			delete(v.tokens, key)
		}
	}
	v.mu.Unlock()
	return unmountBelow(v.PodDir(uid))
}

// Remove deletes a pod's folder, after Teardown.
func (v *Volumes) Remove(uid string) error {
	if err := v.Teardown(uid); err != nil {
		return err
	}
	return os.RemoveAll(v.PodDir(uid))
}

// Pods are the uids that have a folder.
func (v *Volumes) Pods() []string {
	entries, _ := os.ReadDir(v.cfg.Dir)
	out := make([]string, len(entries))
	for i, e := range entries {
		out[i] = e.Name()
	}
	return out
}
