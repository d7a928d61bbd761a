package gateway

import (
	_ "github.com/go-jose/go-jose/v4"
	_ "github.com/google/btree"
	_ "github.com/nats-io/nats.go"
	_ "github.com/prometheus/client_golang/prometheus/promhttp"
	_ "go.uber.org/zap"
	_ "golang.org/x/net/http2"
	_ "k8s.io/api/apps/v1"
	_ "k8s.io/api/core/v1"
	_ "k8s.io/apimachinery/pkg/util/managedfields"
	_ "k8s.io/client-go/applyconfigurations"
	_ "k8s.io/client-go/rest"
	_ "k8s.io/component-helpers/scheduling/corev1"
	_ "k8s.io/kube-openapi/pkg/builder3"
	_ "sigs.k8s.io/structured-merge-diff/v6/typed"
	_ "sigs.k8s.io/yaml"
	_ "taffrail.dev/events/fold"
)
