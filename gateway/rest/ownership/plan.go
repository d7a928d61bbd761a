package ownership

import (
	"k8s.io/apimachinery/pkg/util/managedfields"

	"taffrail.dev/gateway/kind"
)

type plan struct{}

func planOf(managedfields.TypeConverter, *kind.Kind) *plan { return nil }

func (p *plan) fields(kind.Object) []byte { return nil }
