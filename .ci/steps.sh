# Sourced by run and nightly: steps, and at the end how long each took.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export CI=true
export GOFLAGS="${GOFLAGS:-} -timeout=60m" # packages that start emulators share two cores
names=() seconds=()
step() {
  finish_step
  names+=("$*")
  printf '\n== %s\n' "$*"
  began=$SECONDS
}
finish_step() { [ "${#names[@]}" -eq "${#seconds[@]}" ] || seconds+=($((SECONDS - began))); }
report() {
  status=$?
  finish_step
  [ -z "${tools:-}" ] || rm -rf "$tools"
  printf '\n'
  for i in "${!names[@]}"; do printf '%5d s  %s\n' "${seconds[$i]}" "${names[$i]}"; done
  printf '%5d s  in all\n' "$SECONDS"
  exit "$status"
}
trap report EXIT

need_emulators_and_browser() {
  step "emulators, Java and a browser are there"
  gcloud --version | grep -E 'Google Cloud SDK|firestore-emulator|pubsub-emulator'
  java -version
  if ! command -v chromium; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium fonts-noto-color-emoji >/dev/null
  fi
  chromium --version
}

# fuzz runs each target for as many inputs. Counted, not timed: at the end of its
# time Go before 1.27 takes its own deadline for a failure (go.dev/issue/75804).
fuzz() {
  grep -rnoE '^func (Fuzz[A-Za-z]+)' --include='*_test.go' . | while IFS=: read -r file _ func; do
    go test -run '^$' -fuzz "^${func#func }\$" -fuzztime "$1x" -fuzzminimizetime 100x "./$(dirname "$file")"
  done
}
