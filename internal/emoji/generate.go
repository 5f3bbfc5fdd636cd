//go:build ignore

// Command generate writes emoji.json from the npm package emoji-datasource, Slack's own data set:
//
//	npm pack emoji-datasource@16.0.0 && tar xzf emoji-datasource-16.0.0.tgz package/emoji.json
//	go run internal/emoji/generate.go package/emoji.json > internal/emoji/emoji.json
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"slices"
	"strconv"
	"strings"
)

type source struct {
	Unified    string   `json:"unified"`
	ShortNames []string `json:"short_names"`
	SkinTones  map[string]struct {
		Unified string `json:"unified"`
	} `json:"skin_variations"`
}

type entry struct {
	Names []string          `json:"names"`
	Text  string            `json:"text"`
	Tones map[string]string `json:"tones,omitempty"`
}

func main() {
	b, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	var all []source
	if err := json.Unmarshal(b, &all); err != nil {
		log.Fatal(err)
	}
	// Slack numbers skin tones from 2, like the Fitzpatrick scale.
	tone := strings.NewReplacer("1F3FB", "2", "1F3FC", "3", "1F3FD", "4", "1F3FE", "5", "1F3FF", "6")
	var entries []entry
	for _, s := range all {
		e := entry{Names: s.ShortNames, Text: text(s.Unified)}
		for codes, variation := range s.SkinTones {
			if e.Tones == nil {
				e.Tones = map[string]string{}
			}
			e.Tones[tone.Replace(codes)] = text(variation.Unified)
		}
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.Names[0], b.Names[0]) })
	var out bytes.Buffer
	out.WriteString("[")
	for i, e := range entries {
		line, err := json.Marshal(e)
		if err != nil {
			log.Fatal(err)
		}
		if i > 0 {
			out.WriteString(",")
		}
		fmt.Fprintf(&out, "\n%s", line)
	}
	fmt.Println(out.String() + "\n]")
}

func text(unified string) string {
	var b strings.Builder
	for code := range strings.SplitSeq(unified, "-") {
		r, err := strconv.ParseUint(code, 16, 32)
		if err != nil {
			log.Fatal(err)
		}
		b.WriteRune(rune(r))
	}
	return b.String()
}
