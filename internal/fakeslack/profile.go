package fakeslack

import (
	"fmt"
	"maps"
	"strings"
)

// profile returns the profile in an object, or the answer of users.profile.get.
func (p Person) profile(s shape, labels bool) map[string]any {
	w, who := p.writer(s+".profile"), &p.person
	if who.forgotten {
		p.putPlaceholders(w)
		return w.o
	}
	w.o["avatar_hash"], w.o["team"] = who.avatarHash, who.teamID
	w.put("title", who.title)
	w.put("phone", who.phone)
	w.put("skype", "")
	w.put("status_text", who.status.text)
	w.put("status_emoji", who.status.emoji)
	w.put("status_expiration", who.statusExpiration)
	w.put("status_text_canonical", "")
	w.put("status_emoji_display_info", p.emojiInfo())
	for key, value := range who.nameFields() {
		w.put(key, value)
	}
	p.putImages(w)
	w.set("pronouns", who.pronouns)
	w.set("start_date", who.startDate)
	switch who.kind {
	case bot:
		w.o["api_app_id"], w.o["bot_id"], w.o["always_active"] = who.appID, who.botID, true
	case slackbot:
		w.o["always_active"] = true
	default:
		w.some("always_active", false)
		if p.options.has("users:read.email") {
			w.set("email", who.email())
		}
	}
	p.putHuddle(w, s)
	p.putGuest(w, s)
	p.putFields(w, s, labels)
	return w.o
}

// emojiInfo has an entry only for the workspace's own emoji, as in Slack's examples.
func (p Person) emojiInfo() []any {
	name := strings.Trim(p.person.status.emoji, ":")
	if name != customEmoji {
		return []any{}
	}
	return []any{map[string]any{"emoji_name": name, "display_url": p.baseURL + "/emoji/" + name + ".svg"}}
}

func (p Person) putImages(w writer) {
	for _, size := range imageSizes {
		if size > maxGeneratedImage && !p.person.ownPicture {
			continue
		}
		w.o[fmt.Sprintf("image_%d", size)] = fmt.Sprintf("%s/avatars/%s-%d.svg", p.baseURL, p.person.id, size)
	}
	if p.person.ownPicture {
		w.o["image_original"] = fmt.Sprintf("%s/avatars/%s-%d.svg", p.baseURL, p.person.id, imageSizes[len(imageSizes)-1])
		w.o["is_custom_image"] = true
	}
}

func (p Person) putHuddle(w writer, s shape) {
	who := &p.person
	in := who.huddle != "" && who.huddleUntil > p.at.Unix()
	if shown := w.one(2, "huddle") == 0; !shown && !(in && s == inEvent) {
		return
	}
	switch {
	case who.deleted:
		w.o["huddle_state"] = "default_unset"
	case in:
		w.o["huddle_state"], w.o["huddle_state_expiration_ts"], w.o["huddle_state_call_id"] = "in_a_huddle", who.huddleUntil, who.huddle
	default:
		w.o["huddle_state"], w.o["huddle_state_expiration_ts"] = "default_unset", 0
	}
}

// putGuest: of these keys, recorded listings have only guest_invited_by.
func (p Person) putGuest(w writer, s shape) {
	who := &p.person
	if who.kind != guest && who.kind != singleChannel {
		w.some("guest_invited_by", "")
		return
	}
	w.some("guest_invited_by", who.invitedBy)
	if s != inEvent {
		return
	}
	w.some("guest_expiration_ts", who.guestUntil)
	if who.kind == singleChannel {
		w.some("guest_channels", "C0"+who.id[1:])
	}
}

// putFields writes the custom fields in the shapes that have them.
func (p Person) putFields(w writer, s shape, labels bool) {
	if s == inList || s == inInfo {
		if w.one(2, "fields") == 0 {
			w.o["fields"] = nil
		}
		return
	}
	if len(p.person.fields) == 0 {
		w.o["fields"] = []any{map[string]any{}, []any{}, nil}[w.one(3, "fields")]
		return
	}
	fields := map[string]any{}
	for _, f := range profileFields {
		value, ok := p.person.fields[f.id]
		if !ok {
			continue
		}
		field := map[string]any{"value": value, "alt": ""}
		if f.kind == "link" {
			field["alt"] = "Website"
		}
		if labels {
			field["label"] = f.label
		}
		fields[f.id] = field
	}
	w.o["fields"] = fields
}

// putPlaceholders writes what remains after Slack has erased somebody.
func (p Person) putPlaceholders(w writer) {
	who := &p.person
	maps.Copy(w.o, map[string]any{"real_name": "Deactivated User", "real_name_normalized": "Deactivated User", "team": who.teamID})
	for _, size := range imageSizes {
		if size <= maxGeneratedImage {
			w.o[fmt.Sprintf("image_%d", size)] = fmt.Sprintf("%s/avatars/%s-%d.svg", p.baseURL, who.id, size)
		}
	}
	if who.index%2 == 0 {
		return
	}
	maps.Copy(w.o, map[string]any{
		"display_name": "deactivateduser", "display_name_normalized": "deactivateduser",
		"first_name": "Deactivated", "last_name": "User", "avatar_hash": who.avatarHash, "huddle_state": "default_unset", "fields": nil,
	})
	if p.options.has("users:read.email") {
		w.o["email"] = who.shownUsername() + "-" + p.options.Domain + "@slack-corp.com"
	}
	for _, key := range []string{"title", "phone", "skype", "status_text", "status_emoji", "status_text_canonical"} {
		w.put(key, "")
	}
	w.put("status_expiration", 0)
	w.put("status_emoji_display_info", []any{})
}
