package rest

import (
	"cmp"
	"context"
	"fmt"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"taffrail.dev/gateway/admission"
	"taffrail.dev/gateway/kind"
	eventv1 "taffrail.dev/proto/gen/event/v1"
)

func (s *Server) sortPlugins() {
	for _, p := range s.cfg.Admission {
		if v, ok := p.(admission.Validator); ok {
			s.validators = append(s.validators, v)
		}
		if c, ok := p.(admission.Connector); ok {
			s.connectors = append(s.connectors, c)
		}
		if c, ok := p.(admission.Charger); ok {
			s.chargers = append(s.chargers, c)
		}
	}
}

// admit asks the admission plugins, once more if one of them wants it. What an earlier attempt noted is forgotten.
func (s *Server) admit(ctx context.Context, c *Call, obj, old kind.Object) error {
	c.Admission, c.Rounds = nil, nil
	if err := s.admitRound(ctx, c, obj, old); err != nil || c.Rounds == nil || !c.Rounds.Wanted {
		return err
	}
	c.Rounds.Second = true
	return s.admitRound(ctx, c, obj, old)
}

func (s *Server) admitRound(ctx context.Context, c *Call, obj, old kind.Object) error {
	for _, plugin := range s.cfg.Admission {
		if err := plugin.Admit(ctx, &c.Request, obj, old); err != nil {
			return s.refused(c, plugin, err)
		}
	}
	return nil
}

// judge asks the plugins about what is to be stored.
func (s *Server) judge(ctx context.Context, c *Call, obj, old kind.Object) error {
	for _, plugin := range s.validators {
		if err := plugin.Validate(ctx, &c.Request, obj, old); err != nil {
			return s.refused(c, plugin, err)
		}
	}
	return nil
}

// admitConnection asks the plugins about a connection.
func (s *Server) admitConnection(ctx context.Context, c *Call) error {
	if len(s.connectors) == 0 || c.sub.Options == nil {
		return nil
	}
	options := c.sub.Options(c.HTTP)
	for _, plugin := range s.connectors {
		if err := plugin.Connect(ctx, &c.Request, options); err != nil {
			return s.refused(c, plugin, err)
		}
	}
	return nil
}

// turn waits until a create may be decided: those that contend for one thing, such as a namespace's quota, would otherwise
// only lose races against each other. No webhook is asked in a turn: it may write where it would have to wait for that very turn.
func (s *Server) turn(ctx context.Context, c *Call) (done func(), err error) {
	for _, plugin := range s.chargers {
		if lane := plugin.Lane(&c.Request); lane != "" {
			return s.lanes.enter(ctx, lane)
		}
	}
	return func() {}, nil
}

// charge lets the plugins add to what is appended.
func (s *Server) charge(ctx context.Context, c *Call, t *tx, obj, old kind.Object) error {
	for _, plugin := range s.chargers {
		if err := plugin.Charge(ctx, &c.Request, t, obj, old); err != nil {
			return s.refused(c, plugin, err)
		}
	}
	return nil
}

// refused makes a plugin's error an answer, and tells of it unless it is no refusal but that nothing could be decided.
func (s *Server) refused(c *Call, plugin admission.Plugin, err error) error {
	if _, ok := err.(apierrors.APIStatus); !ok {
		err = apierrors.NewForbidden(c.served.gr, c.Name, fmt.Errorf("admission plugin %q: %w", plugin.Name(), err))
	}
	status := err.(apierrors.APIStatus).Status()
	if s.cfg.Refused == nil || status.Code == http.StatusServiceUnavailable || status.Code == http.StatusGatewayTimeout {
		return err
	}
	if c.RefusedBy() == nil {
		c.Step(&eventv1.AdmissionStep{Plugin: plugin.Name(), Refused: true, Code: status.Code, Message: status.Message})
	}
	s.cfg.Refused(&eventv1.Event{
		Id: newID(), Time: c.Now.UnixNano(), Actor: c.actor(), Verb: c.Verb, Subresource: c.Subresource,
		Object: &eventv1.ObjectRef{
			Group: c.Kind.Group, Version: c.Kind.Version, Kind: c.Kind.Kind, Resource: c.Kind.Resource,
			Namespace: c.Namespace, Name: cmp.Or(c.Name, "unnamed"),
		},
		Cause: c.Cause, Correlation: c.Correlation, What: eventv1.What_REFUSED, Reason: c.RefusedBy().GetMessage(),
		Encoding: eventv1.Encoding_ENCODING_PROTOBUF, Admission: c.Admission,
	})
	return err
}
