// Package services is the list of Taffrail's services: each a folder of one shape, each an
// independent consumer of the journal that can be its own process.
package services
