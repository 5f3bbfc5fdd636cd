package firestore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"cloud.google.com/go/firestore/apiv1/firestorepb"
	"google.golang.org/grpc"
)

// recorder notes what kinds of queries a connection is asked. The emulator
// answers all of them; Firestore only those that an index was made for.
type recorder struct {
	mu   sync.Mutex
	seen map[string]query
}

// query is what matters of a query for its index (Firestore's page "Index types").
type query struct {
	collection      string
	equal, contains []string
	orders          []IndexField
	summed          []string
	disjunctions    int // combinations of the values that it asks for
	parts           int // filters of all combinations, orders and a parent
}

func (r *recorder) stream(ctx context.Context, d *grpc.StreamDesc, c *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	s, err := streamer(ctx, d, c, method, opts...)
	return recorded{s, r}, err
}

type recorded struct {
	grpc.ClientStream
	r *recorder
}

func (s recorded) SendMsg(m any) error {
	var q *firestorepb.StructuredQuery
	var summed []string
	switch m := m.(type) {
	case *firestorepb.RunQueryRequest:
		q = m.GetStructuredQuery()
	case *firestorepb.ListenRequest:
		q = m.GetAddTarget().GetQuery().GetStructuredQuery()
	case *firestorepb.RunAggregationQueryRequest:
		q = m.GetStructuredAggregationQuery().GetStructuredQuery()
		for _, a := range m.GetStructuredAggregationQuery().GetAggregations() {
			if field := a.GetSum().GetField().GetFieldPath(); field != "" {
				summed = append(summed, field)
			}
		}
	}
	if q != nil {
		parsed := parse(q, summed)
		s.r.mu.Lock()
		s.r.seen[fmt.Sprint(parsed)] = parsed
		s.r.mu.Unlock()
	}
	return s.ClientStream.SendMsg(m)
}

func parse(q *firestorepb.StructuredQuery, summed []string) query {
	parsed := query{collection: q.GetFrom()[0].GetCollectionId(), summed: summed}
	filters := q.GetWhere().GetCompositeFilter().GetFilters()
	if f := q.GetWhere(); f.GetFieldFilter() != nil {
		filters = append(filters, f)
	}
	var ranges []string
	parsed.disjunctions = 1
	for _, f := range filters {
		parsed.disjunctions *= max(1, len(f.GetFieldFilter().GetValue().GetArrayValue().GetValues()))
		switch path := f.GetFieldFilter().GetField().GetFieldPath(); f.GetFieldFilter().GetOp() {
		case firestorepb.StructuredQuery_FieldFilter_EQUAL, firestorepb.StructuredQuery_FieldFilter_IN:
			parsed.equal = append(parsed.equal, path)
		case firestorepb.StructuredQuery_FieldFilter_ARRAY_CONTAINS:
			parsed.contains = append(parsed.contains, path)
		default:
			ranges = append(ranges, path)
		}
	}
	for _, o := range q.GetOrderBy() {
		if path := o.GetField().GetFieldPath(); path != "__name__" { // which ends each index
			parsed.orders = append(parsed.orders, IndexField{path, o.GetDirection().String()})
		}
	}
	for _, path := range ranges { // are ordered by, said or not
		if !slices.ContainsFunc(parsed.orders, func(o IndexField) bool { return o.Path == path }) {
			parsed.orders = append(parsed.orders, IndexField{path, "ASCENDING"})
		}
	}
	parsed.parts = parsed.disjunctions*len(filters) + len(q.GetOrderBy()) + 1
	return parsed
}

// served returns why Firestore would refuse the query, or nothing.
func (q query) served() string {
	if q.disjunctions > 30 || q.parts > 100 { // Firestore's page "Query limitations"
		return "asks for too much"
	}
	fields := slices.Concat(q.equal, q.contains, q.summed)
	for _, o := range q.orders {
		fields = append(fields, o.Path)
	}
	slices.Sort(fields)
	switch fields = slices.Compact(fields); len(fields) {
	case 0:
		return ""
	case 1:
		return q.servedAlone(fields[0])
	}
	filters := slices.Sorted(slices.Values(slices.Concat(q.equal, q.contains)))
	for _, ix := range Indexes() {
		first := len(ix.Fields) - len(q.orders)
		if ix.Collection != q.collection || first != len(filters) || !slices.Equal(ix.Fields[first:], q.orders) {
			continue
		}
		var indexed []string
		for _, f := range ix.Fields[:first] {
			if slices.Contains(q.contains, f.Path) == (f.Order == "CONTAINS") {
				indexed = append(indexed, f.Path)
			}
		}
		if slices.Sort(indexed); slices.Equal(indexed, filters) {
			return ""
		}
	}
	return "has no composite index"
}

// servedAlone is about a field that has the automatic indexes, if it is not exempt.
func (q query) servedAlone(field string) string {
	exemptions := Exemptions()
	i := slices.IndexFunc(exemptions, func(e Exemption) bool { return e.Collection == q.collection && e.Field == field })
	if i < 0 {
		return ""
	}
	var directions []string
	for _, o := range q.orders {
		directions = append(directions, o.Order)
	}
	orders := exemptions[i].Orders // either serves an equality
	if len(q.contains) == 0 && len(orders) > 0 && (len(directions) == 0 || slices.Contains(orders, directions[0])) {
		return ""
	}
	return "asks for a field that is exempt from indexing"
}

// check fails for each query that only the emulator would answer.
func (r *recorder) check(t *testing.T) {
	t.Helper()
	if len(r.seen) < 20 {
		t.Errorf("only %d kinds of queries were seen", len(r.seen))
	}
	for name, q := range r.seen {
		// The status page asks for the newest message of a source, and nobody pages through them.
		if slices.Contains(q.equal, "source") && !slices.Contains(q.orders, IndexField{"sort_version", "DESCENDING"}) {
			continue
		}
		if why := q.served(); why != "" {
			t.Errorf("%s %s", name, why)
		}
	}
}

// TestServed: the check itself can tell the queries that an index serves from those that none does.
func TestServed(t *testing.T) {
	name, newest := IndexField{"sort_name", "ASCENDING"}, IndexField{"sort_version", "DESCENDING"}
	for _, tt := range []struct {
		query query
		want  string
	}{
		{query{collection: "users", orders: []IndexField{name}}, ""},
		{query{collection: "users", equal: []string{"account", "tz"}, contains: []string{"search"}, orders: []IndexField{name}}, ""},
		{query{collection: "users", equal: []string{"account"}, orders: []IndexField{{"updated", "DESCENDING"}}}, ""},
		{query{collection: "users", orders: []IndexField{{"updated", "DESCENDING"}}}, "exempt"},
		{query{collection: "users", equal: []string{"tz"}, contains: []string{"search"}, orders: []IndexField{name}}, "no composite index"},
		{query{collection: "users", equal: []string{"source"}, orders: []IndexField{newest}}, ""},
		{query{collection: "users", orders: []IndexField{{"written_at", "ASCENDING"}}}, ""},
		{query{collection: "users", orders: []IndexField{{"written_at", "DESCENDING"}}}, "exempt"},
		{query{collection: "users", contains: []string{"search"}}, "exempt"},
		{query{collection: "users", equal: []string{"slack"}}, "exempt"},
		{query{collection: "users", equal: []string{"kind"}, orders: []IndexField{name}}, "no composite index"},
		{query{collection: "users", equal: []string{"source"}, orders: []IndexField{name}}, "no composite index"},
		{query{collection: "users", equal: []string{"search"}, orders: []IndexField{name}}, "no composite index"},
		{query{collection: "syncs", equal: []string{"tz"}, orders: []IndexField{name}}, "no composite index"},
		{query{collection: "users", orders: []IndexField{name}, disjunctions: 30, parts: 100}, ""},
		{query{collection: "users", orders: []IndexField{name}, disjunctions: 31, parts: 65}, "too much"},
		{query{collection: "users", orders: []IndexField{name}, disjunctions: 25, parts: 103}, "too much"},
		{query{collection: "users", orders: []IndexField{name}, summed: []string{"fingerprint"}}, "no composite index"},
	} {
		if got := tt.query.served(); got == "" != (tt.want == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%v: %q, want %q", tt.query, got, tt.want)
		}
	}
}
