package operator

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v3"

	"rollcall/internal/config"
	"rollcall/internal/directory"
	"rollcall/internal/store/firestore"
	"rollcall/internal/terminal"
	"rollcall/internal/tokens"
)

// TokenStore keeps the API's tokens.
type TokenStore interface {
	// PutToken creates or replaces the token with that hash.
	PutToken(ctx context.Context, t tokens.Token) error
	// Tokens returns all tokens, the oldest first.
	Tokens(ctx context.Context) ([]tokens.Token, error)
}

func (p Program) tokens() *cli.Command {
	return &cli.Command{
		Name:  "tokens",
		Usage: "the tokens with which programs read the API",
		Description: "They are in the database that API_DATABASE names (by default \"rollcall-api\"). The log of the\n" +
			"api shows when a token was last used.",
		Commands: []*cli.Command{
			{
				Name: "create", Usage: "make a token and print it, once", ArgValidator: noArguments,
				Flags: []cli.Flag{
					&cli.StringFlag{Name: "name", Usage: "the `name` of the program that will use it, as logs show it", Required: true},
					&cli.StringSliceFlag{Name: "workspace", Usage: "a `workspace` that it opens, T…; can be given several times", Required: true, Validator: areTeams},
					&cli.StringSliceFlag{Name: "scopes", Usage: "what it may read: comma-separated `scopes` from " + strings.Join(tokens.Scopes, ", "), Required: true},
					&cli.StringFlag{Name: "expires", Usage: "after how many days, such as `90d`, or never", Value: "90d"},
				},
				Action: func(ctx context.Context, c *cli.Command) error {
					return p.withTokens(ctx, func(store TokenStore) error {
						return p.createToken(ctx, store, c.String("name"), c.StringSlice("workspace"), c.StringSlice("scopes"), c.String("expires"))
					})
				},
			},
			{
				Name: "list", Usage: "print a line for each", ArgValidator: noArguments,
				Action: func(ctx context.Context, _ *cli.Command) error {
					return p.withTokens(ctx, func(store TokenStore) error { return p.listTokens(ctx, store) })
				},
			},
			{
				Name: "revoke", Usage: "end a token; the api refuses it within a minute", ArgValidator: noArguments,
				Flags: []cli.Flag{&cli.StringFlag{Name: "name", Usage: "the token's `name`", Required: true}, yesFlag()},
				Action: func(ctx context.Context, c *cli.Command) error {
					return p.withTokens(ctx, func(store TokenStore) error { return p.revokeToken(ctx, store, c.String("name"), c.Bool("yes")) })
				},
			},
		},
	}
}

func areTeams(ids []string) error {
	for _, id := range ids {
		if err := directory.ValidateID("workspace", id); err != nil {
			return err
		}
	}
	return nil
}

// withTokens runs do with the database of the tokens.
func (p Program) withTokens(ctx context.Context, do func(TokenStore) error) error {
	c, err := config.Load[config.Operator](p.Environ)
	if err != nil {
		return usageError{err}
	}
	store, err := firestore.Open(ctx, c.Project, c.TokenDatabase)
	if err != nil {
		return err
	}
	return errors.Join(do(store), store.Close())
}

func (p Program) createToken(ctx context.Context, store TokenStore, name string, workspaces, scopes []string, expires string) error {
	now := time.Now().UTC()
	until, err := expiry(now, expires)
	if err != nil {
		return usageError{err}
	}
	text, token, err := tokens.New(name, workspaces, scopes, now, until)
	if err != nil {
		return usageError{err}
	}
	all, err := store.Tokens(ctx)
	if err != nil {
		return err
	}
	for _, other := range all {
		if other.Name == name && stateOfToken(other, now) == "valid" {
			return fmt.Errorf("there is a valid token %q: revoke it first, or choose another name", name)
		}
	}
	if err := store.PutToken(ctx, token); err != nil {
		return err
	}
	fmt.Fprintln(p.Err, "It is shown this once, and cannot be read again:")
	fmt.Fprintln(p.Out, text)
	return nil
}

// maxDays is a hundred years.
const maxDays = 36_500

// expiry returns the time that "90d" is ahead of now, and no time for "never".
func expiry(now time.Time, text string) (time.Time, error) {
	if text == "never" {
		return time.Time{}, nil
	}
	number, isDays := strings.CutSuffix(text, "d")
	days, err := strconv.Atoi(number)
	if !isDays || err != nil || days < 1 || days > maxDays {
		return time.Time{}, fmt.Errorf("expires: %q is neither a number of days such as 90d, nor never", text)
	}
	return now.AddDate(0, 0, days), nil
}

func (p Program) listTokens(ctx context.Context, store TokenStore) error {
	all, err := store.Tokens(ctx)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		fmt.Fprintln(p.Out, "no tokens")
		return nil
	}
	now := time.Now()
	w := tabwriter.NewWriter(terminal.NewWriter(p.Out), 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tSTATE\tWORKSPACES\tSCOPES\tCREATED\tEXPIRES")
	for _, t := range all {
		expires := "never"
		if !t.ExpiresAt.IsZero() {
			expires = t.ExpiresAt.UTC().Format(time.DateOnly)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", t.Name, stateOfToken(t, now), strings.Join(t.Workspaces, ","), strings.Join(t.Scopes, ","),
			t.CreatedAt.UTC().Format(time.DateOnly), expires)
	}
	return w.Flush()
}

func stateOfToken(t tokens.Token, now time.Time) string {
	switch {
	case t.Revoked():
		return "revoked"
	case t.Expired(now):
		return "expired"
	}
	return "valid"
}

func (p Program) revokeToken(ctx context.Context, store TokenStore, name string, yes bool) error {
	all, err := store.Tokens(ctx)
	if err != nil {
		return err
	}
	var found []tokens.Token
	for _, t := range all {
		if t.Name == name && !t.Revoked() {
			found = append(found, t)
		}
	}
	if len(found) == 0 {
		return fmt.Errorf("no token %q that is not revoked (rollcallctl tokens list lists them)", name)
	}
	if err := p.confirm(yes, fmt.Sprintf("Revoke %q?", name)); err != nil {
		return err
	}
	for _, t := range found {
		t.RevokedAt = time.Now().UTC()
		if err := store.PutToken(ctx, t); err != nil {
			return err
		}
	}
	fmt.Fprintln(p.Out, "revoked; the api refuses it within a minute")
	return nil
}
