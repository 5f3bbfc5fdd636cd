package emoji

import "testing"

func TestParse(t *testing.T) {
	custom := map[string]string{
		"finch": "https://emoji.slack-edge.com/T1/finch/1.png", "bird2": "alias:finch", "ok2": "alias:thumbsup",
		"round": "alias:about", "about": "alias:round", "lost": "alias:nothing",
	}
	for shortcode, want := range map[string]Emoji{
		"":                                      {},
		":train:":                               {Text: "🚋"},
		"train":                                 {Text: "🚋"},
		":wave:":                                {Text: "👋"},
		":wave::skin-tone-4:":                   {Text: "👋🏽"},
		":wave::skin-tone-9:":                   {Text: "👋"},
		":woman-running::skin-tone-5:":          {Text: "🏃🏾‍♀️"},
		":fr:":                                  {Text: "🇫🇷"},
		":flag-fr:":                             {Text: "🇫🇷"},
		":flag-scotland:":                       {Text: "🏴󠁧󠁢󠁳󠁣󠁴󠁿"},
		":people_holding_hands::skin-tone-2-3:": {Text: "🧑🏻‍🤝‍🧑🏼"},
		":+1:":                                  {Text: "👍"},
		":finch:":                               {Text: ":finch:", Image: custom["finch"]},
		":bird2:":                               {Text: ":bird2:", Image: custom["finch"]},
		":ok2::skin-tone-2:":                    {Text: "👍🏻"},
		":round:":                               {Text: ":round:"},
		":lost:":                                {Text: ":lost:"},
		":<script>:":                            {Text: ":<script>:"},
		"🎉":                                     {Text: "🎉"},
	} {
		want.Shortcode = shortcode
		if got := Parse(shortcode, custom); got != want {
			t.Errorf("%q: %+q, want %+q", shortcode, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(":wave::skin-tone-4:", "alias:wave")
	f.Fuzz(func(t *testing.T, shortcode, address string) {
		got := Parse(shortcode, map[string]string{"x": address, "y": "alias:x"})
		if got.Shortcode != shortcode || got.Text == "" && shortcode != "" {
			t.Errorf("%q: %+q", shortcode, got)
		}
	})
}
