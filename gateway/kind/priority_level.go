package kind

import (
	"fmt"
	"math"
	"time"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

const (
	defaultShares      = 30
	defaultHandSize    = 8
	defaultQueues      = 64
	defaultQueueLength = 50
)

func priorityLevelKind() *Kind {
	type level = flowcontrolv1.PriorityLevelConfiguration
	queuing := func(name string, of func(*flowcontrolv1.QueuingConfiguration) int32) Column {
		return column(name, "string", 0, func(l *level, _ time.Time) any {
			if l.Spec.Limited == nil || l.Spec.Limited.LimitResponse.Queuing == nil {
				return "<none>"
			}
			return int64(of(l.Spec.Limited.LimitResponse.Queuing))
		})
	}
	return &Kind{
		GroupVersionKind: gvk(flowcontrolv1.GroupName, "v1", "PriorityLevelConfiguration"), Resource: "prioritylevelconfigurations",
		New:      func() Object { return new(level) },
		NewList:  func() runtime.Object { return new(flowcontrolv1.PriorityLevelConfigurationList) },
		Default:  on(defaultPriorityLevel),
		Prepare:  keepsStatus(func(l *level) *flowcontrolv1.PriorityLevelConfigurationStatus { return &l.Status }),
		Spec:     part(func(l *level) any { return &l.Spec }),
		Validate: validates(func(l, _ *level) field.ErrorList { return validatePriorityLevel(l) }),
		Columns: []Column{
			text("Type", func(l *level) string { return string(l.Spec.Type) }),
			column("NominalConcurrencyShares", "string", 0, func(l *level, _ time.Time) any {
				if l.Spec.Limited == nil {
					return "<none>"
				}
				return int64(value(l.Spec.Limited.NominalConcurrencyShares))
			}),
			queuing("Queues", func(q *flowcontrolv1.QueuingConfiguration) int32 { return q.Queues }),
			queuing("HandSize", func(q *flowcontrolv1.QueuingConfiguration) int32 { return q.HandSize }),
			queuing("QueueLengthLimit", func(q *flowcontrolv1.QueuingConfiguration) int32 { return q.QueueLengthLimit }),
		},
		Subresources: []Subresource{status(func(l, old *level) { l.Spec = old.Spec }, func(l, _ *level) field.ErrorList {
			return validateFlowConditions(len(l.Status.Conditions), func(i int) string { return string(l.Status.Conditions[i].Type) })
		})},
	}
}

func defaultPriorityLevel(l *flowcontrolv1.PriorityLevelConfiguration) {
	number := func(n **int32, v int32) {
		if *n == nil {
			*n = ptr(v)
		}
	}
	if e := l.Spec.Exempt; e != nil {
		number(&e.NominalConcurrencyShares, 0)
		number(&e.LendablePercent, 0)
	}
	if s := l.Spec.Limited; s != nil {
		number(&s.NominalConcurrencyShares, defaultShares)
		number(&s.LendablePercent, 0)
		if q := s.LimitResponse.Queuing; q != nil {
			setDefault(&q.HandSize, defaultHandSize)
			setDefault(&q.Queues, defaultQueues)
			setDefault(&q.QueueLengthLimit, defaultQueueLength)
		}
	}
}

func validatePriorityLevel(l *flowcontrolv1.PriorityLevelConfiguration) (errs field.ErrorList) {
	const keepsZero = "flowcontrol.k8s.io/v1beta3-preserve-zero-concurrency-shares"
	if _, ok := l.Annotations[keepsZero]; ok {
		errs = append(errs, field.Forbidden(metaPath.Child("annotations"), fmt.Sprintf("annotation '%s' is forbidden", keepsZero)))
	}
	s, of := &l.Spec, specPath.Child("type")
	if (l.Name == flowcontrolv1.PriorityLevelConfigurationNameExempt) != (s.Type == flowcontrolv1.PriorityLevelEnablementExempt) {
		errs = append(errs, field.Invalid(of, s.Type, "must be 'Exempt' if and only if `name` is 'exempt'"))
	}
	errs = append(errs, oneOf(s.Type, of, flowcontrolv1.PriorityLevelEnablementExempt, flowcontrolv1.PriorityLevelEnablementLimited)...)
	limited, exempt := specPath.Child("limited"), specPath.Child("exempt")
	switch s.Type {
	case flowcontrolv1.PriorityLevelEnablementExempt:
		if s.Limited != nil {
			errs = append(errs, field.Forbidden(limited, "must be nil if the type is not Limited"))
		}
		if s.Exempt != nil {
			errs = append(errs, validateShares(s.Exempt.NominalConcurrencyShares, s.Exempt.LendablePercent, exempt)...)
		}
	case flowcontrolv1.PriorityLevelEnablementLimited:
		if s.Exempt != nil {
			errs = append(errs, field.Forbidden(exempt, "must be nil if the type is Limited"))
		}
		if s.Limited == nil {
			errs = append(errs, field.Required(limited, "must not be empty when type is Limited"))
		} else {
			errs = append(errs, validateLimitedLevel(s.Limited, limited)...)
		}
	}
	return append(errs, validateMandatoryLevel(l)...)
}

func validateShares(shares, lendable *int32, p *field.Path) (errs field.ErrorList) {
	if value(shares) < 0 {
		errs = append(errs, field.Invalid(p.Child("nominalConcurrencyShares"), *shares, "must be a non-negative integer"))
	}
	if n := value(lendable); n < 0 || n > 100 {
		errs = append(errs, field.Invalid(p.Child("lendablePercent"), n, "must be between 0 and 100, inclusive"))
	}
	return errs
}

func validateLimitedLevel(l *flowcontrolv1.LimitedPriorityLevelConfiguration, p *field.Path) (errs field.ErrorList) {
	errs = validateShares(l.NominalConcurrencyShares, l.LendablePercent, p)
	if n := value(l.BorrowingLimitPercent); n < 0 {
		errs = append(errs, field.Invalid(p.Child("borrowingLimitPercent"), n, "if specified, must be a non-negative integer"))
	}
	r, at := &l.LimitResponse, p.Child("limitResponse")
	errs = append(errs, oneOf(r.Type, at.Child("type"), flowcontrolv1.LimitResponseTypeQueue, flowcontrolv1.LimitResponseTypeReject)...)
	queuing := at.Child("queuing")
	switch r.Type {
	case flowcontrolv1.LimitResponseTypeReject:
		if r.Queuing != nil {
			errs = append(errs, field.Forbidden(queuing, "must be nil if limited.limitResponse.type is not Limited"))
		}
	case flowcontrolv1.LimitResponseTypeQueue:
		if r.Queuing == nil {
			errs = append(errs, field.Required(queuing, "must not be empty if limited.limitResponse.type is Limited"))
		} else {
			errs = append(errs, validateQueuing(r.Queuing, queuing)...)
		}
	}
	return errs
}

const (
	maxFlowQueues = 10_000_000
	// maxHashBits is how many bits of a flow's hash choose its queues.
	maxHashBits = 60
)

func validateQueuing(q *flowcontrolv1.QueuingConfiguration, p *field.Path) (errs field.ErrorList) {
	queues, hand := p.Child("queues"), p.Child("handSize")
	if q.QueueLengthLimit <= 0 {
		errs = append(errs, field.Invalid(p.Child("queueLengthLimit"), q.QueueLengthLimit, "must be positive"))
	}
	if q.Queues <= 0 {
		errs = append(errs, field.Invalid(queues, q.Queues, "must be positive"))
	} else if q.Queues > maxFlowQueues {
		errs = append(errs, field.Invalid(queues, q.Queues, fmt.Sprintf("must not be greater than %d", maxFlowQueues)))
	}
	switch {
	case q.HandSize <= 0:
		errs = append(errs, field.Invalid(hand, q.HandSize, "must be positive"))
	case q.HandSize > q.Queues:
		errs = append(errs, field.Invalid(hand, q.HandSize, fmt.Sprintf("should not be greater than queues (%d)", q.Queues)))
	case math.Ceil(math.Log2(float64(q.Queues))*float64(q.HandSize)) > maxHashBits:
		errs = append(errs, field.Invalid(hand, q.HandSize, fmt.Sprintf("required entropy bits of deckSize %d and handSize %d should not be greater than %d", q.Queues, q.HandSize, maxHashBits)))
	}
	return errs
}
