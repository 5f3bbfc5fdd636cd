#!/usr/bin/env bash
# Runs Terraform with the settings, image digests and provider checksums of an installation. They are beside its
# state in gs://$BUCKET, so that laptops and builds apply the same configuration.
set -euo pipefail
if [ $# = 0 ] || [ -z "${BUCKET:-}" ]; then
  cat >&2 <<'USAGE'
usage: BUCKET=… infra/terraform.sh COMMAND
  settings   edits the settings (settings.tfvars in the bucket)
  lock       records the providers' checksums, once and after each change of versions.tf
  init       refuses providers without these checksums
  plan, apply, destroy, import, output, …: as terraform's
USAGE
  exit 2
fi
cd "$(dirname "$0")"
command=$1
shift
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# take copies an object to $folder, if there is one.
take() {
  if gcloud storage ls "gs://$BUCKET/$1" >/dev/null 2>&1; then
    gcloud storage cp --quiet "gs://$BUCKET/$1" "$folder/$1" >&2
  fi
}

case $command in
settings)
  take settings.tfvars
  # Refuses to overwrite what somebody else has written since; 0 means that there is no object.
  generation=0
  if [ -e "$folder/settings.tfvars" ]; then
    generation=$(gcloud storage objects describe "gs://$BUCKET/settings.tfvars" --format 'value(generation)')
  fi
  ${EDITOR:-vi} "$folder/settings.tfvars"
  terraform fmt "$folder/settings.tfvars" >/dev/null
  gcloud storage cp --if-generation-match="$generation" "$folder/settings.tfvars" "gs://$BUCKET/settings.tfvars"
  ;;
lock)
  rm -f .terraform.lock.hcl
  terraform providers lock -platform=linux_amd64 -platform=linux_arm64 -platform=darwin_amd64 -platform=darwin_arm64
  gcloud storage cp .terraform.lock.hcl "gs://$BUCKET/terraform.lock.hcl"
  ;;
init)
  take terraform.lock.hcl
  if [ ! -e "$folder/terraform.lock.hcl" ]; then
    echo "gs://$BUCKET has no checksums of the providers: run infra/terraform.sh lock" >&2
    exit 1
  fi
  cp "$folder/terraform.lock.hcl" .terraform.lock.hcl
  terraform init -reconfigure -lockfile=readonly -backend-config="bucket=$BUCKET" "$@"
  ;;
plan | apply | destroy | refresh | import | console)
  for file in *.auto.tfvars *.auto.tfvars.json terraform.tfvars terraform.tfvars.json; do
    if [ -e "$file" ]; then
      echo "infra/$file would override the installation's settings: move what it says to the bucket (infra/terraform.sh settings) and delete it" >&2
      exit 1
    fi
  done
  files=()
  for file in settings.tfvars builder.tfvars.json images.tfvars.json; do
    take "$file"
    if [ -e "$folder/$file" ]; then files+=("-var-file=$folder/$file"); fi
  done
  if [ ! -e "$folder/settings.tfvars" ]; then
    echo "gs://$BUCKET has no settings: run infra/terraform.sh settings" >&2
    exit 1
  fi
  terraform "$command" "${files[@]}" "$@"
  ;;
*)
  terraform "$command" "$@"
  ;;
esac
