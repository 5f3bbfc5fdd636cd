#!/usr/bin/env bash
# Builds and pushes the images of all deployables with ko, and puts their digests where infra/terraform.sh reads them.
set -euo pipefail
if [ $# != 0 ] || [ -z "${PROJECT_ID:-}" ] || [ -z "${REGION:-}" ] || [ -z "${BUCKET:-}" ]; then
  echo "usage: PROJECT_ID=… REGION=… BUCKET=… [PREFIX=…] infra/images.sh" >&2
  exit 2
fi
cd "$(dirname "$0")/.."
export KO_DOCKER_REPO="$REGION-docker.pkg.dev/$PROJECT_ID/${PREFIX:-}rollcall"
commit=$(git rev-parse HEAD)
committed=$(git show --no-patch --format=%ct HEAD)
tag="${commit:0:12}-$(date -u +%Y%m%d%H%M%S)" # tags cannot be moved, so each build has its own
images=
for name in webhook worker ui fullsync; do
  image=$(ko build --base-import-paths --tags "$tag" "./functions/$name")
  echo "$name: $image"
  images="$images\"$name\": \"$image\", "
done
echo "{\"images\": {$images\"commit\": \"$commit\", \"committed\": $committed}}" |
  gcloud storage cp - "gs://$BUCKET/images.tfvars.json"
