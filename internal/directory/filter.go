package directory

import (
	"fmt"
	"slices"
	"unicode/utf8"
)

// AccountStatus says whether an account can be used: Slack deactivates accounts, and never
// deletes them. As a filter, the zero value matches both.
type AccountStatus string

// The account statuses.
const (
	Active      AccountStatus = "active"
	Deactivated AccountStatus = "deactivated"
)

// Group is a group of kinds that people filter by together. Its values are stored, see [Account].
type Group string

// The groups. Forgotten people are in none.
const (
	GroupMembers  Group = "members"
	GroupAdmins   Group = "admins" // and owners
	GroupGuests   Group = "guests" // of one channel or several
	GroupBots     Group = "bots"
	GroupExternal Group = "external"
)

// Groups are all groups.
var Groups = []Group{GroupMembers, GroupAdmins, GroupGuests, GroupBots, GroupExternal}

// Group returns the kind's group, empty for none.
func (k Kind) Group() Group {
	switch k {
	case Member:
		return GroupMembers
	case Admin, Owner:
		return GroupAdmins
	case Guest, SingleChannelGuest:
		return GroupGuests
	case Bot:
		return GroupBots
	case External:
		return GroupExternal
	}
	return ""
}

// Account combines account status and group, for an index: "active/members".
func Account(u User) string {
	status := Active
	if u.Deleted {
		status = Deactivated
	}
	return account(status, u.Kind.Group())
}

func account(s AccountStatus, g Group) string { return string(s) + "/" + string(g) }

// Accounts returns the values of [Account] that the filter matches; none if it matches all.
func (f Filter) Accounts() (all []string) {
	if f.AccountStatus == "" && f.Group == "" && !f.Home {
		return nil
	}
	for _, s := range []AccountStatus{Active, Deactivated} {
		for _, g := range append(Groups[:len(Groups):len(Groups)], "") {
			if (f.AccountStatus == "" || f.AccountStatus == s) && (f.Group == "" || f.Group == g) && !(f.Home && f.Group == "" && g == GroupExternal) {
				all = append(all, account(s, g))
			}
		}
	}
	return all
}

// AllAccounts returns every value of [Account].
func AllAccounts() []string {
	return append(Filter{AccountStatus: Active}.Accounts(), Filter{AccountStatus: Deactivated}.Accounts()...)
}

// maxTimeZones is how many values Firestore's "in" takes (its page "Query limitations").
const maxTimeZones = 30

// Filter selects users. A user must match every field that is set.
type Filter struct {
	Words         []string // see [ParseQuery]: each begins a word that the user is found by, or is a code such as the id
	Fields        []FieldFilter
	AccountStatus AccountStatus
	Group         Group
	TimeZones     []string // any of them; none for all
	// Source is the source of the newest message. It works only alone and with [ByChange].
	Source Source
	// Home leaves out people of other workspaces, as users.list does. A Group overrides it.
	Home bool
	// Since is the lowest [User.Version]; 0 for none. It works only with [ByChange].
	Since Version
}

// Validate returns an error that wraps [ErrInvalid] unless f.AccountStatus and f.Group exist,
// and f.TimeZones and f.Fields could.
func (f Filter) Validate() error {
	if f.AccountStatus != "" && f.AccountStatus != Active && f.AccountStatus != Deactivated {
		return fmt.Errorf("%w: account status %q", ErrInvalid, f.AccountStatus)
	}
	if f.Group != "" && !slices.Contains(Groups, f.Group) {
		return fmt.Errorf("%w: group %q", ErrInvalid, f.Group)
	}
	if len(f.TimeZones) > maxTimeZones {
		return fmt.Errorf("%w: more than %d time zones", ErrInvalid, maxTimeZones)
	}
	if slices.Contains(f.TimeZones, "") {
		return fmt.Errorf("%w: time zone without a name", ErrInvalid)
	}
	if len(f.Fields) > maxFieldFilters {
		return fmt.Errorf("%w: more than %d custom fields", ErrInvalid, maxFieldFilters)
	}
	for _, field := range f.Fields {
		if !fieldIDPattern.MatchString(field.ID) || len(field.Value) > maxFolded || !utf8.ValidString(field.Value) {
			return fmt.Errorf("%w: filter of a custom field", ErrInvalid)
		}
	}
	return nil
}

// Matches reports whether u matches. Removed users never do.
func (f Filter) Matches(u User) bool {
	return !u.Removed &&
		(f.AccountStatus == "" || u.Deleted == (f.AccountStatus == Deactivated)) &&
		(f.Group == "" || u.Kind.Group() == f.Group) &&
		(len(f.TimeZones) == 0 || slices.Contains(f.TimeZones, u.TZ)) &&
		(f.Source == "" || u.Source == f.Source) &&
		(!f.Home || f.Group != "" || u.Kind != External) &&
		u.Version >= f.Since &&
		f.matchesWords(u) &&
		f.matchesFields(u)
}
