// Package fakeslack invents a live Slack workspace for local mode and tests: people who
// join, change and leave, the part of Slack's Web API that reads them, and the events
// that Slack sends, as signed requests or over Socket Mode. It imports none of
// Rollcall's packages, so that it does not repeat their mistakes.
//
// # One person, three shapes
//
// Slack describes the same person in three different ways at the same moment: in users.list and
// users.info ([Person.ListObject], [Person.InfoObject]), in events ([Person.EventObject]) and in
// users.profile.get ([Person.ProfileObject]).
//
// A key that has a value has the same value in every shape with that key. A key without a value is
// missing, null or zero, depending on the person and the shape; [Person.Variant] makes other such
// choices for the same person. Where sources disagree, [Shapes] selects.
//
// The list below gives the source of each shape. Pages are on docs.slack.dev, samples in
// slackapi/java-slack-sdk (json-logs/samples); the others are GitHub threads and type definitions.
// What has no source is marked "a guess".
//
//   - Keys of an active person: pages user-object, users.list, users.info and user_change;
//     samples api/users.list.json, api/users.info.json and events/UserChangePayload.json. No
//     recorded object has all of them. Which people have the rarer keys is a guess, and so is null for most of those keys.
//   - Custom fields (profile.fields): never in users.list and users.info (slackapi/python-slack-sdk#780,
//     slack-go/slack#1002). Recorded answers have the key with null (slack-edge/slack-web-api-client#25),
//     the examples on the pages lack it. Events have an object of {"value", "alt"}, {}, [] or null (page user_change,
//     slackapi/java-slack-sdk#1094, UserChangeEvent in slackapi/node-slack-sdk). Editing only custom fields sends no
//     event (page user_change). That it does not change updated is a guess.
//   - locale: always in events of active people (page user_change), in listings only with include_locale
//     (page users.list).
//   - Huddles: huddle_state, huddle_state_expiration_ts and, during a huddle, huddle_state_call_id (page
//     user_huddle_changed, slackapi/node-slack-sdk#2427); "default_unset" and 0 outside a huddle (page
//     users.profile.get), or no key. user_change is sent as well (its page). In a recorded event, updated is the
//     event's own second and the huddle expires after 22 minutes. The page's example has an older updated:
//     [Shapes].HuddlesKeepUpdated.
//   - Deactivated people: id, team_id, name, deleted, is_bot, is_app_user, updated and a whole profile, in
//     listings (brekkylab/backlot#258) and in events (mashabow/slack-rota#61). That either has more is a
//     guess: [Shapes].EventsKeepDeactivated and [Shapes].ListingsKeepDeactivated.
//   - Forgotten people: is_forgotten, and placeholders for names and e-mail address (slack-edge/slack-web-api-client#25,
//     slack-edge/slack-edge#14). That some have hardly any keys is a guess.
//   - People of other workspaces: another team_id (page user-object). Which shape sets is_stranger:
//     [Shapes].Strangers. That they have no e-mail address and no roles is a guess.
//   - enterprise_user: page user-object and the samples. That the order of teams varies, and that some people
//     are listed under the organisation's ID without enterprise_user, are guesses.
//   - tz_label and tz_offset follow daylight saving time without an event (page user_change).
//   - updated: whole seconds; 0 for Slackbot, as in recorded listings.
//   - users.profile.get and team.profile.get: their pages and samples. The types of custom fields are those in the
//     example of the page team.profile.get, whose field Manager has the type user. Who reports to whom is invented. What users.profile.get answers for people of
//     other workspaces is a guess.
//
// # Events
//
// An app gets the events that it subscribes to. Rollcall needs team_join and user_change, so no other
// events about people are sent. [Options].GranularEvents adds user_profile_changed, user_status_changed and
// user_huddle_changed with the identical object (their pages, slack-edge/slack-edge#64). The current page
// user_status_changed shows a smaller object.
//
// The default envelope is that of a recorded user event: token, team_id, api_app_id, type, event_id, event_time,
// is_ext_shared_channel and one of authorizations, without context_team_id. team_join has no cache_ts (sample
// events/TeamJoinPayload.json). Other forms, which the tests of this package use, are: with context_team_id (EnvelopedEvent in slackapi/bolt-js,
// HubSpot/slack-client#313), with another team_id (slackapi/java-slack-sdk#629), an empty one (item4/yui#133) or none.
// For an organisation-wide install the authorization has no team (tests of slackapi/bolt-python).
//
// Uninstalling the app sends app_uninstalled and tokens_revoked, in either order; tokens_revoked names user IDs
// (their pages, slackapi/bolt-js#1538). The examples on the pages have no event_ts; a recorded tokens_revoked has one
// (slackapi/node-slack-sdk#997). The token then answers account_inactive; after a reinstall the old
// token answers invalid_auth (slackapi/bolt-python#1029). A revoked token answers token_revoked (page auth.test).
//
// # Past and memory
//
// The past of a workspace ([Workspace.Past]) is invented too: how often and at what times of the week
// somebody changes has no source. Options.Known makes a workspace from Slack's objects of its people, so that it goes
// on where another process left off.
//
// # Web API
//
// Errors have status 200, rate limits 429 with Retry-After (page rate-limits). missing_scope comes with needed and
// provided (samples). auth.test: its page and sample; that it answers the organisation's ID as team_id for an
// organisation-wide install is a guess. users.list then needs team_id (its page); missing_argument without
// it is a guess. cache_ts: page users.list. The same page allows an answer fewer people than the limit asks for
// although more follow: Options.PageSize. Slack does not document how old a listing may be; 39 minutes have been
// seen (yc-software/qm#761): [Workspace.FreezeListings].
package fakeslack
