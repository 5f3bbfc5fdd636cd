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

// Exemption says which single-field indexes a field has instead of the automatic ones.
type Exemption struct {
	Collection string   `json:"collection"`
	Field      string   `json:"field"`
	Orders     []string `json:"orders"` // none: the field is not indexed alone
	TTL        bool     `json:"ttl"`    // Firestore deletes the document once the moment in the field has passed
}

// Indexes are all composite indexes that the queries here need: each combination
// of filters with each order in both directions, because pages go both ways and
// Firestore joins an array-contains with nothing by itself.
var Indexes = indexes()

func indexes() (all []Index) {
	filters := []IndexField{{"search", "CONTAINS"}, {"account", "ASCENDING"}, {"tz", "ASCENDING"}}
	for subset := 1; subset < 1<<len(filters); subset++ {
		var fields []IndexField
		for i, f := range filters {
			if subset&(1<<i) != 0 {
				fields = append(fields, f)
			}
		}
		for _, sort := range []string{"sort_name", "sort_version"} {
			for _, order := range []string{"ASCENDING", "DESCENDING"} {
				all = append(all, Index{"users", append(fields[:len(fields):len(fields)], IndexField{sort, order})})
			}
		}
	}
	return append(all, Index{"users", []IndexField{{"source", "ASCENDING"}, {"sort_version", "DESCENDING"}}})
}

// Exemptions are the fields that no query asks for alone. Indexed all the same
// they would cost storage, and versions, which grow with time, would bound the
// pace of writes.
var Exemptions = []Exemption{
	exempt("users", "slack"), exempt("users", "parts"), exempt("users", "overlay"), exempt("users", "search"), exempt("users", "version"),
	exempt("users", "slack_version"), exempt("users", "updated"), exempt("users", "status_expiration"),
	exempt("users", "image_72"), exempt("users", "image_192"),
	{Collection: "users", Field: "written_at", Orders: []string{"ASCENDING"}},
	expires("users"), expires("syncs"), expires("pages"),
	exempt("pages", "users"), exempt("syncs", "time_zones"), exempt("emoji", "json"),
}

func exempt(collection, field string) Exemption {
	return Exemption{Collection: collection, Field: field, Orders: []string{}}
}

func expires(collection string) Exemption {
	return Exemption{Collection: collection, Field: "expire_at", Orders: []string{}, TTL: true}
}
