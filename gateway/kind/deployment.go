package kind

import (
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func deploymentKind() *Kind {
	return &Kind{
		GroupVersionKind: gvk("apps", "v1", "Deployment"), Resource: "deployments", ShortNames: []string{"deploy"},
		Categories: []string{"all"}, Namespaced: true,
		New:     func() Object { return new(appsv1.Deployment) },
		NewList: func() runtime.Object { return new(appsv1.DeploymentList) },
		Default: on(defaultDeployment),
		Prepare: prepares(func(d, old *appsv1.Deployment) {
			if d.Status = (appsv1.DeploymentStatus{}); old != nil {
				d.Status = old.Status
			}
		}),
		Spec:     part(func(d *appsv1.Deployment) any { return &d.Spec }),
		Validate: validates(validateDeployment),
		Warnings: warns(func(d, old *appsv1.Deployment) []string {
			if old != nil {
				return nil
			}
			return podSpecWarnings(&d.Spec.Template.Spec, "spec.template.spec")
		}),
		What:    whatScaled,
		Columns: deploymentColumns(),
		Subresources: []Subresource{
			status(func(d, old *appsv1.Deployment) { d.Spec, d.Labels = old.Spec, old.Labels }, validateDeploymentStatus),
			scale(func(d *appsv1.Deployment) scaled {
				return scaled{d.Spec.Replicas, d.Status.Replicas, d.Spec.Selector}
			}, func(d *appsv1.Deployment, n int32) { d.Spec.Replicas = &n }),
		},
	}
}

func defaultDeployment(d *appsv1.Deployment) {
	s := &d.Spec
	if s.Replicas == nil {
		s.Replicas = ptr[int32](1)
	}
	setDefault(&s.Strategy.Type, appsv1.RollingUpdateDeploymentStrategyType)
	if s.Strategy.Type == appsv1.RollingUpdateDeploymentStrategyType {
		if s.Strategy.RollingUpdate == nil {
			s.Strategy.RollingUpdate = new(appsv1.RollingUpdateDeployment)
		}
		quarter := intstr.FromString("25%")
		if s.Strategy.RollingUpdate.MaxUnavailable == nil {
			s.Strategy.RollingUpdate.MaxUnavailable = ptr(quarter)
		}
		if s.Strategy.RollingUpdate.MaxSurge == nil {
			s.Strategy.RollingUpdate.MaxSurge = ptr(quarter)
		}
	}
	if s.RevisionHistoryLimit == nil {
		s.RevisionHistoryLimit = ptr[int32](10)
	}
	if s.ProgressDeadlineSeconds == nil {
		s.ProgressDeadlineSeconds = ptr[int32](600)
	}
	defaultPodTemplate(&s.Template)
}

func deploymentColumns() []Column {
	number := func(name string, f func(*appsv1.Deployment) int32) Column {
		return column(name, "string", 0, func(d *appsv1.Deployment, _ time.Time) any { return int64(f(d)) })
	}
	columns := []Column{
		column("Ready", "string", 0, func(d *appsv1.Deployment, _ time.Time) any {
			return strconv.Itoa(int(d.Status.ReadyReplicas)) + "/" + strconv.Itoa(int(value(d.Spec.Replicas)))
		}),
		number("Up-to-date", func(d *appsv1.Deployment) int32 { return d.Status.UpdatedReplicas }),
		number("Available", func(d *appsv1.Deployment) int32 { return d.Status.AvailableReplicas }),
		ageColumn,
	}
	return append(columns, templateColumns(func(obj Object) (*corev1.PodSpec, string) {
		d := obj.(*appsv1.Deployment)
		return &d.Spec.Template.Spec, formatSelector(d.Spec.Selector)
	})...)
}

func value(n *int32) int32 {
	if n == nil {
		return 0
	}
	return *n
}
