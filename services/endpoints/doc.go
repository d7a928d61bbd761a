// Package endpoints says, for every Service with a selector, which pods serve it: as EndpointSlices, packed
// so that a change writes little, and as the legacy Endpoints. It mirrors Endpoints that users keep for
// Services without a selector into slices.
package endpoints
