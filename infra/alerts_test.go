package infra_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/metricsql"
)

// TestAlertQueries: the PromQL parses. Cloud Monitoring would refuse a faulty query only during an apply.
func TestAlertQueries(t *testing.T) {
	queries := regexp.MustCompile(`(?m)^ +(?:query +=|"[^"]+" +=|name =>) "(.*)"$`).FindAllStringSubmatch(read(t, "alerts.tf"), -1)
	if len(queries) != 29 { // of alerts and of charts
		t.Errorf("%d queries", len(queries))
	}
	for _, q := range queries {
		query := regexp.MustCompile(`\$\{local\.(requests|executed)\}`).ReplaceAllString(q[1], "metric:name")
		query = regexp.MustCompile(`\$\{[^}]*\}`).ReplaceAllString(query, "1")
		query = strings.ReplaceAll(query, `\"`, `"`)
		if _, err := metricsql.Parse(query); err != nil {
			t.Errorf("%s: %v", query, err)
		}
	}
	// The playbooks' queries to paste are lines that begin like one.
	playbooks, err := filepath.Glob("playbooks/*.md")
	if err != nil {
		t.Fatal(err)
	}
	pasted := 0
	for _, path := range playbooks {
		text := read(t, "playbooks/"+filepath.Base(path))
		for _, query := range regexp.MustCompile(`(?m)^(?:sum|max|histogram_quantile)\b.*\(.*$`).FindAllString(text, -1) {
			pasted++
			if _, err := metricsql.Parse(query); err != nil {
				t.Errorf("%s: %s: %v", path, query, err)
			}
		}
	}
	if pasted < 8 {
		t.Errorf("only %d queries in playbooks", pasted)
	}
}
