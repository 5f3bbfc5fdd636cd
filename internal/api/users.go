package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"rollcall/internal/directory"
	"rollcall/internal/ijson"
	"rollcall/internal/tokens"
)

// PeopleStore is where people are read.
type PeopleStore interface {
	// User returns a user, who may be removed, or [directory.ErrNotFound].
	User(ctx context.Context, teamID, userID string) (directory.User, directory.Revision, error)
	// Users returns a page of the users that are not removed, without their parts.
	Users(ctx context.Context, teamID string, req directory.PageRequest) (directory.Page, error)
	// Count returns how many users match the filter, or an upper bound.
	Count(ctx context.Context, teamID string, f directory.Filter) (n int, exact bool, err error)
	// UsersByID returns the users with those ids, removed ones too, in no order.
	UsersByID(ctx context.Context, teamID string, ids []string) ([]directory.User, error)
	// UsersByEmail returns the users with that [directory.EmailKey], without removed ones.
	UsersByEmail(ctx context.Context, teamID, key string) ([]directory.User, error)
}

// visible returns Slack's object of a user as far as the token may see it.
func visible(u directory.User, t tokens.Token) (json.RawMessage, error) {
	if u.Kind == directory.Forgotten {
		return forgotten(u)
	}
	email, fields := t.Has(tokens.EmailRead), t.Has(tokens.ProfileRead)
	if email && fields {
		return u.Slack, nil
	}
	o, err := ijson.ParseCanonical(u.Slack)
	if err != nil {
		return nil, fmt.Errorf("stored object of a user: %w", err)
	}
	// In what an older release stored, names may be in any order, so Get might not find them.
	for i, m := range o {
		if m.Name == "profile" {
			o[i].Value = withheld(m.Value.Object(), email, fields).Text()
		}
	}
	return json.RawMessage(o.Text()), nil
}

// forgotten returns the object of somebody whom Slack has erased. Slack marks them deleted and fills
// in placeholders; the copy keeps only the name.
func forgotten(u directory.User) (json.RawMessage, error) {
	return json.Marshal(map[string]any{"id": u.ID, "team_id": u.TeamID, "deleted": true, "is_forgotten": true, "profile": map[string]any{"real_name": "Deactivated User", "real_name_normalized": "Deactivated User"}})
}

// withheld returns a profile without what the token may not see.
func withheld(profile ijson.Object, email, fields bool) ijson.Object {
	return slices.DeleteFunc(profile, func(m ijson.Member) bool { return !email && m.Name == "email" || !fields && m.Name == "fields" })
}

func allVisible(users []directory.User, t tokens.Token) (all objects, err error) {
	all = make(objects, len(users))
	for i, u := range users {
		if all[i], err = visible(u, t); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// usersList answers users.list, in the order of names or, with updated_since, with the latest change first.
// It bills a read for each person.
func (h *handler) usersList(ctx context.Context, c *call) (answer, error) {
	team, err := c.team()
	if err != nil {
		return answer{}, err
	}
	req, err := c.listed()
	if err != nil {
		return answer{}, err
	}
	if req.Limit == 0 {
		n, _, err := h.People.Count(ctx, team, req.Filter)
		switch {
		case err != nil:
			return answer{}, err
		case n > maxLimit:
			return answer{}, errLimitRequired
		}
		req.Limit = maxLimit
	}
	if err := h.reserve(ctx, c, req.Limit); err != nil {
		return answer{}, err
	}
	now := h.Now()
	req.Bare = true
	page, err := h.People.Users(ctx, team, req)
	if err != nil {
		return answer{}, err
	}
	members, err := allVisible(page.Users, c.token)
	if err != nil {
		return answer{}, err
	}
	cursor := ""
	if page.Next != nil {
		cursor = page.Next.String()
	}
	c.show(page.Users...)
	return ok(member{"members", members}, member{"cache_ts", now.Unix()}, next(cursor))
}

// listed returns what users.list is asked for.
func (c *call) listed() (req directory.PageRequest, err error) {
	if req.Limit, err = c.args.limit(); err != nil {
		return req, err
	}
	if req.After, err = c.args.cursor(); err != nil {
		return req, err
	}
	since, err := c.args.time("updated_since")
	if err != nil {
		return req, err
	}
	if req.Order = directory.ByName; !since.IsZero() {
		req.Order, req.Filter.Since = directory.ByChange, directory.VersionOf(since)
	}
	f := &req.Filter
	f.Home, f.AccountStatus, f.Group = true, directory.AccountStatus(c.args.values["status"]), directory.Group(c.args.values["kind"])
	tz := c.args.values["tz"]
	if tz != "" {
		f.TimeZones = []string{tz}
	}
	if f.Validate() != nil || len(tz) > maxTZ {
		return req, errArguments
	}
	if query := c.args.values["query"]; query != "" {
		// The index has words from e-mail addresses and custom fields. Whoever finds people by one learns it.
		for _, scope := range []string{tokens.EmailRead, tokens.ProfileRead} {
			if !c.token.Has(scope) {
				return req, missingScope{scope, c.token}
			}
		}
		if f.Words = directory.ParseQuery(query); len(f.Words) == 0 {
			return req, errArguments
		}
	}
	c.shown.Filters = map[string]string{}
	for _, name := range []string{"query", "status", "kind", "tz", "updated_since"} {
		if value := c.args.values[name]; value != "" {
			c.shown.Filters[name] = value
		}
	}
	return req, nil
}

// maxTZ is longer than any name in the time zone database.
const maxTZ = 64

// usersInfo answers users.info of one person or several.
func (h *handler) usersInfo(ctx context.Context, c *call) (answer, error) {
	team, err := c.team()
	if err != nil {
		return answer{}, err
	}
	ids := c.args.list("users")
	if len(ids) == 0 {
		u, err := h.user(ctx, c)
		if err != nil {
			return answer{}, err
		}
		return userAnswer(u, c.token)
	}
	if len(ids) > maxLimit {
		return answer{}, errArguments
	}
	users, err := h.usersByID(ctx, c, team, ids)
	if err != nil {
		return answer{}, err
	}
	all, err := allVisible(users, c.token)
	if err != nil {
		return answer{}, err
	}
	c.show(users...)
	return ok(member{"users", all})
}

// usersByID returns the users in the order of ids. All of them must exist, as at Slack.
func (h *handler) usersByID(ctx context.Context, c *call, team string, ids []string) ([]directory.User, error) {
	position := map[string]int{}
	var distinct []string
	for _, id := range ids {
		if directory.ValidateID("user", id) != nil {
			return nil, errUserNotFound
		}
		if _, again := position[id]; !again {
			position[id] = len(distinct)
			distinct = append(distinct, id)
		}
	}
	if err := h.reserve(ctx, c, len(distinct)); err != nil {
		return nil, err
	}
	found, err := h.People.UsersByID(ctx, team, distinct)
	if err != nil {
		return nil, err
	}
	users := make([]directory.User, len(distinct))
	for _, u := range found {
		if !u.Removed {
			users[position[u.ID]] = u
		}
	}
	for i, u := range users {
		if u.ID == "" {
			c.missed(distinct[i])
			return nil, errUserNotFound
		}
	}
	return users, nil
}

// userAnswer answers with what the token may see of one person.
func userAnswer(u directory.User, token tokens.Token) (answer, error) {
	o, err := visible(u, token)
	if err != nil {
		return answer{}, err
	}
	return ok(member{"user", o})
}

// user returns the person that the call names.
func (h *handler) user(ctx context.Context, c *call) (directory.User, error) {
	id := c.args.values["user"]
	if directory.ValidateID("user", id) != nil {
		return directory.User{}, errUserNotFound
	}
	u, _, err := h.People.User(ctx, c.teamID, id)
	if errors.Is(err, directory.ErrNotFound) || err == nil && u.Removed {
		c.missed(id)
		return directory.User{}, errUserNotFound
	}
	if err == nil {
		c.show(u)
	}
	return u, err
}

// usersLookupByEmail answers users.lookupByEmail. Like Slack, it finds nobody who is deactivated or of
// another workspace; include_deactivated is ours. It bills one read.
func (h *handler) usersLookupByEmail(ctx context.Context, c *call) (answer, error) {
	if _, err := c.team(); err != nil {
		return answer{}, err
	}
	u, err := h.byEmail(ctx, c)
	if err != nil {
		return answer{}, err
	}
	return userAnswer(u, c.token)
}

// byEmail returns the person whose e-mail address the call names.
func (h *handler) byEmail(ctx context.Context, c *call) (directory.User, error) {
	key := directory.EmailKey(c.args.values["email"])
	if key == "" {
		return directory.User{}, errUsersNotFound
	}
	c.shown.Filters = map[string]string{"email": key}
	users, err := h.People.UsersByEmail(ctx, c.teamID, key)
	if err != nil {
		return directory.User{}, err
	}
	var found *directory.User
	for i, u := range users {
		switch {
		case u.Kind == directory.External, u.Deleted && !c.args.is("include_deactivated"):
		case found == nil, found.Deleted && !u.Deleted: // somebody active has taken the address over
			found = &users[i]
		}
	}
	if found == nil {
		c.missed()
		return directory.User{}, errUsersNotFound
	}
	c.show(*found)
	return *found, nil
}

// usersProfile answers users.profile.get. A token belongs to no person, so the call has to name one.
func (h *handler) usersProfile(ctx context.Context, c *call) (answer, error) {
	team, err := c.team()
	if err != nil {
		return answer{}, err
	}
	u, err := h.user(ctx, c)
	if err != nil {
		return answer{}, err
	}
	o, err := ijson.Parse(u.Slack)
	if err != nil {
		return answer{}, fmt.Errorf("stored object of a user: %w", err)
	}
	profile := o.Get("profile").Object()
	if profile == nil {
		profile = ijson.Object{}
	}
	profile = withheld(profile, c.token.Has(tokens.EmailRead), true)
	if fields := profile.Get("fields").Object(); c.args.is("include_labels") && len(fields) > 0 {
		labels, err := h.labels(ctx, team)
		if err != nil {
			return answer{}, err
		}
		for i, f := range fields {
			if field := f.Value.Object(); field != nil && labels[f.Name] != "" {
				fields[i].Value = field.With("label", ijson.Quote(labels[f.Name])).Text()
			}
		}
		profile = profile.With("fields", fields.Text())
	}
	return ok(member{"profile", json.RawMessage(profile.Text())})
}
