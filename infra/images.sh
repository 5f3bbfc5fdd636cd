#!/usr/bin/env bash
# Builds the images of all deployables with ko and writes their digests to
# images.auto.tfvars.json, where Terraform finds them.
set -euo pipefail
if [ "${1:-}" = -h ] || [ -z "${PROJECT_ID:-}" ] || [ -z "${REGION:-}" ]; then
  echo "usage: PROJECT_ID=… REGION=… infra/images.sh [ko's flags, as --push=false]" >&2
  exit 2
fi
cd "$(dirname "$0")/.."
export KO_DOCKER_REPO="$REGION-docker.pkg.dev/$PROJECT_ID/rollcall"
images=
for name in webhook worker ui fullsync; do
  image=$(ko build --base-import-paths "$@" "./functions/$name")
  echo "$name: $image"
  images="$images${images:+, }\"$name\": \"$image\""
done
echo "{\"images\": {$images}}" > infra/images.auto.tfvars.json
