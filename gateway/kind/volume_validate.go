package kind

import (
	"path"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// volumesOf is a pod's volumes by name.
func volumesOf(s *corev1.PodSpec) map[string]*corev1.Volume {
	m := make(map[string]*corev1.Volume, len(s.Volumes))
	for i := range s.Volumes {
		m[s.Volumes[i].Name] = &s.Volumes[i]
	}
	return m
}

func validateVolumes(volumes []corev1.Volume, p *field.Path) (errs field.ErrorList) {
	names := make(map[string]bool, len(volumes))
	for i := range volumes {
		v, at := &volumes[i], p.Index(i)
		switch {
		case v.Name == "":
			errs = append(errs, field.Required(at.Child("name"), ""))
		case names[v.Name]:
			errs = append(errs, field.Duplicate(at.Child("name"), v.Name))
		default:
			errs = append(errs, invalids(at.Child("name"), v.Name, dnsLabel(v.Name))...)
			names[v.Name] = true
		}
		errs = append(errs, validateVolumeSource(&v.VolumeSource, at)...)
	}
	return errs
}

// validateVolumeSource checks that there is exactly one source, and that one.
func validateVolumeSource(v *corev1.VolumeSource, at *field.Path) (errs field.ErrorList) {
	sources := volumeSources(v)
	if len(sources) == 0 {
		return field.ErrorList{field.Required(at, "must specify a volume type")}
	}
	for _, name := range sources[1:] {
		errs = append(errs, field.Forbidden(at.Child(name), "may not specify more than 1 volume type"))
	}
	p := at.Child(sources[0])
	required := func(name, value string) {
		if value == "" {
			errs = append(errs, field.Required(p.Child(name), ""))
		}
	}
	switch sources[0] {
	case "emptyDir":
		if q := v.EmptyDir.SizeLimit; q != nil && q.Sign() < 0 {
			errs = append(errs, field.Forbidden(p.Child("sizeLimit"), "SizeLimit field must be a valid resource quantity"))
		}
	case "hostPath":
		errs = append(errs, validateHostPath(v.HostPath, p)...)
	case "secret":
		required("secretName", v.Secret.SecretName)
		errs = append(errs, validateMode(v.Secret.DefaultMode, p.Child("defaultMode"))...)
		errs = append(errs, validateItems(v.Secret.Items, p.Child("items"))...)
	case "configMap":
		required("name", v.ConfigMap.Name)
		errs = append(errs, validateMode(v.ConfigMap.DefaultMode, p.Child("defaultMode"))...)
		errs = append(errs, validateItems(v.ConfigMap.Items, p.Child("items"))...)
	case "downwardAPI":
		errs = append(errs, validateMode(v.DownwardAPI.DefaultMode, p.Child("defaultMode"))...)
		errs = append(errs, validateDownwardItems(v.DownwardAPI.Items, p)...)
	case "projected":
		errs = append(errs, validateProjected(v.Projected, p)...)
	case "persistentVolumeClaim":
		required("claimName", v.PersistentVolumeClaim.ClaimName)
	case "nfs":
		required("server", v.NFS.Server)
		required("path", v.NFS.Path)
		if v.NFS.Path != "" && !path.IsAbs(v.NFS.Path) {
			errs = append(errs, field.Invalid(p.Child("path"), v.NFS.Path, "must be an absolute path"))
		}
	case "csi":
		required("driver", v.CSI.Driver)
		if r := v.CSI.NodePublishSecretRef; r != nil && r.Name == "" {
			errs = append(errs, field.Required(p.Child("nodePublishSecretRef", "name"), ""))
		}
	case "ephemeral":
		if v.Ephemeral.VolumeClaimTemplate == nil {
			errs = append(errs, field.Required(p.Child("volumeClaimTemplate"), ""))
		} else {
			errs = append(errs, validateClaimSpec(&v.Ephemeral.VolumeClaimTemplate.Spec, p.Child("volumeClaimTemplate", "spec"))...)
		}
	case "image":
		required("reference", v.Image.Reference)
		errs = append(errs, oneOf(v.Image.PullPolicy, p.Child("pullPolicy"), corev1.PullAlways, corev1.PullIfNotPresent, corev1.PullNever)...)
	}
	return errs
}

// volumeSources names the sources that are set, in the order of the API.
func volumeSources(v *corev1.VolumeSource) (names []string) {
	for _, s := range [...]struct {
		name string
		set  bool
	}{
		{"emptyDir", v.EmptyDir != nil}, {"hostPath", v.HostPath != nil}, {"gitRepo", v.GitRepo != nil},
		{"gcePersistentDisk", v.GCEPersistentDisk != nil}, {"awsElasticBlockStore", v.AWSElasticBlockStore != nil},
		{"secret", v.Secret != nil}, {"nfs", v.NFS != nil}, {"iscsi", v.ISCSI != nil}, {"glusterfs", v.Glusterfs != nil},
		{"flocker", v.Flocker != nil}, {"persistentVolumeClaim", v.PersistentVolumeClaim != nil}, {"rbd", v.RBD != nil},
		{"cinder", v.Cinder != nil}, {"cephfs", v.CephFS != nil}, {"quobyte", v.Quobyte != nil},
		{"downwardAPI", v.DownwardAPI != nil}, {"fc", v.FC != nil}, {"flexVolume", v.FlexVolume != nil},
		{"configMap", v.ConfigMap != nil}, {"azureFile", v.AzureFile != nil}, {"vsphereVolume", v.VsphereVolume != nil},
		{"photonPersistentDisk", v.PhotonPersistentDisk != nil}, {"portworxVolume", v.PortworxVolume != nil},
		{"azureDisk", v.AzureDisk != nil}, {"storageos", v.StorageOS != nil}, {"scaleIO", v.ScaleIO != nil},
		{"projected", v.Projected != nil}, {"csi", v.CSI != nil}, {"ephemeral", v.Ephemeral != nil}, {"image", v.Image != nil},
	} {
		if s.set {
			names = append(names, s.name)
		}
	}
	return names
}

func validateHostPath(h *corev1.HostPathVolumeSource, p *field.Path) (errs field.ErrorList) {
	if h.Path == "" {
		errs = append(errs, field.Required(p.Child("path"), ""))
	}
	errs = append(errs, noDotDot(h.Path, p.Child("path"))...)
	if h.Type != nil {
		errs = append(errs, oneOfOrEmpty(*h.Type, p.Child("type"), corev1.HostPathUnset, corev1.HostPathDirectoryOrCreate, corev1.HostPathDirectory,
			corev1.HostPathFileOrCreate, corev1.HostPathFile, corev1.HostPathSocket, corev1.HostPathCharDev, corev1.HostPathBlockDev)...)
	}
	return errs
}

func noDotDot(s string, p *field.Path) field.ErrorList {
	for part := range strings.SplitSeq(s, "/") {
		if part == ".." {
			return field.ErrorList{field.Invalid(p, s, "must not contain '..'")}
		}
	}
	return nil
}

// validateRelativePath checks a path that may not leave its directory.
func validateRelativePath(s string, p *field.Path) (errs field.ErrorList) {
	if path.IsAbs(s) {
		errs = append(errs, field.Invalid(p, s, "must be a relative path"))
	}
	return append(errs, noDotDot(s, p)...)
}

// validateFileName checks the path of a file in a volume of generated files.
func validateFileName(s string, p *field.Path) (errs field.ErrorList) {
	if s == "" {
		return field.ErrorList{field.Required(p, "")}
	}
	errs = validateRelativePath(s, p)
	if strings.HasPrefix(s, "..") && !strings.HasPrefix(s, "../") {
		errs = append(errs, field.Invalid(p, s, "must not start with '..'"))
	}
	return errs
}

func validateMode(m *int32, p *field.Path) field.ErrorList {
	if m == nil || 0 <= *m && *m <= 0o777 {
		return nil
	}
	return field.ErrorList{field.Invalid(p, *m, "must be a number between 0 and 0777 (octal), both inclusive")}
}

func validateItems(items []corev1.KeyToPath, p *field.Path) (errs field.ErrorList) {
	for i := range items {
		at := p.Index(i)
		if items[i].Key == "" {
			errs = append(errs, field.Required(at.Child("key"), ""))
		}
		errs = append(errs, validateFileName(items[i].Path, at.Child("path"))...)
		errs = append(errs, validateMode(items[i].Mode, at.Child("mode"))...)
	}
	return errs
}

func validateDownwardItems(items []corev1.DownwardAPIVolumeFile, at *field.Path) (errs field.ErrorList) {
	for i := range items {
		f := &items[i]
		errs = append(errs, validateFileName(f.Path, at.Child("path"))...)
		errs = append(errs, validateMode(f.Mode, at.Child("mode"))...)
		switch {
		case f.FieldRef != nil && f.ResourceFieldRef != nil:
			errs = append(errs, field.Invalid(at, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously"))
		case f.FieldRef != nil:
			errs = append(errs, validateFieldRef(f.FieldRef, volumeFieldPaths, at.Child("fieldRef"))...)
		case f.ResourceFieldRef != nil:
			errs = append(errs, validateResourceFieldRef(f.ResourceFieldRef, true, at.Child("resourceFieldRef"))...)
		default:
			errs = append(errs, field.Required(at, "one of fieldRef and resourceFieldRef is required"))
		}
	}
	return errs
}

func validateProjected(v *corev1.ProjectedVolumeSource, p *field.Path) (errs field.ErrorList) {
	errs = validateMode(v.DefaultMode, p.Child("defaultMode"))
	paths := sets.New[string]()
	for i := range v.Sources {
		s, at := &v.Sources[i], p.Child("sources").Index(i)
		claim := func(file string) {
			if file != "" && paths.Has(file) {
				errs = append(errs, field.Invalid(at, file, "conflicting duplicate paths"))
			}
			paths.Insert(file)
		}
		sources := 0
		another := func(name string) *field.Path {
			if sources++; sources > 1 {
				errs = append(errs, field.Forbidden(at.Child(name), "may not specify more than 1 volume type"))
			}
			return at.Child(name)
		}
		if c := s.ConfigMap; c != nil {
			errs = append(errs, validateProjectedKeys(c.Name, c.Items, another("configMap"), claim)...)
		}
		if c := s.Secret; c != nil {
			errs = append(errs, validateProjectedKeys(c.Name, c.Items, another("secret"), claim)...)
		}
		if d := s.DownwardAPI; d != nil {
			errs = append(errs, validateDownwardItems(d.Items, another("downwardAPI"))...)
			for j := range d.Items {
				claim(d.Items[j].Path)
			}
		}
		if t := s.ServiceAccountToken; t != nil {
			errs = append(errs, validateTokenProjection(t, another("serviceAccountToken"))...)
			claim(t.Path)
		}
		if s.ClusterTrustBundle != nil {
			errs = append(errs, validateFileName(s.ClusterTrustBundle.Path, another("clusterTrustBundle").Child("path"))...)
		}
		if s.PodCertificate != nil {
			another("podCertificate")
		}
		if sources == 0 {
			errs = append(errs, field.Required(at, "must specify a volume type"))
		}
	}
	return errs
}

func validateProjectedKeys(name string, items []corev1.KeyToPath, p *field.Path, claim func(string)) (errs field.ErrorList) {
	if name == "" {
		errs = append(errs, field.Required(p.Child("name"), ""))
	}
	for i := range items {
		claim(items[i].Path)
	}
	return append(errs, validateItems(items, p.Child("items"))...)
}

func validateTokenProjection(t *corev1.ServiceAccountTokenProjection, p *field.Path) (errs field.ErrorList) {
	if s := t.ExpirationSeconds; s != nil {
		if *s < 10*60 {
			errs = append(errs, field.Invalid(p.Child("expirationSeconds"), *s, "may not specify a duration less than 10 minutes"))
		}
		if *s > 1<<32 {
			errs = append(errs, field.Invalid(p.Child("expirationSeconds"), *s, "may not specify a duration larger than 2^32 seconds"))
		}
	}
	return append(errs, validateFileName(t.Path, p.Child("path"))...)
}
