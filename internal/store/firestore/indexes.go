package firestore

// Index is a composite index of a collection (Firestore's page "Index types").
type Index struct {
	Collection string
	Fields     []IndexField
}

// IndexField is a field of an index. Order is "ASCENDING", "DESCENDING" or, of
// an array, "CONTAINS".
type IndexField struct{ Path, Order string }

// Exemption says which single-field indexes a field has instead of the automatic ones.
type Exemption struct {
	Collection, Field string
	Orders            []string // none: the field is not indexed alone
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
	{"users", "slack", nil}, {"users", "overlay", nil}, {"users", "search", nil}, {"users", "version", nil},
	{"users", "slack_version", nil}, {"users", "updated", nil}, {"users", "status_expiration", nil},
	{"users", "image_72", nil}, {"users", "image_192", nil},
	{"users", "written_at", []string{"ASCENDING"}},
	{"users", "expire_at", nil}, {"syncs", "expire_at", nil}, {"pages", "expire_at", nil}, {"pages", "users", nil}, {"syncs", "time_zones", nil},
	{"emoji", "json", nil},
}
