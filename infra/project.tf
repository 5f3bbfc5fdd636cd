data "google_project" "this" {
  project_id = var.project_id
}

resource "google_project_service" "api" {
  for_each = toset([
    "artifactregistry", "binaryauthorization", "cloudbuild", "cloudkms", "cloudscheduler", "containeranalysis", "containerscanning",
    "firebaserules", "firestore", "iam", "iap", "logging", "monitoring", "pubsub", "run", "secretmanager",
  ])
  service = "${each.key}.googleapis.com"
  # Other applications in the project may use it.
  disable_on_destroy = false
}

locals {
  name     = "${var.prefix}rollcall"
  id       = replace(local.name, "-", "_")                                             # where hyphens are not allowed
  title    = var.prefix == "" ? "Rollcall" : "Rollcall ${trimsuffix(var.prefix, "-")}" # in the console
  database = coalesce(var.firestore_database, local.name)
  number   = data.google_project.this.number

  image_repository = "${var.region}-docker.pkg.dev/${var.project_id}/${google_artifact_registry_repository.images.repository_id}"

  # Google's own identities, by their fixed names (Google's page "Service agents").
  pubsub_agent = "serviceAccount:service-${local.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
  iap_agent    = "serviceAccount:service-${local.number}@gcp-sa-iap.iam.gserviceaccount.com"

  # Cloud Run's address of a service is known before the service exists.
  url = { for name in ["webhook", "ui", "api"] : name => "https://${lookup(local.domains, name, "${local.name}-${name}-${local.number}.${var.region}.run.app")}" }
}

resource "google_artifact_registry_repository" "images" {
  repository_id = local.name
  location      = var.region
  format        = "DOCKER"
  description   = "Images of Rollcall's services."
  docker_config {
    immutable_tags = true
  }
  vulnerability_scanning_config {
    enablement_config = "INHERITED" # on, because containerscanning is enabled
  }

  # What runs, and enough older images to roll back to.
  cleanup_policies {
    id     = "keep-recent"
    action = "KEEP"
    most_recent_versions {
      keep_count = 20
    }
  }
  cleanup_policies {
    id     = "delete-old"
    action = "DELETE"
    condition {
      older_than = "${30 * 24 * 3600}s"
    }
  }
  depends_on = [google_project_service.api]
}

# A person adds the values with `gcloud secrets versions add`, so no variable
# and no state contains them.
resource "google_secret_manager_secret" "value" {
  for_each  = toset(["slack-signing-secret", "slack-bot-tokens", "audit-hash-key"])
  secret_id = "${var.prefix}${each.key}"
  replication {
    user_managed { # automatic replication needs the location global, which policies may forbid, and cannot be changed later
      replicas {
        location = var.region
      }
    }
  }
  # For this long a version destroyed by mistake can be restored.
  version_destroy_ttl = "${7 * 24 * 3600}s"
  depends_on          = [google_project_service.api]
}

moved {
  from = google_secret_manager_secret.slack
  to   = google_secret_manager_secret.value
}
