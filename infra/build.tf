# Cloud Build: pull requests and pushes to main are tested and planned by an identity that can change nothing.
# Another identity, which runs no tests, builds the images of pushes and deploys those that passed.

resource "google_service_account" "builder" {
  for_each     = toset(["deployer", "planner"])
  account_id   = "${local.name}-${each.key}"
  display_name = "Rollcall ${each.key} (Cloud Build)"
  depends_on   = [google_project_service.api]
}

# The deployer changes the settings of most resources and reads the rest as the planner does. It cannot create
# identities, roles, secrets or keys, or grant anything on them: an owner applies such changes. So a push to main
# cannot give itself more rights.
resource "google_project_iam_member" "deployer" {
  for_each = toset(concat([
    "artifactregistry.admin", "cloudbuild.builds.editor", "cloudscheduler.admin", "containeranalysis.occurrences.editor", "firebaserules.admin",
    "iap.admin", "logging.configWriter", "logging.logWriter", "monitoring.editor", "pubsub.admin",
    "run.admin", "serviceusage.serviceUsageAdmin",
  ], length(local.domains) == 0 ? [] : ["compute.loadBalancerAdmin", "compute.securityAdmin"]))
  project = var.project_id
  role    = "roles/${each.key}"
  member  = google_service_account.builder["deployer"].member
}

resource "google_project_iam_member" "deployer_reads" {
  project = var.project_id
  role    = google_project_iam_custom_role.planner.id
  member  = google_service_account.builder["deployer"].member
}

# Conditions bound both roles: the deployer may grant only the roles that services have, and owns only the one database.
resource "google_project_iam_member" "deployer_bounded" {
  for_each = {
    "resourcemanager.projectIamAdmin" = "api.getAttribute(\"iam.googleapis.com/modifiedGrantsByRole\", []).hasOnly(${jsonencode(local.service_roles)})"
    "datastore.owner"                 = local.only_the_database
  }
  project = var.project_id
  role    = "roles/${each.key}"
  member  = google_service_account.builder["deployer"].member
  condition {
    title      = "${local.name}-only"
    expression = each.value
  }
}

locals {
  # The roles that services have on the project (Google's page "Set limits on granting roles" allows ten).
  service_roles = sort(distinct(concat(values(local.firestore_roles), [local.counts_dead_letters, local.writes_traces])))
}

# Deploying a service that runs as an identity takes this role on the identity.
resource "google_service_account_iam_member" "deployer_acts_as" {
  for_each           = merge(google_service_account.runtime, google_service_account.invoker, google_service_account.builder, { for name, a in google_service_account.subscriber : "to-${name}" => a })
  service_account_id = each.value.name
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.builder["deployer"].member
}

# The smoke test signs requests as Slack does. The deployer reads no other secret, except the log level.
resource "google_secret_manager_secret_iam_member" "smoke_test" {
  secret_id = google_secret_manager_secret.value["slack-signing-secret"].id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.builder["deployer"].member
}

# A plan reads the project's settings and nobody's data.
resource "google_project_iam_custom_role" "planner" {
  role_id = "${replace(var.prefix, "-", "_")}rollcallPlanner"
  title   = "Rollcall planner"
  permissions = concat(var.changes_to_bigquery ? ["bigquery.datasets.get", "bigquery.tables.get", "bigquery.tables.getIamPolicy"] : [], length(local.domains) == 0 ? [] : [
    "compute.backendServices.get",
    "compute.globalAddresses.get",
    "compute.globalForwardingRules.get",
    "compute.regionNetworkEndpointGroups.get",
    "compute.securityPolicies.get",
    "compute.sslCertificates.get",
    "compute.targetHttpsProxies.get",
    "compute.urlMaps.get",
    ], [
    "artifactregistry.repositories.get",
    "artifactregistry.repositories.getIamPolicy",
    "binaryauthorization.attestors.get",
    "binaryauthorization.attestors.getIamPolicy",
    "binaryauthorization.policy.get",
    "cloudbuild.builds.get",
    "cloudkms.cryptoKeyVersions.get",
    "cloudkms.cryptoKeyVersions.viewPublicKey",
    "cloudkms.cryptoKeys.get",
    "cloudkms.cryptoKeys.getIamPolicy",
    "cloudkms.keyRings.get",
    "cloudscheduler.jobs.get",
    "containeranalysis.notes.get",
    "containeranalysis.notes.getIamPolicy",
    "datastore.backupSchedules.get",
    "datastore.databases.getMetadata",
    "datastore.indexes.get",
    "firebaserules.releases.get",
    "firebaserules.rulesets.get",
    "iam.roles.get",
    "iam.serviceAccounts.get",
    "iam.serviceAccounts.getIamPolicy",
    "iap.webServices.getIamPolicy",
    "logging.logMetrics.get",
    "monitoring.alertPolicies.get",
    "monitoring.dashboards.get",
    "monitoring.notificationChannels.get",
    "monitoring.services.get",
    "monitoring.slos.get",
    "monitoring.uptimeCheckConfigs.get",
    "pubsub.schemas.get",
    "pubsub.subscriptions.get",
    "pubsub.subscriptions.getIamPolicy",
    "pubsub.topics.get",
    "pubsub.topics.getIamPolicy",
    "resourcemanager.projects.get",
    "resourcemanager.projects.getIamPolicy",
    "run.jobs.get",
    "run.jobs.getIamPolicy",
    "run.services.get",
    "run.services.getIamPolicy",
    "secretmanager.secrets.get",
    "secretmanager.secrets.getIamPolicy",
    "secretmanager.versions.get",
    "serviceusage.services.get",
    "serviceusage.services.list",
    "storage.buckets.getIamPolicy",
  ])
  depends_on = [google_project_service.api]
}

resource "google_project_iam_member" "planner" {
  for_each = { plan = google_project_iam_custom_role.planner.id, log = "roles/logging.logWriter" }
  project  = var.project_id
  role     = each.value
  member   = google_service_account.builder["planner"].member
}

resource "google_storage_bucket_iam_member" "state" {
  for_each = { deployer = "roles/storage.objectAdmin", planner = "roles/storage.objectViewer" }
  bucket   = var.state_bucket
  role     = each.value
  member   = google_service_account.builder[each.key].member
}

# Both run in the image that infra/builder.sh built.
resource "google_artifact_registry_repository_iam_member" "builder_image" {
  for_each   = google_service_account.builder
  repository = google_artifact_registry_repository.images.name
  location   = var.region
  role       = "roles/artifactregistry.reader"
  member     = each.value.member
}

resource "google_cloudbuild_trigger" "build" {
  for_each = var.repository == null ? {} : {
    check  = { identity = "planner", file = "cloudbuild.yaml", push = [], pull_request = ["^main$"], approval = false }
    test   = { identity = "planner", file = "cloudbuild.yaml", push = ["^main$"], pull_request = [], approval = false }
    images = { identity = "deployer", file = "infra/images.yaml", push = ["^main$"], pull_request = [], approval = false }
    deploy = { identity = "deployer", file = "infra/deploy.yaml", push = ["^main$"], pull_request = [], approval = var.deploy_approval }
  }
  name            = "${local.name}-${each.key}"
  location        = var.region
  filename        = each.value.file
  service_account = google_service_account.builder[each.value.identity].id
  # No include_build_logs: it would copy logs, whose plans name viewers, to checks that everybody with access to the repository sees.

  approval_config {
    approval_required = each.value.approval
  }

  repository_event_config {
    repository = var.repository
    dynamic "push" {
      for_each = each.value.push
      content {
        branch = push.value
      }
    }
    dynamic "pull_request" {
      for_each = each.value.pull_request
      content {
        branch          = pull_request.value
        comment_control = "COMMENTS_ENABLED_FOR_EXTERNAL_CONTRIBUTORS_ONLY"
      }
    }
  }

  substitutions = merge(
    { _BUILDER = var.builder, _STATE_BUCKET = var.state_bucket },
    each.key == "images" ? { _IMAGES = local.image_repository } : {},
    each.key == "deploy" ? { _REGION = var.region, _DATABASE = local.database, _PREFIX = var.prefix } : {},
  )
}
