#!/usr/bin/env bash
# Signs the images that Cloud Build built from a commit (infra/images.yaml), and records their digests where
# infra/terraform.sh reads them. BUILD names that build. Without it, this builds HEAD first.
set -euo pipefail
if [ $# != 0 ] || [ -z "${PROJECT_ID:-}" ] || [ -z "${REGION:-}" ] || [ -z "${BUCKET:-}" ]; then
  echo "usage: PROJECT_ID=… REGION=… BUCKET=… [PREFIX=…] [BUILD=…] infra/images.sh" >&2
  exit 2
fi
cd "$(dirname "$0")/.."
name="${PREFIX:-}rollcall"
repository="$REGION-docker.pkg.dev/$PROJECT_ID/$name"
key="projects/$PROJECT_ID/locations/$REGION/keyRings/$name/cryptoKeys/images/cryptoKeyVersions/1"
commit=$(git rev-parse HEAD)
committed=$(git show --no-patch --format=%ct HEAD)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

if [ -z "${BUILD:-}" ]; then
  if ! gcloud storage cp "gs://$BUCKET/builder.tfvars.json" "$folder/builder.json"; then
    echo "There is no builder image yet: run infra/builder.sh." >&2
    exit 1
  fi
  git archive --format tar.gz --output "$folder/source.tar.gz" HEAD
  BUILD=$(gcloud builds submit "$folder/source.tar.gz" --config infra/images.yaml --region "$REGION" \
    --substitutions "_BUILDER=$(jq -r .builder "$folder/builder.json"),_IMAGES=$repository,_STATE_BUCKET=$BUCKET" \
    --service-account "projects/$PROJECT_ID/serviceAccounts/$name-deployer@$PROJECT_ID.iam.gserviceaccount.com" \
    --gcs-source-staging-dir "gs://$BUCKET/source" --suppress-logs --format 'value(id)')
fi
gcloud builds describe "$BUILD" --region "$REGION" --format json >"$folder/build.json"

images=
for program in webhook worker ui api fullsync; do
  # Docker recompresses layers, so this digest, of what Cloud Build pushed, is not ko's.
  digest=$(jq -r --arg name "$repository/$program:$BUILD" '.results.images[]? | select(.name == $name).digest' "$folder/build.json")
  image="$repository/$program@$digest"
  gcloud artifacts docker images describe "$image" --show-provenance --format 'json(provenance_summary)' >"$folder/provenance.json"
  if ! grep -qF "$BUILD" "$folder/provenance.json"; then
    echo "$image has no provenance of build $BUILD: not signing it." >&2
    exit 1
  fi
  sbom="$program-linux-amd64.spdx.json"
  gcloud storage cp "gs://$BUCKET/builds/$BUILD/sboms/$sbom" "$folder/$sbom"
  place=(--project "$PROJECT_ID" --location "$REGION" --repository "$name")
  if ! gcloud artifacts attachments describe "$program-$BUILD" "${place[@]}" >/dev/null 2>&1; then # a deployment that runs again has it already
    gcloud artifacts attachments create "$program-$BUILD" "${place[@]}" --attachment-type application/spdx+json --files "$folder/$sbom" \
      --target "projects/$PROJECT_ID/locations/$REGION/repositories/$name/packages/$program/versions/$digest"
  fi
  gcloud beta container binauthz attestations sign-and-create --project "$PROJECT_ID" --artifact-url "$image" \
    --attestor "$name-images" --attestor-project "$PROJECT_ID" --validate --keyversion "$key" >/dev/null
  echo "$program: $image, signed"
  images="$images\"$program\": \"$image\", "
done
echo "{\"images\": {$images\"commit\": \"$commit\", \"build\": \"$BUILD\", \"committed\": $committed}}" |
  gcloud storage cp - "gs://$BUCKET/images.tfvars.json"
