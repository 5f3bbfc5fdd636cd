# Sourced by run and nightly: steps, and at the end how long each took.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export CI=true
# Packages that start emulators share two cores, so tests get an hour. The rest shortens builds: with -trimpath and
# without cgo, packages compile once for tests and images (.ko.yaml); -w drops debug information; go vet has its own step.
export GOFLAGS="${GOFLAGS:-} -timeout=60m -trimpath -ldflags=-w -vet=off"
export CGO_ENABLED=0
scratch=$(mktemp -d)
names=() seconds=() cpus=()
step() {
  finish_step
  names+=("$*")
  printf '\n== %s\n' "$*"
  began=$SECONDS
  cpu_began=$(cpu $$)
}
finish_step() {
  if [ "${#names[@]}" -gt "${#seconds[@]}" ]; then
    seconds+=($((SECONDS - began)))
    cpus+=($(($(cpu $$) - cpu_began)))
  fi
}
# cpu prints how many seconds of processor time the commands of a shell took that have ended. A step that
# took less than its time on all cores together has waited, and others could have run beside it.
cpu() {
  cat "/proc/$1/stat" 2>/dev/null | awk -v hz="$(getconf CLK_TCK)" '{sub(/.*\) /, ""); print int(($14 + $15) / hz)}' || echo 0
}

parts=() pids=()
# beside starts a part of the step, a command, in the background. together waits for all parts.
beside() {
  local output="$scratch/part${#parts[@]}"
  parts+=("$1")
  (
    trap 'me=$BASHPID; echo "$((SECONDS - part_began)) $(cpu "$me")" >"$output.took"' EXIT
    part_began=$SECONDS
    "${@:2}"
  ) >"$output" 2>&1 &
  pids+=($!)
}
together() {
  local i took failed=()
  for i in "${!parts[@]}"; do
    wait "${pids[$i]}" || failed+=("${parts[$i]}")
    printf '\n-- %s\n' "${parts[$i]}"
    cat "$scratch/part$i"
  done
  finish_step
  for i in "${!parts[@]}"; do
    read -ra took <"$scratch/part$i.took"
    names+=("- ${parts[$i]}") seconds+=("${took[0]}") cpus+=("${took[1]}")
  done
  parts=() pids=()
  if [ "${#failed[@]}" -gt 0 ]; then
    printf '\nfailed: %s\n' "${failed[@]}"
    return 1
  fi
}
report() {
  status=$?
  finish_step
  rm -rf "$scratch"
  printf '\n  time processor (%d cores)\n' "$(getconf _NPROCESSORS_ONLN)"
  for i in "${!names[@]}"; do printf '%5d s %5d s  %s\n' "${seconds[$i]}" "${cpus[$i]}" "${names[$i]}"; done
  printf '%5d s %5d s  in all\n' "$SECONDS" "$(cpu $$)"
  exit "$status"
}
trap report EXIT

need_tools_of_the_tests() {
  step "emulators, Java, Node and a browser are there"
  gcloud --version | grep -E 'Google Cloud SDK|firestore-emulator|pubsub-emulator'
  java -version
  node --version
  npm --version
  if ! command -v chromium-headless-shell; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium-headless-shell fonts-noto-color-emoji >/dev/null
  fi
  chromium-headless-shell --version
}

# fuzz runs each target for as many inputs. Counted, not timed: at the end of its
# time Go before 1.27 takes its own deadline for a failure (go.dev/issue/75804).
# Each package is built once for all its targets.
fuzz() {
  local package target
  for package in $(grep -rlE '^func Fuzz' --include='*_test.go' . | xargs -n 1 dirname | sort -u); do
    go test -c -fuzz . -o "$scratch/fuzz" "$package"
    for target in $(grep -hoE '^func Fuzz[A-Za-z]+' "$package"/*_test.go | cut -d ' ' -f 2); do
      if ! (cd "$package" && "$scratch/fuzz" -test.run '^$' -test.fuzz "^$target\$" -test.fuzztime "$1x" \
        -test.fuzzminimizetime 100x -test.fuzzcachedir "$scratch/inputs/$target") >"$scratch/log" 2>&1; then
        cat "$scratch/log"
        return 1
      fi
      printf '%s %s %s\n' "$package" "$target" "$(grep '^fuzz:' "$scratch/log" | tail -n 1)"
    done
  done
}
