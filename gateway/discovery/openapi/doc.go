// Package openapi serves the OpenAPI documents of the gateway's kinds, v2 and v3, as JSON and as protobuf. They are
// generated and compressed ahead, and stay so until asked for.
package openapi

//go:generate go run ./generate
