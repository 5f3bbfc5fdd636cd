// Package fullsync repairs a workspace's directory. It lists everybody in Slack,
// compares that with what is stored, and publishes only what differs, to the same
// topic as events. Nothing is deleted first, and nothing is written here but the
// sync's own records: the worker remains the only writer of users.
//
// Events can be lost. Slack has dropped backlogs, and a webhook can be down for
// longer than Slack repeats. So a sync runs every hour or every day, and an
// unchanged directory must cost next to nothing.
//
// # The steps
//
// [All] goes through the bot tokens and syncs the workspace of each.
//
//  1. Connect. auth.test says which workspace a token opens, and that the app is still installed
//     there. If Slack refuses the token, the sync ends as disconnected, and so is the workspace
//     until Slack accepts a token again.
//  2. Hold the lease, which keeps two syncs of one workspace apart.
//  3. Walk. users.list is read page by page. Of each person 60 bytes stay in memory, and of each
//     page a checkpoint in the store. A job that is killed and started again within a quarter of an
//     hour goes on after the last page. A later sync begins anew.
//  4. Compare. Each document has a fingerprint of the person's core (package directory). Firestore
//     counts and sums the fingerprints of a range for one billed read per thousand people. Package
//     compare finds the differences by comparing ranges, and once a day without trusting sums.
//  5. Plan. What is stored may be newer than the listing. Repairs that would lose are dropped.
//  6. Publish. The objects are asked for again, by users.info or in a second walk, whichever Slack's
//     rate limits make the faster one.
//  7. Remove those who are gone, and then ask users.info about people of other workspaces.
//  8. Record the outcome in workspaces/{team_id}/syncs/{sync_id}.
//
// An empty directory is filled instead: each page is published as it comes.
//
// # Which of two is newer
//
// A page's version is the time on Slack's clock of the answer before it, or the
// page's cache_ts if that is earlier. An event that arrives during the sync is
// therefore never overwritten. Listings may come from a cache even so. If
// Slack's own updated of a listed object lies before that of what is stored, the
// stored one stays, for two hours. After that the listing wins, so that no
// disagreement between Slack's clocks keeps a repair out for good.
//
// Two sorts of people need no difference, or more than one. Whoever is stored with
// a version in the future, from a clock that was wrong, is told anew. Whoever is
// stored as forgotten, and is alive in Slack, is reported: only an operator's lift
// brings such a person back.
//
// # Who is removed
//
// Whoever is missing from a complete listing, unless the document was written
// since the sync began, or an event told of the person within two hours before the
// listing. If more than a tenth of the directory (and more than three people) would be gone
// within a day, nobody else is removed and the sync fails, unless
// -allow-mass-delete is given. The sync reads the day's records for that, but
// only when somebody is to be removed. People of other workspaces (Slack Connect) are in no
// listing. Each sync asks users.info about 200 of them, if there are more a random
// sample, and they are judged for mass removal on their own.
//
// # What a sync reports
//
// The record counts what was published and accepted. Drift counts the repairs
// that an event should have made unnecessary: Slack's own updated moved more
// than five minutes before the listing. Differed counts by field the
// repairs of people whose newest word came from an event: a field in which Slack's events and
// listings disagree for good would be repaired in every sync, and shows there. One
// person who cannot be read or stored is logged by id, counted as failed, and left out.
//
// A sync that is told to stop goes on from its checkpoint the next time, and counts
// on. A repair that was still on its way to the store then is made, and counts, twice.
package fullsync
