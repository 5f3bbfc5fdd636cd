package firestore

import (
	"fmt"
	"reflect"

	"cloud.google.com/go/firestore"

	"rollcall/internal/directory"
)

// derived are the fields of a user's document besides those of [directory.User].
// Lists filter and sort by all but the last, so a removed user has none of them.
// A field whose value is nil is left out.
var derived = []struct {
	name      string
	ofRemoved bool // a removed user has it too
	value     func(directory.User) any
}{
	{name: "sort_version", value: func(u directory.User) any { return int64(u.Version) }},
	{name: "search", value: func(u directory.User) any {
		if tokens := directory.SearchTokens(u); len(tokens) > 0 {
			return tokens
		}
		return nil
	}},
	{name: "account", value: func(u directory.User) any { return directory.Account(u) }},
	{name: "email_key", value: func(u directory.User) any {
		if key := directory.EmailKey(u.Email); key != "" {
			return key
		}
		return nil
	}},
	// Firestore's own clock, which [Store.Watch] follows.
	{name: "written_at", ofRemoved: true, value: func(directory.User) any { return firestore.ServerTimestamp }},
}

// dropped are fields that earlier releases wrote.
var dropped = []string{"overlay"}

// document returns the fields of a user's document.
func document(u directory.User) map[string]any {
	d := encode(u)
	if !u.Removed {
		d["updated"] = u.Updated // 0 too, or a list by it would lack whoever has none
	}
	for _, f := range derived {
		if u.Removed && !f.ofRemoved {
			continue
		}
		if value := f.value(u); value != nil {
			d[f.name] = value
		}
	}
	return d
}

// updates replaces every field of the document, and deletes those that d lacks.
func updates(d map[string]any) []firestore.Update {
	all := make([]firestore.Update, 0, 40)
	set := func(name string) {
		value, ok := d[name]
		if !ok {
			value = firestore.Delete
		}
		all = append(all, firestore.Update{FieldPath: firestore.FieldPath{name}, Value: value})
	}
	for _, f := range userFields {
		set(f.name)
	}
	for _, f := range derived {
		set(f.name)
	}
	for _, name := range dropped {
		set(name)
	}
	return all
}

var userFields = fieldsOf(reflect.TypeFor[directory.User]())

// listedFields are those of a user in a list: without parts, which are two thirds of a document.
var listedFields = func() (all []string) {
	for _, f := range userFields {
		if f.name != "parts" {
			all = append(all, f.name)
		}
	}
	return all
}()

func userOf(snapshot *firestore.DocumentSnapshot) (u directory.User, err error) {
	if err := decode(snapshot.Data(), &u); err != nil {
		return directory.User{}, fmt.Errorf("user %s: %w", snapshot.Ref.ID, err)
	}
	return u, nil
}
