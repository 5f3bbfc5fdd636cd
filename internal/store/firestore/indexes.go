package firestore

// Index is a composite index of a collection (Firestore's page "Index types").
type Index struct {
	Collection string       `json:"collection"`
	Fields     []IndexField `json:"fields"`
}

// IndexField is a field of an index. Order is "ASCENDING", "DESCENDING" or, of
// an array, "CONTAINS".
type IndexField struct {
	Path  string `json:"path"`
	Order string `json:"order"`
}

// Exemption replaces a field's automatic single-field indexes.
type Exemption struct {
	Collection string   `json:"collection"`
	Field      string   `json:"field"`
	Orders     []string `json:"orders"` // empty: no single-field index
	TTL        bool     `json:"ttl"`    // Firestore deletes the document some time after the time in this field
}

// Indexes returns the composite indexes that this package's queries need: each combination
// of filters with each order in both directions. Pages go both ways, and Firestore
// cannot merge an array-contains with other indexes. Account is in all of them: a query
// that does not filter by it asks for all accounts, which saves a third of the indexes
// and half of the entries.
func Indexes() (all []Index) {
	account := IndexField{"account", "ASCENDING"}
	filters := []IndexField{{"search", "CONTAINS"}, {"tz", "ASCENDING"}}
	for subset := range 1 << len(filters) {
		fields := []IndexField{account}
		for i, f := range filters {
			if subset&(1<<i) != 0 {
				fields = append(fields, f)
			}
		}
		for _, sort := range []string{"sort_name", "sort_version", "updated"} {
			for _, order := range []string{"ASCENDING", "DESCENDING"} {
				all = append(all, Index{"users", append(fields[:len(fields):len(fields)], IndexField{sort, order})})
			}
		}
	}
	all = append(all, Index{"users", []IndexField{{"source", "ASCENDING"}, {"sort_version", "DESCENDING"}}})
	user, kind := IndexField{"user_id", "ASCENDING"}, IndexField{"type", "ASCENDING"}
	for _, filter := range [][]IndexField{{user}, {kind}, {user, kind}} {
		for _, order := range []string{"ASCENDING", "DESCENDING"} {
			all = append(all, Index{"changes", append(filter[:len(filter):len(filter)], IndexField{"written_at", order})})
		}
	}
	return all
}

// Exemptions returns the fields that no query filters or sorts by alone. Indexing them
// would cost storage. Indexing versions, which grow with time, would also limit
// the rate of writes to 500 a second.
func Exemptions() []Exemption {
	return []Exemption{
		exempt("users", "slack"), exempt("users", "parts"), exempt("users", "overlay"), exempt("users", "search"), exempt("users", "version"),
		exempt("users", "slack_version"), exempt("users", "updated"), exempt("users", "status_expiration"),
		exempt("users", "phone"), exempt("users", "image_72"), exempt("users", "image_192"),
		{Collection: "users", Field: "written_at", Orders: []string{"ASCENDING"}},
		{Collection: "users", Field: "profile_order", Orders: []string{"ASCENDING"}},
		{Collection: "users", Field: "email_key", Orders: []string{"ASCENDING"}},
		exempt("changes", "id"), exempt("changes", "team_id"), exempt("changes", "at"), exempt("changes", "source"),
		exempt("changes", "changed"), exempt("changes", "before"), exempt("changes", "after"),
		expires("users"), expires("changes"), expires("syncs"), expires("pages"),
		exempt("pages", "users"), exempt("syncs", "time_zones"), exempt("emoji", "json"), exempt("team_profile", "json"),
	}
}

func exempt(collection, field string) Exemption {
	return Exemption{Collection: collection, Field: field, Orders: []string{}}
}

func expires(collection string) Exemption {
	return Exemption{Collection: collection, Field: "expire_at", Orders: []string{}, TTL: true}
}
