package directory

import (
	"encoding/json"
	"fmt"
	"strings"

	"rollcall/internal/ijson"
)

// object is one of Slack's user objects, with the two nested objects that have core
// fields apart.
type object struct {
	top            ijson.Object // all but the two
	profile        ijson.Object
	enterpriseUser ijson.Object
}

func parseObject(raw json.RawMessage) (*object, error) {
	top, err := ijson.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: user: %w", ErrInvalid, err)
	}
	return takeApart(top), nil
}

// parseStored reads what [object.text] returned.
func parseStored(text json.RawMessage) (*object, error) {
	top, err := ijson.ParseCanonical(text)
	if err != nil {
		return nil, fmt.Errorf("%w: stored object: %w", ErrInvalid, err)
	}
	return takeApart(top), nil
}

func takeApart(top ijson.Object) *object {
	o := &object{top: top, profile: top.Get("profile").Object(), enterpriseUser: top.Get("enterprise_user").Object()}
	if o.profile != nil {
		o.top = o.top.With("profile", "")
	}
	if o.enterpriseUser != nil {
		o.top = o.top.With("enterprise_user", "")
	}
	return o
}

// text returns o as canonical JSON.
func (o *object) text() json.RawMessage {
	all := o.top
	if o.profile != nil {
		all = all.With("profile", o.profile.Text())
	}
	if o.enterpriseUser != nil {
		all = all.With("enterprise_user", o.enterpriseUser.Text())
	}
	return json.RawMessage(all.Text())
}

func (o *object) is(flag string) bool { return o.top.Get(flag).Bool() }

// joined returns the core of newer. Every other key has newer's value or, if newer
// lacks the key, older's.
func joined(newer, older *object) *object {
	return &object{
		top:            joinedBy(coreTop, newer.top, older.top),
		profile:        joinedBy(coreProfile, newer.profile, older.profile),
		enterpriseUser: joinedBy(coreEnterpriseUser, newer.enterpriseUser, older.enterpriseUser),
	}
}

func joinedBy(core map[string]coreField, newer, older ijson.Object) ijson.Object {
	both := ijson.Merge(newer, older, func(name string, n, o ijson.Value) ijson.Value {
		if _, isCore := core[name]; isCore || n != "" {
			return n
		}
		return o
	})
	if len(both) == 0 {
		return newer // as it was: absent or empty
	}
	return both
}

// isTransient reports fields that hold only for a while: huddles and presence.
// Listings have them sometimes, and late.
func isTransient(name string) bool {
	return name == "presence" || strings.HasPrefix(name, "huddle_state")
}

func (o *object) dropTransient() {
	drop := func(members ijson.Object) ijson.Object {
		kept := members[:0:0]
		for _, m := range members {
			if !isTransient(m.Name) {
				kept = append(kept, m)
			}
		}
		return kept
	}
	o.top = drop(o.top)
	if o.profile != nil {
		o.profile = drop(o.profile)
		if o.profile == nil {
			o.profile = ijson.Object{}
		}
	}
}
