package services

import (
	_ "k8s.io/api/core/v1"
	_ "k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	_ "k8s.io/apimachinery/pkg/util/intstr"
	_ "taffrail.dev/events/fold"
	_ "go.uber.org/zap"
	_ "github.com/prometheus/client_golang/prometheus"
)
