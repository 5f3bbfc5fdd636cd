// Package fullsync repairs a workspace's directory. It lists everybody in Slack,
// compares the list with what is stored, and publishes only what differs, to the same
// topic as events. It deletes nothing first, and writes nothing but the records of its
// own syncs: the worker remains the only writer of users.
//
// Events can be lost. Slack has dropped backlogs, and a webhook can be down for longer
// than Slack retries. So a sync runs every hour or every day, and costs next to nothing
// when the directory is up to date, custom fields apart.
//
// # The steps
//
// [All] takes the bot tokens one by one and syncs the workspace of each.
//
//  1. Connect. auth.test says which workspace a token opens, and that the app is still
//     installed there. If Slack refuses the token, the sync ends as disconnected, and the
//     workspace stays disconnected until Slack accepts a token again.
//  2. Hold the lease, which keeps two syncs of one workspace apart.
//  3. Walk. users.list is read page by page. The sync keeps 60 bytes a person in memory,
//     and a checkpoint a page in the store. A job that is killed and restarted within a
//     quarter of an hour resumes after the last page. A later sync starts over.
//  4. Compare. Each document has a fingerprint of the person's core (package directory).
//     Firestore counts and sums the fingerprints of a range for one billed read per
//     thousand people. Package compare finds the differences by comparing ranges. Once a
//     day it compares without trusting sums.
//  5. Plan. What is stored may be newer than the listing. The plan drops repairs that
//     would lose to it.
//  6. Publish. The sync fetches the objects again, by users.info or by a second walk,
//     whichever Slack's rate limits make faster.
//  7. Remove the people who are gone. Then ask users.info about people of other workspaces.
//  8. Ask users.profile.get about some people's custom fields, which no listing has.
//  9. Record the outcome in workspaces/{team_id}/syncs/{sync_id}.
//
// An empty directory is filled instead: each page is published as it arrives.
//
// # Which of two is newer
//
// The version of a page is the time on Slack's clock of the answer before it, or the
// page's cache_ts if that is earlier. So a sync never overwrites an event that arrives
// while it runs. But a listing may come from a cache. If Slack's own updated in a
// listed object is earlier than in the stored one, the stored one stays, for two hours.
// After that the listing wins, so that a disagreement between Slack's clocks cannot block
// a repair for good.
//
// Two kinds of people are treated on their own. Those stored with a version in the
// future, because a clock was wrong, are sent again even if nothing differs. Those stored
// as forgotten but active in Slack are reported: only an operator's lift brings them back.
//
// # Who is removed
//
// A sync removes people who are missing from a complete listing, unless their document
// was written since the sync started, or an event about them is newer than two hours
// before the listing. If more than a tenth of the directory (and more than three people)
// would go within a day, the sync removes nobody else and fails, unless
// -allow-mass-delete is given. It reads the day's records for that, but only if somebody
// is to be removed. People of other workspaces (Slack Connect) are in no listing. Each
// sync asks users.info about 200 of them, chosen at random if there are more, and judges
// them for mass removal on their own.
//
// # Custom fields
//
// Events bring custom fields, listings never do, and editing only a custom field sends no
// event. So each sync asks users.profile.get about as many people as -profiles allows: first
// those whose fields nobody knows, then those whom Slack has changed since, then those whose
// fields are the oldest. Every answer is published, even if nothing differs, because the
// document's version says when Slack was last asked. team.profile.get has the fields' labels.
// Both need the scope users.profile:read. A first load asks nobody, because the worker
// has yet to store the people.
//
// # What a sync reports
//
// The record counts what Pub/Sub accepted. Drift counts the repairs that an event should
// have made unnecessary, because Slack's own updated moved more than five minutes before
// the listing. Differed counts, by field, the repairs of people whose newest data came
// from an event. If Slack's events and listings disagree about a field for good, every
// sync repairs it, and it shows there. A person who cannot be read or stored is logged by
// id, counted as failed, and left out.
//
// A sync that is told to stop resumes from its checkpoint the next time, and keeps its
// counts. A repair that was still on its way to the store is then made, and counted, twice.
package fullsync
