// Package fakeslack is a Slack workspace that lives: people who join, change and
// leave, the part of Slack's Web API that reads them, and the events that Slack
// sends, by signed request and by Socket Mode. It is for local mode and tests.
// It imports none of Rollcall's packages, so that it can prove them wrong.
//
// # One person, three shapes
//
// Slack describes one person at one moment in three ways, and no two agree:
// users.list and users.info ([Person.ListObject], [Person.InfoObject]), events
// ([Person.EventObject]) and users.profile.get ([Person.ProfileObject]).
// What has a value is the same in all that carry it; what has none is missing, null or
// zero, and which of these differs by person and shape. [Person.Variant] writes the same
// person in other such ways. [Shapes] selects between sources that disagree.
//
// Pages below are those of docs.slack.dev, samples those of
// slackapi/java-slack-sdk (json-logs/samples); the rest are GitHub threads. "A guess"
// marks what no source says.
//
//   - Keys of an active person: the pages user-object, users.list, users.info, user_change and
//     the samples api/users.list.json, api/users.info.json and events/UserChangePayload.json. No
//     object has them all: which of the rarer ones somebody has is drawn, a guess.
//   - profile.fields: users.list and users.info never have custom fields
//     (slackapi/python-slack-sdk#780, slack-go/slack#1002); recorded answers have the key with null
//     (slack-edge/slack-web-api-client#25), the pages' examples lack it. In events an object of
//     {"value", "alt"}, or {}, [] and null (page user_change, slackapi/java-slack-sdk#1094, UserChangeEvent
//     of slackapi/node-slack-sdk). Editing them sends no event (page user_change). That it leaves
//     updated as it is, is a guess.
//   - locale: in events of active people (page user_change); in listings with
//     include_locale only (page users.list).
//   - Huddles: huddle_state, …_expiration_ts and …_call_id while in one (page user_huddle_changed,
//     slackapi/node-slack-sdk#2427), "default_unset" and 0 otherwise (page users.profile.get) or no key. A
//     recorded user_huddle_changed has an updated of the event's own second and expires 22 minutes
//     later; the page's example has an older updated: see [Shapes].HuddlesKeepUpdated.
//   - Deactivated people have only id, team_id, name, deleted, is_bot, is_app_user, updated and a
//     whole profile, in listings (brekkylab/backlot#258) and events (mashabow/slack-rota#61). Other
//     recordings have more (slackhq/slack-api-docs#15): see [Shapes].
//   - Forgotten people have is_forgotten and placeholders in place of names and address
//     (slack-edge/slack-web-api-client#25, slack-edge/slack-edge#14). That some lack most of even those is a guess.
//   - People of other workspaces: another team_id (page user-object). Which shape calls them
//     is_stranger differs: see [Shapes].Strangers. That they have no address or roles is a guess.
//   - enterprise_user: page user-object and the samples. That teams comes in any order, and that some people of
//     an organisation are listed under its own id and without enterprise_user, are guesses.
//   - tz_label and tz_offset change with daylight saving time, and no event says so (page user_change).
//   - updated is in whole seconds; 0 for Slackbot (recorded listings).
//   - users.profile.get and team.profile.get: their pages and samples. Missing scopes answer with
//     needed and provided (page users.profile.get; both keys are in every sample).
//
// # Events
//
// An app gets the events that it subscribes to. As Rollcall subscribes to team_join and
// user_change, nothing else is sent of people, unless [Options].GranularEvents asks for
// user_profile_changed, user_status_changed and user_huddle_changed as well: their pages call them
// identical to user_change and sent at the same time (slack-edge/slack-edge#64). The page
// user_status_changed has lately shown a smaller object.
//
// The envelope is that of a recorded event: token, team_id, api_app_id, type, event_id, event_time,
// is_ext_shared_channel and one of authorizations, without context_team_id. [Envelopes] gives
// the others: context_team_id (EnvelopedEvent of slackapi/bolt-js, HubSpot/slack-client#313), another
// team_id (slackapi/java-slack-sdk#629), an empty one (item4/yui#133) or none.
// team_join has no cache_ts (events/TeamJoinPayload.json).
//
// Uninstalling sends app_uninstalled and tokens_revoked, in no certain order, the latter with user ids
// (their pages; slackapi/bolt-js#1538). Their examples have no event_ts; a recorded tokens_revoked
// has one (slackapi/node-slack-sdk#997). The token then answers account_inactive (slackapi/bolt-python#1029, which
// also has invalid_auth for the token of before a new installation); token_revoked is of the page auth.test.
//
// # Web API
//
// Errors come with status 200, limits as page "Rate limits" has them. auth.test: its page and
// sample; that an organisation's install answers the organisation's id as team_id is a guess.
// users.list needs team_id then (its page); which error a missing one gets is a guess, missing_argument.
// cache_ts: page users.list. How old a cached listing may be, nobody documents; 39 minutes have been seen
// (yc-software/qm#761): see [Workspace.FreezeListings].
package fakeslack
