package firestore

import (
	"fmt"
	"reflect"

	"cloud.google.com/go/firestore"

	"rollcall/internal/directory"
)

// derived are the fields of a user's document besides those of [directory.User].
// Lists filter and sort by all but the last, so a removed user has none of them.
// written_at is Firestore's own clock, which [Store.Watch] follows.
var derived = []string{"sort_version", "search", "account", "email_key", "written_at"}

// dropped are fields that earlier releases wrote.
var dropped = []string{"overlay"}

// document returns the fields of a user's document.
func document(u directory.User) map[string]any {
	d := encode(u)
	if !u.Removed {
		d["sort_version"], d["account"] = int64(u.Version), directory.Account(u)
		d["updated"] = u.Updated // 0 too, or a list by it would lack whoever has none
		if tokens := directory.SearchTokens(u); len(tokens) > 0 {
			d["search"] = tokens
		}
		if key := directory.EmailKey(u.Email); key != "" {
			d["email_key"] = key
		}
	}
	d["written_at"] = firestore.ServerTimestamp
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
	for _, name := range derived {
		set(name)
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
