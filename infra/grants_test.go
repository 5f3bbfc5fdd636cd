package infra_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// TestGrants: Terraform's tests look at every grant, and no grant removes what others
// have granted on the same resource.
func TestGrants(t *testing.T) {
	run := regexp.MustCompile(`(?s)\nrun "least_privilege" \{.*?\n\}\n`).FindString(read(t, "tests/safety.tftest.hcl"))
	files, err := filepath.Glob("*.tf")
	if err != nil {
		t.Fatal(err)
	}
	grants := 0
	for _, path := range files {
		file, diags := hclparse.NewParser().ParseHCLFile(path)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		for _, b := range file.Body.(*hclsyntax.Body).Blocks {
			if b.Type != "resource" || !strings.Contains(b.Labels[0], "_iam_") || strings.HasSuffix(b.Labels[0], "_custom_role") || strings.HasSuffix(b.Labels[0], "_audit_config") {
				continue
			}
			grants++
			if !strings.HasSuffix(b.Labels[0], "_iam_member") {
				t.Errorf("%s %s: only _iam_member keeps grants of others", b.Labels[0], b.Labels[1])
			}
			if name := b.Labels[0] + "." + b.Labels[1]; !regexp.MustCompile(regexp.QuoteMeta(name) + `\b`).MatchString(run) {
				t.Errorf("the run least_privilege does not look at %s", name)
			}
		}
	}
	if grants < 10 {
		t.Errorf("only %d grants found", grants)
	}
}
