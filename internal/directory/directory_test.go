package directory

import (
	"errors"
	"strings"
	"testing"
)

func TestValidateID(t *testing.T) {
	for id, valid := range map[string]bool{
		"U012A3CD4": true, "W1": true, "t": true, "9": true, "Xf-0_a": true, strings.Repeat("U", 64): true,
		"": false, strings.Repeat("U", 65): false, "-U1": false, "_U1": false, "__U1__": false, ".": false, "..": false, "U1/..": false,
		"U 1": false, "U1\n": false, "U1\x00": false, "Ü1": false, "U\xff": false, "U１": false, "U1@": false, "[U1]": false, "U1`": false, "{U1}": false,
	} {
		if err := ValidateID("user.id", id); (err == nil) != valid || err != nil && (!errors.Is(err, ErrInvalid) || len(id) > 2 && strings.Contains(err.Error(), id)) {
			t.Errorf("%q: %v", id, err)
		}
	}
}
