#!/usr/bin/env bash
# Builds, pushes and signs the images of all deployables, and records their digests where infra/terraform.sh reads them.
set -euo pipefail
if [ $# != 0 ] || [ -z "${PROJECT_ID:-}" ] || [ -z "${REGION:-}" ] || [ -z "${BUCKET:-}" ]; then
  echo "usage: PROJECT_ID=… REGION=… BUCKET=… [PREFIX=…] infra/images.sh" >&2
  exit 2
fi
cd "$(dirname "$0")/.."
name="${PREFIX:-}rollcall"
key="projects/$PROJECT_ID/locations/$REGION/keyRings/$name/cryptoKeys/images/cryptoKeyVersions/1"
export KO_DOCKER_REPO="$REGION-docker.pkg.dev/$PROJECT_ID/$name"
commit=$(git rev-parse HEAD)
committed=$(git show --no-patch --format=%ct HEAD)
tag="${commit:0:12}-$(date -u +%Y%m%d%H%M%S)" # tags cannot be moved, so each build has its own
images=
for program in webhook worker ui api fullsync; do
  image=$(ko build --base-import-paths --tags "$tag" "./functions/$program")
  gcloud beta container binauthz attestations sign-and-create --project "$PROJECT_ID" --artifact-url "$image" \
    --attestor "$name-images" --attestor-project "$PROJECT_ID" --validate --keyversion "$key" >/dev/null
  echo "$program: $image, signed"
  images="$images\"$program\": \"$image\", "
done
echo "{\"images\": {$images\"commit\": \"$commit\", \"build\": \"${BUILD_ID:-}\", \"committed\": $committed}}" |
  gcloud storage cp - "gs://$BUCKET/images.tfvars.json"
