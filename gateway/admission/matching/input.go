package matching

import (
	"taffrail.dev/gateway/access"
	"taffrail.dev/gateway/expression"
)

// Input is what expressions about the write are evaluated with; authorize may be nil. Namespace, parameters and
// variables are the caller's to add.
func (a *Asked) Input(authorize access.Authorize) (in *expression.Input, err error) {
	in = &expression.Input{}
	if in.Object, err = a.ObjectMap(); err != nil {
		return nil, err
	}
	if in.OldObject, err = a.OldMap(); err != nil {
		return nil, err
	}
	if in.Request, err = a.RequestMap(); err != nil {
		return nil, err
	}
	if authorize != nil {
		in.Authorizer, in.RequestResource = Authorizers(a.Request, authorize)
	}
	return in, nil
}
