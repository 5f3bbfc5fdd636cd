#!/usr/bin/env bash
# Rehearses the steps of OPERATING.md on Google's emulators, with local mode as the
# deployment. The commands are the manual's own, and infra/rehearsal_test.go keeps them
# so. Emulators cannot import: the script writes back a document that it saved before.
#
#   gcloud emulators firestore start --host-port=127.0.0.1:8686 &
#   gcloud emulators pubsub start --host-port=127.0.0.1:8687 &
#   FIRESTORE_EMULATOR_HOST=127.0.0.1:8686 PUBSUB_EMULATOR_HOST=127.0.0.1:8687 infra/rehearse.sh
set -euo pipefail
cd "$(dirname "$0")/.."
: "${FIRESTORE_EMULATOR_HOST:?see the head of this script}" "${PUBSUB_EMULATOR_HOST:?see the head of this script}"
export GOOGLE_CLOUD_PROJECT=rehearsal-$$ FIRESTORE_DATABASE='(default)' SLACK_SIGNING_SECRET=invented-signing-secret TEAM=T0ROLLCALL

work=$(mktemp -d)
trap 'kill "$local" 2>/dev/null || true; rm -rf "$work"' EXIT
local=
go build -o "$work/" ./functions/local ./functions/rollcallctl
PATH="$work:$PATH"

say() { printf '\n# %s\n' "$*"; }
fail() { echo "FAILED: $*" >&2; exit 1; }
eventually() { # a command, until it succeeds
  for _ in $(seq 600); do if "$@" >/dev/null 2>&1; then return; fi; sleep 0.2; done
  fail "not within two minutes: $*"
}

documents="http://$FIRESTORE_EMULATOR_HOST/v1/projects/$GOOGLE_CLOUD_PROJECT/databases/(default)/documents/workspaces/$TEAM"
document() { curl -fsS -H 'Authorization: Bearer owner' "$documents${1:+/$1}"; } # a path below the workspace; without one, the workspace itself
has() { document "$1" | grep -qF -- "$2"; }
lacks() { ! has "$1" "$2"; }
slack_post() { # as Slack does
  local ts sig
  ts=$(date +%s)
  sig=$(printf 'v0:%s:%s' "$ts" "$1" | openssl dgst -sha256 -hmac "$SLACK_SIGNING_SECRET" | sed 's/^.* //')
  curl -fsS "$WEBHOOK" -H 'Content-Type: application/json' -H "X-Slack-Request-Timestamp: $ts" -H "X-Slack-Signature: v0=$sig" -d "$1"
}
event() { # type, user: an event of now, in a second of its own
  sleep 1
  slack_post '{"type":"event_callback","team_id":"'"$TEAM"'","event_id":"Ev'"$RANDOM"'","event_time":'"$(date +%s)"',"event":{"type":"'"$1"'","user":'"$2"'}}'
}
grace() { # status
  echo '{"id":"U0GRACE","team_id":"'"$TEAM"'","name":"grace","profile":{"real_name":"Grace Hopper","email":"grace@example.com","status_text":"'"$1"'"}}'
}
park() { # operation, data: as Pub/Sub does after five failed deliveries
  curl -fsS "http://$PUBSUB_EMULATOR_HOST/v1/projects/$GOOGLE_CLOUD_PROJECT/topics/user-events-dead:publish" -H 'Content-Type: application/json' -d \
    '{"messages":[{"data":"'"$(printf %s "$2" | base64 -w0)"'","attributes":{"operation":"'"$1"'","team_id":"'"$TEAM"'","source":"event"}}]}' >/dev/null
}
grace_update() { echo '{"operation":"update","team_id":"'"$TEAM"'","user":'"$(grace "$1")"',"version":'"$(date +%s)"'000000,"source":"event"}'; }
shows() { # text, command…: the command's output has the text
  local text=$1 out
  shift
  out=$("$@" <<<y) || fail "$*: $out"
  echo "$out"
  grep -qF -- "$text" <<<"$out" || fail "$* does not say \"$text\""
}

say "A deployment: local mode on the emulators"
PORT=0 LOG_LEVEL=ERROR "$work/local" -change-every 24h >"$work/local.log" 2>&1 &
local=$!
eventually grep -qE 'http://127\.0\.0\.1:[0-9]+' "$work/local.log"
WEBHOOK=$(grep -oE 'http://127\.0\.0\.1:[0-9]+' "$work/local.log" | head -1)/slack/events
everybody() { # is in the directory: local mode invents 250 people
  curl -fsS -H 'Authorization: Bearer owner' -H 'Content-Type: application/json' "$documents:runAggregationQuery" -d \
    '{"structuredAggregationQuery":{"aggregations":[{"count":{},"alias":"n"}],"structuredQuery":{"from":[{"collectionId":"users"}]}}}' |
    grep -q '"integerValue": "250"'
}
eventually everybody
rollcallctl smoke --webhook "$WEBHOOK"
shows "$TEAM" rollcallctl workspaces list

say "Dead letters"
event team_join "$(grace 'On watch')"
eventually has users/U0GRACE 'On watch'
sleep 1
park update "$(grace_update 'Found a moth')"
park unknown 'nonsense'
rollcallctl deadletters list | tee "$work/list"
ID=$(awk '$4 == "unknown" {print $1}' "$work/list")
(cd "$work" && rollcallctl deadletters show --id "$ID" > letter.json)
grep -qF nonsense "$work/letter.json" || fail "show does not show it"
shows "1 published again" rollcallctl deadletters redrive --operation update
eventually has users/U0GRACE 'Found a moth'
shows "1 dropped" rollcallctl deadletters discard --id "$ID"
shows "no dead letters" rollcallctl deadletters list

say "Forget a person"
WHO=U0GRACE
document "users/$WHO" >"$work/backup.json"
park update "$(grace_update 'Still parked')"
shows "1 forgotten" rollcallctl people forget --team "$TEAM" --user "$WHO"
lacks "users/$WHO" grace@example.com && lacks "users/$WHO" Grace || fail "her profile is still there"
shows "no dead letters" rollcallctl deadletters list --user "$WHO"
event user_change "$(grace 'Too late')"
sleep 2
lacks "users/$WHO" 'Too late' || fail "a late event brought her back"

say "Restore"
(cd "$work" && rollcallctl people forgotten --team "$TEAM" > forgotten.txt)
curl -fsS -X PATCH -H 'Authorization: Bearer owner' -H 'Content-Type: application/json' -d @"$work/backup.json" "$documents/users/$WHO" >/dev/null
has "users/$WHO" 'Grace Hopper' || fail "the import brought nothing back, so the rest would prove nothing"
(cd "$work" && rollcallctl people forget --team "$TEAM" --yes - < forgotten.txt)
lacks "users/$WHO" Grace || fail "she is back after a restore"

say "Take it back"
shows "1 lifted" rollcallctl people lift --team "$TEAM" --user "$WHO"
event team_join "$(grace 'Back on watch')"
eventually has users/U0GRACE 'Back on watch'
shows "1 reset" rollcallctl people reset --team "$TEAM" --user "$WHO"
lacks "users/$WHO" 'Back on watch' || fail "what was stored about her is still there"

say "Purge a workspace"
rollcallctl workspaces list
if rollcallctl workspaces purge --team "$TEAM" --yes; then fail "a connected workspace was purged"; fi
slack_post '{"type":"event_callback","team_id":"'"$TEAM"'","event_id":"Ev0UNINSTALL","event_time":'"$(($(date +%s) + 1))"',"event":{"type":"app_uninstalled"}}'
park update "$(grace_update 'Of a workspace that goes')"
eventually has "" disconnected_at # the worker has it
shows "1 dropped" rollcallctl workspaces purge --team "$TEAM"
if rollcallctl workspaces list | grep -q "$TEAM"; then fail "the workspace is still there"; fi
if document users | grep -q '"documents"'; then fail "people are still there"; fi

say "All steps done."
