#!/usr/bin/env bash
# Builds the image that builds run in, and records its digest where infra/terraform.sh and infra/images.sh read it.
set -euo pipefail
if [ $# != 0 ] || [ -z "${PROJECT_ID:-}" ] || [ -z "${REGION:-}" ] || [ -z "${BUCKET:-}" ]; then
  echo "usage: PROJECT_ID=… REGION=… BUCKET=… [PREFIX=…] infra/builder.sh" >&2
  exit 2
fi
cd "$(dirname "$0")"
name="${PREFIX:-}rollcall"
image="$REGION-docker.pkg.dev/$PROJECT_ID/$name/builder:$(date -u +%Y%m%d-%H%M%S)"
gcloud builds submit builder --config builder/cloudbuild.yaml --region "$REGION" --substitutions "_IMAGE=$image" \
  --service-account "projects/$PROJECT_ID/serviceAccounts/$name-deployer@$PROJECT_ID.iam.gserviceaccount.com" \
  --gcs-source-staging-dir "gs://$BUCKET/builder" >&2
digest=$(gcloud artifacts docker images describe "$image" --format 'value(image_summary.digest)')
echo "${image%:*}@$digest"
echo "{\"builder\": \"${image%:*}@$digest\"}" | gcloud storage cp - "gs://$BUCKET/builder.tfvars.json"
