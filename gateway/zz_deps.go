package gateway

import (
	_ "k8s.io/api/core/v1"
	_ "k8s.io/api/apps/v1"
	_ "k8s.io/client-go/applyconfigurations"
	_ "k8s.io/component-helpers/scheduling/corev1"
	_ "k8s.io/kube-openapi/pkg/builder3"
	_ "k8s.io/apimachinery/pkg/util/managedfields"
	_ "sigs.k8s.io/structured-merge-diff/v6/typed"
	_ "go.uber.org/zap"
	_ "github.com/prometheus/client_golang/prometheus/promhttp"
	_ "github.com/google/btree"
	_ "sigs.k8s.io/yaml"
	_ "github.com/go-jose/go-jose/v4"
	_ "golang.org/x/net/http2"
	_ "github.com/nats-io/nats.go"
	_ "k8s.io/client-go/rest"
	_ "taffrail.dev/events/fold"
)
