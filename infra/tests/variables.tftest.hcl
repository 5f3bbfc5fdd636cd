# Wrong settings are refused before anything is planned, and the app's manifest follows the right ones.

mock_provider "google" {
  source = "./tests/mocks"
}

variables {
  project_id         = "rollcall-test"
  firestore_location = "eur3"
  images = {
    webhook  = "r/webhook@sha256:0000000000000000000000000000000000000000000000000000000000000000"
    worker   = "r/worker@sha256:1111111111111111111111111111111111111111111111111111111111111111"
    ui       = "r/ui@sha256:2222222222222222222222222222222222222222222222222222222222222222"
    fullsync = "r/fullsync@sha256:3333333333333333333333333333333333333333333333333333333333333333"
  }
  state_bucket = "rollcall-state"
  viewers      = ["domain:example.com"]
  alert_emails = { oncall = "oncall@example.com" }
}

# README.md's first apply: places for images and secrets, the app's manifest, and all grants that
# revisions need, so that IAM has minutes to apply them before there are revisions.
run "first_apply" {
  variables {
    images = null
  }
  plan_options {
    target = [
      google_artifact_registry_repository.images,
      google_binary_authorization_attestor.images,
      google_secret_manager_secret_iam_member.reader,
      google_secret_manager_secret_iam_member.log_level,
      google_secret_manager_secret_version.log_level,
      google_pubsub_topic_iam_member.publisher,
      google_project_iam_member.firestore,
      google_project_iam_member.deployer,
      google_storage_bucket_iam_member.state,
      data.google_project.this,
    ]
  }
  assert {
    condition     = strcontains(output.slack_app_manifest, "https://rollcall-webhook-123456789012.europe-west1.run.app/slack/events") && endswith(output.image_repository, "/rollcall")
    error_message = "The manifest exists before the services."
  }
  assert {
    condition     = length(google_secret_manager_secret.value) == 3
    error_message = "The secrets exist before the services that read them."
  }
  assert {
    condition = (
      length(google_secret_manager_secret_iam_member.reader) == 3 && length(google_secret_manager_secret_iam_member.log_level) == 6 &&
      length(google_pubsub_topic_iam_member.publisher) == 2 && length(google_project_iam_member.firestore) == 3
    )
    error_message = "The grants exist minutes before the services that need them."
  }
  assert {
    condition     = google_storage_bucket_iam_member.state["deployer"].bucket == "rollcall-state" && contains(keys(google_project_iam_member.deployer), "artifactregistry.admin")
    error_message = "The identity that builds images reads their sources and pushes them."
  }
}

run "manifest" {
  command = plan
  assert {
    condition     = yamldecode(output.slack_app_manifest).settings.event_subscriptions.request_url == "https://rollcall-webhook-123456789012.europe-west1.run.app/slack/events"
    error_message = "Slack posts to the webhook."
  }
  assert {
    condition     = yamldecode(output.slack_app_manifest).oauth_config.scopes.bot == ["users:read", "users.profile:read", "team:read", "emoji:read", "users:read.email"]
    error_message = "The manifest has the three required scopes and the optional ones."
  }
  assert {
    condition     = !yamldecode(output.slack_app_manifest).settings.socket_mode_enabled
    error_message = "A deployment receives requests."
  }
}

run "manifest_for_socket_mode" {
  command = plan
  variables {
    slack_socket_mode     = true
    slack_optional_scopes = []
  }
  assert {
    condition     = yamldecode(output.slack_app_manifest).settings.socket_mode_enabled && !can(yamldecode(output.slack_app_manifest).settings.event_subscriptions.request_url)
    error_message = "With Socket Mode there is no request URL."
  }
  assert {
    condition     = yamldecode(output.slack_app_manifest).oauth_config.scopes.bot == ["users:read", "users.profile:read", "team:read"]
    error_message = "Three scopes are enough."
  }
}

run "no_images" {
  command = plan
  variables {
    images = null
  }
  expect_failures = [google_cloud_run_v2_service.service]
}

run "no_image_of_the_api" {
  command = plan
  variables {
    api = true
  }
  expect_failures = [google_cloud_run_v2_service.service]
}

# Each run has one wrong value of each setting that it names, since a run takes seconds. All of them must be refused.

run "wrong_values" {
  command = plan
  variables {
    alert_emails          = { oncall = "me" }
    api_ingress           = "some"
    api_rate              = 0
    changes_to_bigquery   = true                   # without a history
    directory_readers     = ["domain:example.com"] # everybody
    drift_threshold       = -1
    firestore_database    = "R"
    firestore_location    = "Belgium"
    history_days          = 0
    images                = { webhook = "r/webhook:latest", worker = "r/worker:latest", ui = "r/ui:latest", fullsync = "r/fullsync:latest" } # no digests
    max_instances         = { ui = 0 }
    prefix                = "acceptance-test-" # too long
    project_id            = "Rollcall"
    region                = "Europe"
    repository            = "github.com/o/r"
    builder               = "r/builder@sha256:4444444444444444444444444444444444444444444444444444444444444444"
    slack_optional_scopes = ["admin"]
    sync_every_hours      = 5 # does not divide a day
    viewers               = ["allUsers"]
  }
  expect_failures = [
    var.alert_emails, var.api_ingress, var.api_rate, var.changes_to_bigquery, var.directory_readers, var.drift_threshold,
    var.firestore_database, var.firestore_location, var.images, var.max_instances, var.prefix, var.project_id, var.region, var.repository,
    var.slack_optional_scopes, var.sync_every_hours, var.viewers,
  ]
}

# These validations also read other variables, which must be right.
run "wrong_together" {
  command = plan
  variables {
    alert_emails         = {}
    builder              = null
    repository           = "projects/p/locations/l/connections/c/repositories/r"
    change_subscriptions = { customer-relations-system = {} } # too long a name
    domains              = { ui = "https://people.example.com" }
    firestore_database   = "(default)" # without firestore_existing
    history_days         = 0.5
  }
  expect_failures = [var.alert_emails, var.builder, var.change_subscriptions, var.domains, var.firestore_existing, var.history_days]
}

run "more_wrong_together" {
  command = plan
  variables {
    builder              = "r/builder:latest" # no digest
    repository           = "projects/p/locations/l/connections/c/repositories/r"
    change_subscriptions = { bigquery = {} }                 # taken by Rollcall's own
    domains              = { api = "directory.example.com" } # without the API
  }
  expect_failures = [var.builder, var.change_subscriptions, var.domains]
}

run "still_more_wrong_together" {
  command = plan
  variables {
    change_subscriptions = { crm = { push_endpoint = "http://crm.example.com" } }
    api                  = true
    api_ingress          = "internal"
    domains              = { api = "directory.example.com" } # the API is internal
  }
  expect_failures = [var.change_subscriptions, var.domains]
}
