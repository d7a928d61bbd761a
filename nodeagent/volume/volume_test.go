package volume_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	authv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"taffrail.dev/nodeagent/downward"
	"taffrail.dev/nodeagent/volume"
)

// world is what the node was told, and its clock.
type world struct {
	configs map[string]*corev1.ConfigMap
	secrets map[string]*corev1.Secret
	tokens  int
	fail    error
	now     time.Time
}

func (w *world) ConfigMap(_, name string) *corev1.ConfigMap { return w.configs[name] }
func (w *world) Secret(_, name string) *corev1.Secret       { return w.secrets[name] }

func (w *world) Token(_ context.Context, _, _ string, spec authv1.TokenRequestSpec) (authv1.TokenRequestStatus, error) {
	if w.fail != nil {
		return authv1.TokenRequestStatus{}, w.fail
	}
	w.tokens++
	return authv1.TokenRequestStatus{Token: strings.Repeat("t", w.tokens), ExpirationTimestamp: metav1.NewTime(w.now.Add(time.Duration(*spec.ExpirationSeconds) * time.Second))}, nil
}

func open(t *testing.T) (*world, *volume.Volumes) {
	w := &world{configs: map[string]*corev1.ConfigMap{}, secrets: map[string]*corev1.Secret{}, now: time.Unix(1e9, 0)}
	v := volume.New(volume.Config{Dir: t.TempDir(), Objects: w, Tokens: w, Now: func() time.Time { return w.now }})
	t.Cleanup(func() {
		if err := v.Teardown("u"); err != nil {
			t.Error(err)
		}
	})
	return w, v
}

func pod(vols ...corev1.Volume) downward.Pod {
	return downward.Pod{Pod: &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "n", UID: "u", Labels: map[string]string{"b": "2", "a": "1"}}, Spec: corev1.PodSpec{Volumes: vols}}}
}

func read(t *testing.T, v *volume.Volumes, p downward.Pod, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(v.Path(p.Pod, &p.Spec.Volumes[0]), name))
	if err != nil {
		t.Error(err)
	}
	return string(b)
}

func TestConfigMapFollowsItsObject(t *testing.T) {
	t.Parallel()
	w, v := open(t)
	mode := int32(0o400)
	p := pod(corev1.Volume{Name: "c", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "conf"}, DefaultMode: &mode}}})
	err := v.Setup(t.Context(), p)
	if err == nil || err.Error() != `MountVolume.SetUp failed for volume "c" : configmap "conf" not found` {
		t.Errorf("without the object: %v", err)
	}
	w.configs["conf"] = &corev1.ConfigMap{Data: map[string]string{"a": "1", "b": "2"}}
	if err := v.Setup(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	dir := v.Path(p.Pod, &p.Spec.Volumes[0])
	link, err := os.Readlink(filepath.Join(dir, "..data"))
	if err != nil || read(t, v, p, "a") != "1" {
		t.Error(err)
	}
	if st, err := os.Stat(filepath.Join(dir, "a")); err != nil || st.Mode().Perm() != 0o400 {
		t.Errorf("%v, %v", st.Mode(), err)
	}
	if err := v.Setup(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if same, err := os.Readlink(filepath.Join(dir, "..data")); err != nil || same != link {
		t.Errorf("written again though nothing changed: %v", err)
	}
	w.configs["conf"] = &corev1.ConfigMap{Data: map[string]string{"a": "3", "c": "4"}}
	if err := v.Setup(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if read(t, v, p, "a") != "3" || read(t, v, p, "c") != "4" {
		t.Error("not up to date")
	}
	if _, err := os.Lstat(filepath.Join(dir, "b")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("b stays: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, link)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the old folder stays: %v", err)
	}
}

// Made several times at once, as when the object comes while the volume waits for it, a volume is whole.
func TestSetupAtOnce(t *testing.T) {
	t.Parallel()
	w, v := open(t)
	w.configs["conf"] = &corev1.ConfigMap{Data: map[string]string{"a": "1"}}
	for range 20 {
		p := pod(corev1.Volume{Name: "c", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "conf"}}}})
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				if err := v.Setup(t.Context(), p); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if got := read(t, v, p, "a"); got != "1" {
			t.Errorf("the file has %q", got)
		}
		if err := v.Remove("u"); err != nil {
			t.Fatal(err)
		}
	}
}

// What a crash left of an update is not taken for the update.
func TestLeftLink(t *testing.T) {
	t.Parallel()
	w, v := open(t)
	p := pod(corev1.Volume{Name: "c", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "conf"}}}})
	dir := v.Path(p.Pod, &p.Spec.Volumes[0])
	if err := errors.Join(os.MkdirAll(filepath.Join(dir, "..half"), 0o755), os.Symlink("..half", filepath.Join(dir, "..data_tmp"))); err != nil {
		t.Fatal(err)
	}
	w.configs["conf"] = &corev1.ConfigMap{Data: map[string]string{"a": "1"}}
	if err := v.Setup(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if got := read(t, v, p, "a"); got != "1" {
		t.Errorf("the file has %q", got)
	}
}

func TestItemsAndOptional(t *testing.T) {
	t.Parallel()
	w, v := open(t)
	w.secrets["s"] = &corev1.Secret{Data: map[string][]byte{"k": []byte("v")}}
	yes := true
	source := &corev1.SecretVolumeSource{SecretName: "s", Items: []corev1.KeyToPath{{Key: "k", Path: "deep/er"}, {Key: "none", Path: "x"}}}
	p := pod(corev1.Volume{Name: "s", VolumeSource: corev1.VolumeSource{Secret: source}})
	if err := v.Setup(t.Context(), p); err == nil || !strings.Contains(err.Error(), "references non-existent secret key: none") {
		t.Error(err)
	}
	source.Optional = &yes
	if err := v.Setup(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if read(t, v, p, "deep/er") != "v" {
		t.Error("not there")
	}
	source.Items[0].Path = "../out"
	if err := v.Setup(t.Context(), p); err == nil {
		t.Error("a path led out")
	}
	if err := v.Remove("u"); err != nil {
		t.Error(err)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || strings.Contains(string(mounts), v.PodDir("u")) {
		t.Error("a mount stays", err)
	}
}

func TestTokensAreRenewed(t *testing.T) {
	t.Parallel()
	w, v := open(t)
	life := int64(1000)
	p := pod(corev1.Volume{Name: "t", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
		{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "token", ExpirationSeconds: &life}},
		{DownwardAPI: &corev1.DownwardAPIProjection{Items: []corev1.DownwardAPIVolumeFile{{Path: "labels", FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.labels"}}}}},
	}}}})
	for range 2 {
		if err := v.Setup(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	if read(t, v, p, "token") != "t" || read(t, v, p, "labels") != "a=\"1\"\nb=\"2\"" {
		t.Error("contents")
	}
	if at := v.Renewal("u"); !at.Equal(w.now.Add(800 * time.Second)) {
		t.Errorf("renewal at %v", at)
	}
	w.now, w.fail = w.now.Add(900*time.Second), errors.New("cut off")
	if err := v.Setup(t.Context(), p); err != nil || read(t, v, p, "token") != "t" {
		t.Errorf("while it is still good: %v", err)
	}
	w.fail = nil
	w.now = w.now.Add(20 * time.Second)
	if err := v.Setup(t.Context(), p); err != nil || read(t, v, p, "token") != "tt" {
		t.Errorf("renewed: %v", err)
	}
	w.now, w.fail = w.now.Add(time.Hour), errors.New("cut off")
	if err := v.Setup(t.Context(), p); err == nil {
		t.Error("an expired token was kept")
	}
}

func TestSubPathStaysInside(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Symlink("/etc", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"../x", "link/passwd", "link"} {
		if p, err := volume.SubPath(dir, bad); err == nil {
			t.Errorf("%s led to %s", bad, p)
		}
	}
	if p, err := volume.SubPath(dir, "a/b"); err != nil || p != filepath.Join(dir, "a/b") {
		t.Error(p, err)
	}
}

func TestHostPathTypes(t *testing.T) {
	t.Parallel()
	_, v := open(t)
	dir := t.TempDir()
	for kind, want := range map[corev1.HostPathType]bool{corev1.HostPathDirectory: true, corev1.HostPathFile: false, corev1.HostPathSocket: false, corev1.HostPathUnset: true, corev1.HostPathDirectoryOrCreate: true} {
		err := v.Setup(t.Context(), pod(corev1.Volume{Name: "h", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: dir, Type: &kind}}}))
		if (err == nil) != want {
			t.Errorf("%s: %v", kind, err)
		}
	}
}
