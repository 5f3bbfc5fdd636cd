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

run "api_for_some" {
  command = plan
  variables {
    api_ingress = "some"
  }
  expect_failures = [var.api_ingress]
}

run "no_rate" {
  command = plan
  variables {
    api_rate = 0
  }
  expect_failures = [var.api_rate]
}

run "everybody_may_read" {
  command = plan
  variables {
    directory_readers = ["domain:example.com"]
  }
  expect_failures = [var.directory_readers]
}

run "image_by_tag" {
  command = plan
  variables {
    images = { webhook = "r/webhook:latest", worker = "r/worker:latest", ui = "r/ui:latest", fullsync = "r/fullsync:latest" }
  }
  expect_failures = [var.images]
}

run "everybody_may_look" {
  command = plan
  variables {
    viewers = ["allUsers"]
  }
  expect_failures = [var.viewers]
}

run "uneven_interval" {
  command = plan
  variables {
    sync_every_hours = 5
  }
  expect_failures = [var.sync_every_hours]
}

run "negative_drift" {
  command = plan
  variables {
    drift_threshold = -1
  }
  expect_failures = [var.drift_threshold]
}

run "no_project" {
  command = plan
  variables {
    project_id = "Rollcall"
  }
  expect_failures = [var.project_id]
}

run "not_a_region" {
  command = plan
  variables {
    region = "Europe"
  }
  expect_failures = [var.region]
}

run "not_a_domain" {
  command = plan
  variables {
    domains = { ui = "https://people.example.com" }
  }
  expect_failures = [var.domains]
}

run "long_prefix" {
  command = plan
  variables {
    prefix = "acceptance-test-"
  }
  expect_failures = [var.prefix]
}

run "not_a_location" {
  command = plan
  variables {
    firestore_location = "Belgium"
  }
  expect_failures = [var.firestore_location]
}

run "default_database_without_saying_so" {
  command = plan
  variables {
    firestore_database = "(default)"
  }
  expect_failures = [var.firestore_existing]
}

run "not_a_database" {
  command = plan
  variables {
    firestore_database = "R"
  }
  expect_failures = [var.firestore_database]
}

run "no_instances" {
  command = plan
  variables {
    max_instances = { ui = 0 }
  }
  expect_failures = [var.max_instances]
}

run "no_address" {
  command = plan
  variables {
    alert_emails = { oncall = "me" }
  }
  expect_failures = [var.alert_emails]
}

run "alerts_for_nobody" {
  command = plan
  variables {
    alert_emails = {}
  }
  expect_failures = [var.alert_emails]
}

run "not_a_repository" {
  command = plan
  variables {
    repository   = "github.com/o/r"
    state_bucket = "b"
    builder      = "r/builder@sha256:4444444444444444444444444444444444444444444444444444444444444444"
  }
  expect_failures = [var.repository]
}

run "repository_without_state" {
  command = plan
  variables {
    repository = "projects/p/locations/l/connections/c/repositories/r"
    builder    = "r/builder@sha256:4444444444444444444444444444444444444444444444444444444444444444"
  }
  expect_failures = [var.state_bucket]
}

run "unknown_scope" {
  command = plan
  variables {
    slack_optional_scopes = ["admin"]
  }
  expect_failures = [var.slack_optional_scopes]
}

run "repository_without_builder" {
  command = plan
  variables {
    repository   = "projects/p/locations/l/connections/c/repositories/r"
    state_bucket = "b"
  }
  expect_failures = [var.builder]
}

run "builder_by_tag" {
  command = plan
  variables {
    repository   = "projects/p/locations/l/connections/c/repositories/r"
    state_bucket = "b"
    builder      = "r/builder:latest"
  }
  expect_failures = [var.builder]
}

run "a_name_too_long" {
  command = plan
  variables {
    change_subscriptions = { customer-relations-system = {} }
  }
  expect_failures = [var.change_subscriptions]
}

run "the_name_of_our_own" {
  command = plan
  variables {
    change_subscriptions = { bigquery = {} }
  }
  expect_failures = [var.change_subscriptions]
}

run "changes_over_http" {
  command = plan
  variables {
    change_subscriptions = { crm = { push_endpoint = "http://crm.example.com" } }
  }
  expect_failures = [var.change_subscriptions]
}

run "no_history_to_write" {
  command = plan
  variables {
    history_days        = 0
    changes_to_bigquery = true
  }
  expect_failures = [var.changes_to_bigquery]
}

run "half_a_day" {
  command = plan
  variables {
    history_days = 0.5
  }
  expect_failures = [var.history_days]
}
