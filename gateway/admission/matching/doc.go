// Package matching is what webhooks and policies have in common: which writes they are about, and the
// write as they see it.
package matching
