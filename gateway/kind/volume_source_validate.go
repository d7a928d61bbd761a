package kind

import (
	"path"
	"reflect"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validatePersistentSource checks that a volume has exactly one source, and that one.
func validatePersistentSource(s *corev1.PersistentVolumeSource, p *field.Path) (errs field.ErrorList) {
	sources := persistentSources(s)
	if len(sources) == 0 {
		return field.ErrorList{field.Required(p, "must specify a volume type")}
	}
	for _, name := range sources[1:] {
		errs = append(errs, field.Forbidden(p.Child(name), "may not specify more than 1 volume type"))
	}
	at := p.Child(sources[0])
	for _, f := range neededOf(s) {
		if f.value == "" {
			errs = append(errs, field.Required(at.Child(f.name), ""))
		}
	}
	return append(errs, validateSourceRules(s, at)...)
}

// persistentSources names the sources that are set, in the order of the API.
func persistentSources(s *corev1.PersistentVolumeSource) (names []string) {
	v := reflect.ValueOf(s).Elem()
	for i := range v.NumField() {
		if !v.Field(i).IsNil() {
			name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			names = append(names, name)
		}
	}
	return names
}

// needed is a field that a source cannot do without.
type needed struct{ name, value string }

func neededOf(s *corev1.PersistentVolumeSource) []needed {
	switch {
	case s.GCEPersistentDisk != nil:
		return []needed{{"pdName", s.GCEPersistentDisk.PDName}}
	case s.AWSElasticBlockStore != nil:
		return []needed{{"volumeID", s.AWSElasticBlockStore.VolumeID}}
	case s.HostPath != nil:
		return nil
	case s.Glusterfs != nil:
		return []needed{{"endpoints", s.Glusterfs.EndpointsName}, {"path", s.Glusterfs.Path}}
	case s.NFS != nil:
		return []needed{{"server", s.NFS.Server}, {"path", s.NFS.Path}}
	case s.RBD != nil:
		return []needed{{"monitors", strings.Join(s.RBD.CephMonitors, ",")}, {"image", s.RBD.RBDImage}}
	case s.ISCSI != nil:
		return []needed{{"targetPortal", s.ISCSI.TargetPortal}, {"iqn", s.ISCSI.IQN}}
	case s.Cinder != nil:
		return append([]needed{{"volumeID", s.Cinder.VolumeID}}, neededRef("secretRef", s.Cinder.SecretRef)...)
	case s.CephFS != nil:
		return []needed{{"monitors", strings.Join(s.CephFS.Monitors, ",")}}
	case s.FlexVolume != nil:
		return append([]needed{{"driver", s.FlexVolume.Driver}}, neededRef("secretRef", s.FlexVolume.SecretRef)...)
	case s.AzureFile != nil:
		return []needed{{"secretName", s.AzureFile.SecretName}, {"shareName", s.AzureFile.ShareName}}
	case s.VsphereVolume != nil:
		return []needed{{"volumePath", s.VsphereVolume.VolumePath}}
	}
	return neededOfOther(s)
}

func neededOfOther(s *corev1.PersistentVolumeSource) []needed {
	switch {
	case s.Quobyte != nil:
		return []needed{{"registry", s.Quobyte.Registry}, {"volume", s.Quobyte.Volume}}
	case s.AzureDisk != nil:
		return []needed{{"diskName", s.AzureDisk.DiskName}, {"diskURI", s.AzureDisk.DataDiskURI}}
	case s.PhotonPersistentDisk != nil:
		return []needed{{"pdID", s.PhotonPersistentDisk.PdID}}
	case s.PortworxVolume != nil:
		return []needed{{"volumeID", s.PortworxVolume.VolumeID}}
	case s.ScaleIO != nil:
		return []needed{{"gateway", s.ScaleIO.Gateway}, {"system", s.ScaleIO.System}, {"volumeName", s.ScaleIO.VolumeName}}
	case s.Local != nil:
		return []needed{{"path", s.Local.Path}}
	case s.StorageOS != nil:
		return []needed{{"volumeName", s.StorageOS.VolumeName}}
	case s.CSI != nil:
		all := []needed{{"volumeHandle", s.CSI.VolumeHandle}}
		for _, r := range []struct {
			name string
			ref  *corev1.SecretReference
		}{
			{"controllerPublishSecretRef", s.CSI.ControllerPublishSecretRef}, {"controllerExpandSecretRef", s.CSI.ControllerExpandSecretRef},
			{"nodePublishSecretRef", s.CSI.NodePublishSecretRef}, {"nodeExpandSecretRef", s.CSI.NodeExpandSecretRef},
			{"nodeStageSecretRef", s.CSI.NodeStageSecretRef},
		} {
			all = append(all, neededRef(r.name, r.ref)...)
		}
		return all
	}
	return nil
}

// neededRef is what a reference to a secret of some namespace has to say.
func neededRef(name string, r *corev1.SecretReference) []needed {
	if r == nil {
		return nil
	}
	return []needed{{name + ".name", r.Name}, {name + ".namespace", r.Namespace}}
}

// validateSourceRules checks of a source what is more than being there.
func validateSourceRules(s *corev1.PersistentVolumeSource, at *field.Path) (errs field.ErrorList) {
	switch {
	case s.HostPath != nil:
		return validateHostPath(s.HostPath, at)
	case s.GCEPersistentDisk != nil:
		return validatePartition(s.GCEPersistentDisk.Partition, at)
	case s.AWSElasticBlockStore != nil:
		return validatePartition(s.AWSElasticBlockStore.Partition, at)
	case s.NFS != nil:
		if s.NFS.Path != "" && !path.IsAbs(s.NFS.Path) {
			errs = append(errs, field.Invalid(at.Child("path"), s.NFS.Path, "must be an absolute path"))
		}
	case s.Local != nil:
		return noDotDot(s.Local.Path, at.Child("path"))
	case s.ISCSI != nil:
		return validateISCSI(s.ISCSI, at)
	case s.FC != nil:
		return validateFC(s.FC, at)
	case s.Flocker != nil:
		return validateFlocker(s.Flocker, at)
	case s.FlexVolume != nil:
		for k := range s.FlexVolume.Options {
			prefix, _, _ := strings.Cut(k, "/")
			if dotted := "." + prefix; strings.HasSuffix(dotted, ".kubernetes.io") || strings.HasSuffix(dotted, ".k8s.io") {
				errs = append(errs, field.Invalid(at.Child("options").Key(k), k, "kubernetes.io and k8s.io namespaced options are reserved"))
			}
		}
	case s.AzureFile != nil:
		if n := s.AzureFile.SecretNamespace; n != nil && *n == "" {
			errs = append(errs, field.Required(at.Child("secretNamespace"), ""))
		}
	case s.CSI != nil:
		return validateDriverName(s.CSI.Driver, at.Child("driver"))
	}
	return errs
}

// validateDriverName checks the name of a CSI driver; its case does not count.
func validateDriverName(name string, p *field.Path) (errs field.ErrorList) {
	if name == "" {
		errs = append(errs, field.Required(p, ""))
	}
	if len(name) > 63 {
		errs = append(errs, field.TooLong(p, name, 63))
	}
	return append(errs, invalids(p, name, subdomain(strings.ToLower(name)))...)
}

func validatePartition(n int32, at *field.Path) field.ErrorList {
	if 0 <= n && n <= 255 {
		return nil
	}
	return field.ErrorList{field.Invalid(at.Child("partition"), n, validation.InclusiveRangeError(1, 255))}
}

func validateISCSI(s *corev1.ISCSIPersistentVolumeSource, at *field.Path) (errs field.ErrorList) {
	if s.IQN != "" && !strings.HasPrefix(s.IQN, "iqn") && !strings.HasPrefix(s.IQN, "eui") && !strings.HasPrefix(s.IQN, "naa") {
		errs = append(errs, field.Invalid(at.Child("iqn"), s.IQN, "must be valid format starting with iqn, eui, or naa"))
	}
	errs = append(errs, validateLUN(s.Lun, at)...)
	if s.SecretRef == nil && (s.DiscoveryCHAPAuth || s.SessionCHAPAuth) {
		errs = append(errs, field.Required(at.Child("secretRef"), ""))
	}
	return errs
}

func validateLUN(n int32, at *field.Path) field.ErrorList {
	if 0 <= n && n <= 255 {
		return nil
	}
	return field.ErrorList{field.Invalid(at.Child("lun"), n, validation.InclusiveRangeError(0, 255))}
}

func validateFC(s *corev1.FCVolumeSource, at *field.Path) (errs field.ErrorList) {
	names := at.Child("targetWWNs")
	switch {
	case len(s.TargetWWNs)+len(s.WWIDs) == 0:
		errs = append(errs, field.Required(names, "must specify either targetWWNs or wwids, but not both"))
	case len(s.TargetWWNs) > 0 && len(s.WWIDs) > 0:
		errs = append(errs, field.Invalid(names, s.TargetWWNs, "targetWWNs and wwids can not be specified simultaneously"))
	}
	if len(s.TargetWWNs) == 0 {
		return errs
	}
	if s.Lun == nil {
		return append(errs, field.Required(at.Child("lun"), "lun is required if targetWWNs is specified"))
	}
	return append(errs, validateLUN(*s.Lun, at)...)
}

func validateFlocker(s *corev1.FlockerVolumeSource, at *field.Path) (errs field.ErrorList) {
	switch {
	case s.DatasetName == "" && s.DatasetUUID == "":
		errs = append(errs, field.Required(at, "one of datasetName and datasetUUID is required"))
	case s.DatasetName != "" && s.DatasetUUID != "":
		errs = append(errs, field.Invalid(at, "resource", "datasetName and datasetUUID can not be specified simultaneously"))
	}
	if strings.Contains(s.DatasetName, "/") {
		errs = append(errs, field.Invalid(at.Child("datasetName"), s.DatasetName, "must not contain '/'"))
	}
	return errs
}
