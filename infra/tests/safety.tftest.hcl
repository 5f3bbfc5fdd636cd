# What must never regress. Nothing is contacted: the provider is a mock.

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
    api      = "r/api@sha256:5555555555555555555555555555555555555555555555555555555555555555"
  }
  viewers        = ["group:everybody@example.com"]
  alert_emails   = { oncall = "oncall@example.com" }
  alert_channels = ["projects/rollcall-test/notificationChannels/1"]
  repository     = "projects/rollcall-test/locations/europe-west1/connections/github/repositories/rollcall"
  repository_url = "https://example.com/rollcall"
  state_bucket   = "rollcall-state"
  builder        = "r/builder@sha256:4444444444444444444444444444444444444444444444444444444444444444"
}

# One run, since each takes seconds: what holds by default.
run "by_default" {
  # Services.
  assert {
    condition     = google_cloud_run_v2_service.service["worker"].ingress == "INGRESS_TRAFFIC_INTERNAL_ONLY" && !google_cloud_run_v2_service.service["worker"].invoker_iam_disabled
    error_message = "The worker must not be reachable from outside, nor without an identity."
  }
  assert {
    condition     = [for name, s in google_cloud_run_v2_service.service : name if s.invoker_iam_disabled] == ["webhook"]
    error_message = "Only the webhook is public."
  }
  assert {
    condition     = toset(keys(google_cloud_run_v2_service_iam_member.invoker)) == toset(["worker", "ui"]) && alltrue([for m in google_cloud_run_v2_service_iam_member.invoker : !contains(["allUsers", "allAuthenticatedUsers"], m.member)])
    error_message = "Only the push identity invokes the worker, and only IAP invokes the ui."
  }
  assert {
    condition     = google_cloud_run_v2_service_iam_member.invoker["worker"].member == google_service_account.invoker["push"].member
    error_message = "The worker is invoked by the push identity alone."
  }
  assert {
    condition     = google_cloud_run_v2_service.service["ui"].iap_enabled && google_cloud_run_v2_service_iam_member.invoker["ui"].member == "serviceAccount:service-123456789012@gcp-sa-iap.iam.gserviceaccount.com"
    error_message = "The ui is behind Identity-Aware Proxy, which alone may invoke it."
  }
  assert {
    condition     = { for e in google_cloud_run_v2_service.service["ui"].template[0].containers[0].env : e.name => e.value }["IAP_AUDIENCE"] == "/projects/123456789012/locations/europe-west1/services/rollcall-ui"
    error_message = "The ui must check the audience of Identity-Aware Proxy's token."
  }
  assert {
    condition     = alltrue([for s in google_cloud_run_v2_service.service : alltrue([for e in s.template[0].containers[0].env : e.name != "ALLOW_UNAUTHENTICATED" && (e.name != "AUTH" || e.value == "iap")])])
    error_message = "No service may go without authentication."
  }
  assert {
    condition     = [for m in google_iap_web_cloud_run_service_iam_member.viewer : m.member] == ["group:everybody@example.com"]
    error_message = "Only the members of viewers get in."
  }
  assert {
    condition     = alltrue([for s in google_cloud_run_v2_service.service : s.template[0].containers[0].startup_probe[0].http_get[0].path == "/health" && s.template[0].containers[0].liveness_probe[0].http_get[0].path == "/health" && s.template[0].containers[0].resources[0].startup_cpu_boost])
    error_message = "Probes ask /health."
  }
  assert {
    condition     = length(distinct([for s in google_cloud_run_v2_service.service : s.template[0].service_account])) == 3 && !contains([for s in google_cloud_run_v2_service.service : s.template[0].service_account], google_cloud_run_v2_job.fullsync.template[0].template[0].service_account)
    error_message = "Each deployable has an identity of its own."
  }
  assert {
    condition     = tonumber(trimsuffix(google_cloud_run_v2_service.service["worker"].template[0].timeout, "s")) == google_pubsub_subscription.worker.ack_deadline_seconds
    error_message = "The worker's timeout is the ack deadline."
  }

  # No API.
  assert {
    condition = (
      toset(keys(google_cloud_run_v2_service.service)) == toset(["webhook", "worker", "ui"]) && !contains(keys(google_service_account.runtime), "api") &&
      length(google_firestore_database.tokens) + length(google_firebaserules_release.tokens) + length(google_project_iam_member.tokens) == 0 &&
      !anytrue([for name in concat(keys(google_monitoring_alert_policy.alert), keys(google_logging_metric.counted)) : startswith(upper(name), "API")]) &&
      !strcontains(google_monitoring_dashboard.rollcall.dashboard_json, "api_requests") && output.api_url == null && output.api_url_outside == ""
    )
    error_message = "By default there is no API, and nothing that belongs to one."
  }
  assert {
    condition     = length(google_project_iam_member.directory_reader) == 0
    error_message = "By default nobody but the services reads the database."
  }

  # Secrets.
  assert {
    condition = alltrue([
      for e in concat(
        [for s in google_cloud_run_v2_service.service : s.template[0].containers[0].env],
        [google_cloud_run_v2_job.fullsync.template[0].template[0].containers[0].env]
      ) : alltrue([for v in e : !(startswith(v.name, "SLACK_") || v.name == "AUDIT_HASH_KEY") || (length(v.value_source) == 1 && v.value == null)])
    ])
    error_message = "Secrets are references, not values."
  }
  assert {
    condition     = { for k, m in google_secret_manager_secret_iam_member.reader : k => m.member } == { for name in ["webhook", "ui", "fullsync"] : name => google_service_account.runtime[name].member }
    error_message = "Only the deployable that needs a secret reads it."
  }
  assert {
    condition = alltrue([
      for s in concat(values(google_secret_manager_secret.value), [google_secret_manager_secret.log_level]) :
      length(s.replication[0].auto) == 0 && [for r in s.replication[0].user_managed[0].replicas : r.location] == ["europe-west1"]
    ])
    error_message = "Secrets are kept in the region: automatic replication needs the location global."
  }

  # Logs and traces.
  assert {
    condition     = alltrue([for c in concat([for s in google_cloud_run_v2_service.service : s.template[0].containers[0]], [google_cloud_run_v2_job.fullsync.template[0].template[0].containers[0]]) : { for e in c.env : e.name => e.value }["LOG_LEVEL_FILE"] == "${c.volume_mounts[0].mount_path}/log-level" && { for e in c.env : e.name => e.value }["OTEL_EXPORTER_OTLP_ENDPOINT"] == "https://telemetry.googleapis.com"])
    error_message = "Every program reads its log level from the mounted file and exports its spans."
  }
  assert {
    condition     = alltrue([for name in ["webhook", "worker", "ui", "fullsync"] : google_secret_manager_secret_iam_member.log_level[name].member == google_service_account.runtime[name].member && google_project_iam_member.traces[name].member == google_service_account.runtime[name].member])
    error_message = "Every program may read its log level and export spans."
  }

  # Pub/Sub.
  assert {
    condition     = google_pubsub_subscription.worker.push_config[0].oidc_token[0].audience == google_cloud_run_v2_service.service["worker"].custom_audiences[0]
    error_message = "Pub/Sub's tokens are for the worker's audience."
  }
  assert {
    condition = alltrue([for name, value in { PUSH_AUDIENCE = google_pubsub_subscription.worker.push_config[0].oidc_token[0].audience, PUSH_SERVICE_ACCOUNT = google_service_account.invoker["push"].email } :
    contains([for e in google_cloud_run_v2_service.service["worker"].template[0].containers[0].env : "${e.name}=${e.value}"], "${name}=${value}")])
    error_message = "The worker checks the identity that pushes."
  }
  assert {
    condition     = google_pubsub_subscription.worker.dead_letter_policy[0].max_delivery_attempts == 5 && google_pubsub_subscription.worker.dead_letter_policy[0].dead_letter_topic == google_pubsub_topic.dead_letters.id
    error_message = "After five deliveries a message is dead-lettered."
  }
  assert {
    condition     = google_pubsub_topic_iam_member.dead_letter_publisher.role == "roles/pubsub.publisher" && google_pubsub_subscription_iam_member.dead_letter_subscriber.role == "roles/pubsub.subscriber" && google_pubsub_topic_iam_member.dead_letter_publisher.member == google_pubsub_subscription_iam_member.dead_letter_subscriber.member
    error_message = "Without both grants Pub/Sub's agent cannot dead-letter."
  }
  assert {
    condition     = google_pubsub_subscription.worker.expiration_policy[0].ttl == "" && google_pubsub_subscription.parked.expiration_policy[0].ttl == ""
    error_message = "No subscription expires."
  }
  assert {
    condition     = google_pubsub_subscription.parked.topic == google_pubsub_topic.dead_letters.id && google_pubsub_subscription.parked.message_retention_duration == "2678400s"
    error_message = "Dead letters are kept for 31 days."
  }
  assert {
    condition     = google_pubsub_subscription.worker.push_config[0].oidc_token[0].service_account_email == google_service_account.invoker["push"].email
    error_message = "The push comes with an identity."
  }

  # Firestore.
  assert {
    condition     = google_firestore_database.directory.delete_protection_state == "DELETE_PROTECTION_ENABLED" && google_firestore_database.directory.point_in_time_recovery_enablement == "POINT_IN_TIME_RECOVERY_ENABLED"
    error_message = "The database cannot be deleted by mistake, and can be restored to a moment."
  }
  assert {
    condition     = google_firestore_database.directory.deletion_policy == "DELETE"
    error_message = "A database that Terraform created is deleted with the rest."
  }
  assert {
    condition     = google_firestore_backup_schedule.daily.retention == "604800s" && google_firestore_backup_schedule.weekly.retention == "8467200s"
    error_message = "There are daily and weekly backups."
  }
  assert {
    condition     = length(google_firestore_index.query) == length(jsondecode(file("firestore-indexes.json")).indexes) && alltrue([for i in google_firestore_index.query : length(i.fields) >= 2 && alltrue([for f in i.fields : (f.order != null && f.order != "") != (f.array_config != null && f.array_config != "")])])
    error_message = "Every index in the Go list is there, and each field has an order or is an array."
  }
  assert {
    condition     = toset([for f in google_firestore_field.exemption : "${f.collection}.${f.field}" if length(f.ttl_config) == 1]) == toset(["users.expire_at", "syncs.expire_at", "pages.expire_at", "changes.expire_at"])
    error_message = "Tombstones, records of syncs, checkpoints and history expire."
  }
  assert {
    condition     = length(google_firestore_field.exemption["users slack"].index_config) == 1 && length(google_firestore_field.exemption["users slack"].index_config[0].indexes) == 0
    error_message = "Slack's object is not indexed."
  }

  # Memory.
  assert {
    condition = alltrue([
      for c in concat([for s in google_cloud_run_v2_service.service : s.template[0].containers[0]], [google_cloud_run_v2_job.fullsync.template[0].template[0].containers[0]]) :
      tonumber(trimsuffix({ for e in c.env : e.name => e.value }["GOMEMLIMIT"], "MiB")) <= 0.9 * tonumber(trimsuffix(c.resources[0].limits.memory, "Mi"))
    ])
    error_message = "Go's memory limit is a tenth below the instance's."
  }
  assert {
    # 30 MB was measured with users of 900 kB; today's limit is 128 kB.
    condition     = 30 * google_cloud_run_v2_service.service["worker"].template[0].max_instance_request_concurrency <= 400
    error_message = "The worker's concurrent requests fit its memory."
  }

  # No domains.
  assert {
    condition     = length(google_compute_backend_service.service) + length(google_compute_global_forwarding_rule.balancer) == 0 && google_cloud_run_v2_service.service["webhook"].ingress == "INGRESS_TRAFFIC_ALL"
    error_message = "Without domains there is no load balancer."
  }

  # Images.
  assert {
    condition     = google_artifact_registry_repository.images.docker_config[0].immutable_tags && google_artifact_registry_repository.images.vulnerability_scanning_config[0].enablement_config == "INHERITED" && contains(keys(google_project_service.api), "containerscanning")
    error_message = "Tags cannot be moved, and images are scanned."
  }
  assert {
    condition = (
      google_binary_authorization_policy.project[0].default_admission_rule[0].evaluation_mode == "REQUIRE_ATTESTATION" &&
      google_binary_authorization_policy.project[0].default_admission_rule[0].enforcement_mode == "ENFORCED_BLOCK_AND_AUDIT_LOG" &&
      toset(google_binary_authorization_policy.project[0].default_admission_rule[0].require_attestations_by) == toset(["rollcall-images"]) &&
      alltrue([for s in google_cloud_run_v2_service.service : s.binary_authorization[0].use_default]) && google_cloud_run_v2_job.fullsync.binary_authorization[0].use_default
    )
    error_message = "Every service and the job start only signed images."
  }
  assert {
    condition = (
      google_kms_crypto_key.images.purpose == "ASYMMETRIC_SIGN" && google_kms_crypto_key_iam_member.signer.member == google_service_account.builder["deployer"].member &&
      startswith(one(google_binary_authorization_attestor.images.attestation_authority_note[0].public_keys).id, "//cloudkms.googleapis.com/v1/projects/rollcall-test/locations/europe-west1/keyRings/rollcall/cryptoKeys/images/")
    )
    error_message = "Signatures are checked with the key that the deployer signs with."
  }

  # Who reads.
  assert {
    condition     = google_firebaserules_release.nobody[0].name == "cloud.firestore/rollcall" && !can(regex("allow (?:[^:]*)(?:;|: *if +(?:[^f]|f[^a]))", google_firebaserules_ruleset.nobody[0].source[0].files[0].content)) && strcontains(google_firebaserules_ruleset.nobody[0].source[0].files[0].content, "allow read, write: if false;")
    error_message = "Client SDKs are refused."
  }
  assert {
    condition = toset(flatten([for service, c in google_project_iam_audit_config.data : [for l in c.audit_log_config : "${service} ${l.log_type} ${length(l.exempted_members)}"]])) == toset([
      "datastore.googleapis.com DATA_READ 4", "datastore.googleapis.com DATA_WRITE 4",
      "secretmanager.googleapis.com ADMIN_READ 0", "secretmanager.googleapis.com DATA_READ 0", "secretmanager.googleapis.com DATA_WRITE 0",
    ])
    error_message = "Reading profiles other than through the services, or a secret, is logged."
  }
  assert {
    condition     = alltrue([for topic in [google_pubsub_topic.user_events, google_pubsub_topic.dead_letters] : join(" ", topic.message_storage_policy[0].allowed_persistence_regions) == "europe-west1"])
    error_message = "Messages, which carry profiles, stay in the region."
  }

  # Indexes.
  assert {
    condition     = alltrue([for i in google_firestore_index.query : i.timeouts.create == "4h"]) && alltrue([for f in google_firestore_field.exemption : f.timeouts.update == "4h"])
    error_message = "An apply waits longer than 20 minutes for an index."
  }

  # No subscribers to changes.
  assert {
    condition     = length(google_pubsub_subscription.changes) + length(google_service_account.subscriber) + length(google_bigquery_dataset.changes) == 0 && !contains(keys(google_monitoring_alert_policy.alert), "ChangesBehind")
    error_message = "By default nobody subscribes."
  }

  # The full sync.
  assert {
    condition     = google_cloud_scheduler_job.fullsync.schedule == "7 */1 * * *" && endswith(google_cloud_scheduler_job.fullsync.http_target[0].uri, "/projects/rollcall-test/locations/europe-west1/jobs/rollcall-fullsync:run")
    error_message = "Cloud Scheduler starts the job."
  }
  assert {
    condition     = google_cloud_run_v2_job_iam_member.fullsync["scheduler"].member == google_service_account.invoker["scheduler"].member && google_cloud_scheduler_job.fullsync.http_target[0].oauth_token[0].service_account_email == google_service_account.invoker["scheduler"].email
    error_message = "Cloud Scheduler may start the job."
  }

  # Builds.
  assert {
    condition = (
      { for name, t in google_cloudbuild_trigger.build : name => length(t.repository_event_config[0].push) } == { check = 0, test = 1, images = 1, deploy = 1 } &&
      { for name, t in google_cloudbuild_trigger.build : name => length(t.repository_event_config[0].pull_request) } == { check = 1, test = 0, images = 0, deploy = 0 }
    )
    error_message = "Pull requests are checked; pushes are tested, built and then deployed."
  }
  assert {
    condition = { for name, t in google_cloudbuild_trigger.build : name => "${t.filename} as ${t.service_account}" } == {
      check  = "cloudbuild.yaml as ${google_service_account.builder["planner"].id}"
      test   = "cloudbuild.yaml as ${google_service_account.builder["planner"].id}"
      images = "infra/images.yaml as ${google_service_account.builder["deployer"].id}"
      deploy = "infra/deploy.yaml as ${google_service_account.builder["deployer"].id}"
    }
    error_message = "Tests run as the planner, which can change nothing; only images and deployments are made as the deployer."
  }
  assert {
    condition     = alltrue([for t in google_cloudbuild_trigger.build : t.include_build_logs == null && !t.approval_config[0].approval_required])
    error_message = "Build logs, which name viewers, are not copied to public checks."
  }
  assert {
    condition     = alltrue([for t in google_cloudbuild_trigger.build : t.substitutions._BUILDER == var.builder])
    error_message = "Every build runs in the image that was given by digest."
  }
  assert {
    condition     = google_cloudbuild_trigger.build["images"].substitutions._IMAGES == output.image_repository && output.image_repository == "europe-west1-docker.pkg.dev/rollcall-test/rollcall"
    error_message = "Images are pushed to the repository that services start them from."
  }

  # Nightly tests.
  assert {
    condition = (
      google_cloud_scheduler_job.nightly["nightly"].pubsub_target[0].topic_name == google_cloudbuild_trigger.nightly["nightly"].pubsub_config[0].topic &&
      google_cloud_scheduler_job.nightly["nightly"].schedule == "23 1 * * *"
    )
    error_message = "Cloud Scheduler starts the nightly tests."
  }
  assert {
    condition = (
      google_cloudbuild_trigger.nightly["nightly"].git_file_source[0].path == "infra/nightly.yaml" &&
      google_cloudbuild_trigger.nightly["nightly"].git_file_source[0].revision == "refs/heads/main" &&
      google_cloudbuild_trigger.nightly["nightly"].source_to_build[0].ref == "refs/heads/main" &&
      google_cloudbuild_trigger.nightly["nightly"].substitutions._BUILDER == var.builder
    )
    error_message = "The nightly tests test main, in the builder's image."
  }
  assert {
    condition     = google_cloudbuild_trigger.nightly["nightly"].service_account == google_service_account.builder["planner"].id
    error_message = "The nightly tests run as the planner, which can change nothing."
  }
  assert {
    condition     = length(google_logging_metric.nightly) == 1 && contains(keys(google_monitoring_alert_policy.alert), "NightlyTests")
    error_message = "An alert fires if the nightly tests do not pass."
  }
}

run "api" {
  variables {
    api      = true
    api_rate = 7
  }
  assert {
    condition = (
      google_cloud_run_v2_service.service["api"].ingress == "INGRESS_TRAFFIC_ALL" && output.api_url == "https://rollcall-api-123456789012.europe-west1.run.app/api/" &&
      output.api_url_outside == output.api_url
    )
    error_message = "It answers from outside, and the smoke test asks it."
  }
  assert {
    condition = (
      google_cloud_run_v2_service.service["api"].invoker_iam_disabled && !google_cloud_run_v2_service.service["api"].iap_enabled && !contains(keys(google_cloud_run_v2_service_iam_member.invoker), "api") &&
      google_cloud_run_v2_service.service["api"].template[0].containers[0].image == var.images.api
    )
    error_message = "Programs come with tokens of Rollcall and not of Google."
  }
  assert {
    condition = (
      google_cloud_run_v2_service.service["api"].template[0].service_account == google_service_account.runtime["api"].email &&
      length(distinct([for a in google_service_account.runtime : a.email])) == 5
    )
    error_message = "It has an identity of its own."
  }
  assert {
    condition = { for e in google_cloud_run_v2_service.service["api"].template[0].containers[0].env : e.name => e.value if length(e.value_source) == 0 } == {
      FIRESTORE_DATABASE          = "rollcall", API_DATABASE = "rollcall-api", API_RATE = "7"
      GOOGLE_CLOUD_PROJECT        = "rollcall-test", GOMEMLIMIT = "460MiB", LOG_LEVEL_FILE = "/etc/rollcall/log-level"
      OTEL_EXPORTER_OTLP_ENDPOINT = "https://telemetry.googleapis.com"
    }
    error_message = "It knows its databases and its rate."
  }
  assert {
    # Every grant on a project, a topic, a job, a subscription or a secret whose member it is.
    condition = toset([
      for m in concat(
        values(google_project_iam_member.firestore), values(google_project_iam_member.tokens), values(google_project_iam_member.traces), [google_project_iam_member.dead_letter_count],
        values(google_pubsub_topic_iam_member.publisher), [google_pubsub_topic_iam_member.changes_publisher], values(google_cloud_run_v2_job_iam_member.fullsync),
        values(google_secret_manager_secret_iam_member.reader), values(google_secret_manager_secret_iam_member.log_level), values(google_cloud_run_v2_service_iam_member.invoker),
      ) : "${m.role} ${try(m.condition[0].expression, "")}" if m.member == google_service_account.runtime["api"].member
      ]) == toset([
      "roles/datastore.viewer resource.name == \"projects/rollcall-test/databases/rollcall\"",
      "roles/datastore.viewer resource.name == \"projects/rollcall-test/databases/rollcall-api\"",
      "roles/telemetry.tracesWriter ",
      "roles/secretmanager.secretAccessor ",
    ])
    error_message = "It reads the directory and the tokens, writes neither, and exports spans."
  }
  assert {
    condition = (
      google_secret_manager_secret_iam_member.reader["api"].secret_id == google_secret_manager_secret.value["audit-hash-key"].id &&
      google_secret_manager_secret_iam_member.log_level["api"].secret_id == google_secret_manager_secret.log_level.id
    )
    error_message = "The only secrets it reads are the key for its audit lines and the log level."
  }
  assert {
    condition = alltrue([
      for name, m in merge(google_project_iam_member.firestore, google_project_iam_member.deployer_bounded) : !strcontains(m.condition[0].expression, "rollcall-api")
    ]) && google_project_iam_member.tokens["api"].member == google_service_account.runtime["api"].member
    error_message = "No other service, and no build, reads or writes tokens."
  }
  assert {
    condition = (
      google_firestore_database.tokens["api"].name == "rollcall-api" && google_firestore_database.tokens["api"].delete_protection_state == "DELETE_PROTECTION_ENABLED" &&
      google_firebaserules_release.tokens["api"].name == "cloud.firestore/rollcall-api"
    )
    error_message = "Tokens have a database of their own, which refuses client SDKs."
  }
  assert {
    condition     = google_logging_metric.counted["people_shown"].filter == "resource.labels.service_name=~\"^rollcall-(ui|api)$\" AND jsonPayload.audit=true AND jsonPayload.count>=0"
    error_message = "People shown to programs are counted together with people shown to viewers."
  }
}

run "api_inside" {
  variables {
    api         = true
    api_ingress = "internal"
  }
  assert {
    condition     = google_cloud_run_v2_service.service["api"].ingress == "INGRESS_TRAFFIC_INTERNAL_ONLY" && google_cloud_run_v2_service.service["api"].invoker_iam_disabled
    error_message = "It answers inside only, where programs still come with tokens."
  }
  assert {
    condition     = output.api_url == "https://rollcall-api-123456789012.europe-west1.run.app/api/" && output.api_url_outside == "" && keys(google_monitoring_uptime_check_config.service) == ["webhook"] && !contains(keys(google_monitoring_alert_policy.alert), "APIDown")
    error_message = "The smoke test and the uptime check, which cannot reach it, leave it out."
  }
}

run "api_beside_a_database_that_was_here_before" {
  variables {
    api                = true
    prefix             = "staging-"
    firestore_database = "(default)"
    firestore_existing = true
  }
  assert {
    condition = (
      google_firestore_database.tokens["api"].name == "staging-rollcall-api" && google_firestore_database.tokens["api"].deletion_policy == "DELETE" &&
      google_firebaserules_release.tokens["api"].name == "cloud.firestore/staging-rollcall-api" && length(google_firebaserules_release.nobody) == 0 &&
      strcontains(google_project_iam_member.tokens["api"].condition[0].expression, "databases/staging-rollcall-api\"")
    )
    error_message = "The database of the tokens is Rollcall's own, with its rules."
  }
}

run "directory_readers" {
  variables {
    directory_readers = ["serviceAccount:payroll@other-project.iam.gserviceaccount.com", "group:data@example.com"]
  }
  assert {
    condition = { for m in google_project_iam_member.directory_reader : m.member => "${m.role} ${m.condition[0].expression}" } == {
      for member in var.directory_readers : member => "roles/datastore.viewer resource.name == \"projects/rollcall-test/databases/rollcall\""
    }
    error_message = "They read the directory's database and nothing else."
  }
  assert {
    condition     = alltrue(flatten([for c in google_project_iam_audit_config.data : [for l in c.audit_log_config : length(setintersection(l.exempted_members, var.directory_readers)) == 0]]))
    error_message = "Each of their reads is in the audit log."
  }
}

run "no_traces" {
  variables {
    tracing = false
  }
  assert {
    condition     = length(google_project_iam_member.traces) + length(google_project_service.traces) == 0 && alltrue([for s in google_cloud_run_v2_service.service : !contains([for e in s.template[0].containers[0].env : e.name], "OTEL_EXPORTER_OTLP_ENDPOINT")])
    error_message = "Without tracing nothing is exported."
  }
}

run "beside_another" {
  variables {
    prefix             = "staging-"
    firestore_database = null
  }
  assert {
    # Names that must be unique in a project.
    condition = alltrue([for name in concat(
      [for s in google_cloud_run_v2_service.service : s.name],
      [for s in google_secret_manager_secret.value : s.secret_id],
      [for a in google_service_account.runtime : a.account_id],
      [for a in google_service_account.invoker : a.account_id],
      [for a in google_service_account.builder : a.account_id],
      [for t in google_cloudbuild_trigger.build : t.name],
      [for m in google_logging_metric.counted : replace(m.name, "_", "-")],
      [
        google_cloud_run_v2_job.fullsync.name, google_cloud_scheduler_job.fullsync.name, google_firestore_database.directory.name,
        google_pubsub_topic.user_events.name, google_pubsub_topic.dead_letters.name, google_pubsub_topic.user_changes.name, google_pubsub_schema.user_change.name,
        google_pubsub_topic.nightly["nightly"].name, google_kms_key_ring.images.name, google_binary_authorization_attestor.images.name, google_container_analysis_note.images.name, google_pubsub_subscription.worker.name,
        google_pubsub_subscription.parked.name, google_secret_manager_secret.log_level.secret_id,
        google_artifact_registry_repository.images.repository_id, replace(google_logging_metric.no_instance.name, "_", "-"),
        replace(google_project_iam_custom_role.planner.role_id, "_", "-"), google_monitoring_custom_service.rollcall.service_id,
      ],
    ) : startswith(name, "staging-")])
    error_message = "Two installations share no name."
  }
  assert {
    condition     = alltrue([for a in concat(values(google_service_account.runtime), values(google_service_account.invoker), values(google_service_account.builder)) : length(a.account_id) <= 30])
    error_message = "An account id has at most 30 characters."
  }
  assert {
    condition = alltrue([for a in google_monitoring_alert_policy.alert :
      !can(regex("[\"_]rollcall[-_]", replace(replace(a.conditions[0].condition_prometheus_query_language[0].query, "staging_rollcall", ""), "staging-rollcall", "")))
    ])
    error_message = "An installation's alerts watch only itself."
  }
  assert {
    condition     = google_cloudbuild_trigger.build["deploy"].substitutions._PREFIX == "staging-" && google_cloudbuild_trigger.build["deploy"].substitutions._DATABASE == "staging-rollcall"
    error_message = "A deployment knows its installation."
  }
}

run "domains_of_ones_own" {
  variables {
    domains = { webhook = "slack.example.com", ui = "people.example.com" }
  }
  assert {
    condition = { for name, s in google_cloud_run_v2_service.service : name => s.ingress } == {
      webhook = "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER", ui = "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER", worker = "INGRESS_TRAFFIC_INTERNAL_ONLY"
    }
    error_message = "Nothing bypasses the load balancer."
  }
  assert {
    condition     = output.webhook_url == "https://slack.example.com/slack/events" && yamldecode(output.slack_app_manifest).settings.event_subscriptions.request_url == output.webhook_url && output.ui_url == "https://people.example.com"
    error_message = "Slack's request URL is the domain, so it survives a move of the service."
  }
  assert {
    condition     = google_compute_backend_service.service["webhook"].security_policy == google_compute_security_policy.service["webhook"].id && google_monitoring_uptime_check_config.service["webhook"].monitored_resource[0].labels.host == "slack.example.com"
    error_message = "Cloud Armor protects the webhook, and the uptime check uses the domain."
  }
  assert {
    condition     = google_cloud_run_v2_service.service["ui"].iap_enabled && !google_cloud_run_v2_service.service["ui"].invoker_iam_disabled
    error_message = "The page stays behind Identity-Aware Proxy."
  }
}

run "domain_of_the_api" {
  variables {
    domains  = { api = "directory.example.com" }
    api      = true
    api_rate = 100
  }
  assert {
    condition = { for name, s in google_cloud_run_v2_service.service : name => s.ingress } == {
      webhook = "INGRESS_TRAFFIC_ALL", ui = "INGRESS_TRAFFIC_ALL", worker = "INGRESS_TRAFFIC_INTERNAL_ONLY", api = "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"
    }
    error_message = "Nothing bypasses the load balancer."
  }
  assert {
    condition     = output.api_url == "https://directory.example.com/api/" && output.api_url_outside == output.api_url && google_monitoring_uptime_check_config.service["api"].monitored_resource[0].labels.host == "directory.example.com"
    error_message = "Programs, the smoke test and the uptime check use the domain."
  }
  assert {
    condition = (
      google_compute_backend_service.service["api"].security_policy == google_compute_security_policy.service["api"].id && keys(google_compute_security_policy.service) == ["api"] &&
      toset([for r in google_compute_security_policy.service["api"].rule : "${r.priority} ${r.action} ${try(r.match[0].expr[0].expression, "*")} ${try(r.rate_limit_options[0].rate_limit_threshold[0].count, "")}"]) == toset([
        "1000 deny(404) !request.path.startsWith('/api/') && request.path != '/mcp' && request.path != '/health' ",
        "2000 throttle * 6000",
        "2147483647 allow * ",
      ])
    )
    error_message = "Cloud Armor lets only the API's paths through, and limits an address to no less than one token's rate."
  }
}

run "unsigned_images" {
  variables {
    signed_images_only = false
  }
  assert {
    condition     = length(google_binary_authorization_policy.project) + sum([for s in google_cloud_run_v2_service.service : length(s.binary_authorization)]) == 0
    error_message = "A second installation leaves the project's policy alone."
  }
}

run "database_that_was_here_before" {
  variables {
    firestore_database  = "(default)"
    firestore_existing  = true
    deletion_protection = false
  }
  assert {
    condition     = google_firestore_database.directory.deletion_policy == "ABANDON" && google_firestore_database.directory.delete_protection_state == "DELETE_PROTECTION_ENABLED"
    error_message = "Removing Rollcall removes nobody else's data."
  }
  assert {
    condition     = length(google_firebaserules_release.nobody) == 0
    error_message = "An existing database keeps its own rules."
  }
}

run "changes" {
  variables {
    change_subscriptions = {
      crm = { push_endpoint = "https://crm.example.com/changes", audience = "crm" }
      hr  = { filter = "attributes.team_id = \"T1\"" }
    }
    changes_to_bigquery = true
    history_days        = 30
  }
  assert {
    condition     = google_pubsub_topic.user_changes.schema_settings[0].encoding == "JSON" && strcontains(google_pubsub_schema.user_change.definition, "message UserChange")
    error_message = "The topic refuses messages that do not match the schema."
  }
  assert {
    condition = (
      google_pubsub_topic_iam_member.changes_publisher.member == google_service_account.runtime["worker"].member &&
      { for e in google_cloud_run_v2_service.service["worker"].template[0].containers[0].env : e.name => e.value }["USER_CHANGES_TOPIC"] == "user-changes" &&
      { for e in google_cloud_run_v2_service.service["worker"].template[0].containers[0].env : e.name => e.value }["HISTORY_DAYS"] == "30" &&
      { for e in google_cloud_run_v2_service.service["worker"].template[0].containers[0].env : e.name => e.value }["CHANGES_VALUES"] == "false"
    )
    error_message = "The worker publishes changes with the names of fields and without values."
  }
  assert {
    condition = { for name, s in google_pubsub_subscription.changes : s.name => length(s.push_config) + 2 * length(s.bigquery_config) } == {
      user-changes-crm = 1, user-changes-hr = 0, user-changes-bigquery = 2
    }
    error_message = "Changes are pushed, pulled or written to BigQuery."
  }
  assert {
    condition = alltrue([for name, s in google_pubsub_subscription.changes :
      s.expiration_policy[0].ttl == "" && s.dead_letter_policy[0].dead_letter_topic == google_pubsub_topic.changes_dead[name].id &&
      google_pubsub_subscription.changes_parked[name].topic == google_pubsub_topic.changes_dead[name].id && google_pubsub_subscription.changes_parked[name].expiration_policy[0].ttl == "" &&
      google_pubsub_topic_iam_member.changes_dead_publisher[name].member == google_pubsub_subscription_iam_member.changes_dead_subscriber[name].member
    ])
    error_message = "Each subscriber has its own dead letters."
  }
  assert {
    condition = (
      google_pubsub_subscription.changes["crm"].push_config[0].oidc_token[0].service_account_email == google_service_account.subscriber["crm"].email &&
      google_pubsub_subscription.changes["crm"].push_config[0].oidc_token[0].audience == "crm" &&
      google_pubsub_subscription.changes["crm"].push_config[0].no_wrapper[0].write_metadata && keys(google_service_account_iam_member.changes_token) == ["crm"]
    )
    error_message = "A push has an identity and is a CloudEvent over HTTP."
  }
  assert {
    condition = (
      keys(google_pubsub_subscription_iam_member.changes_subscriber) == ["hr"] && google_pubsub_subscription_iam_member.changes_subscriber["hr"].role == "roles/pubsub.subscriber" &&
      google_pubsub_subscription_iam_member.changes_subscriber["hr"].member == google_service_account.subscriber["hr"].member && keys(google_service_account.subscriber) == ["crm", "hr"]
    )
    error_message = "A puller reads its own subscription and nothing else."
  }
  assert {
    condition = (
      google_pubsub_subscription.changes["bigquery"].bigquery_config[0].table == "rollcall-test.rollcall.user_changes" &&
      google_bigquery_table_iam_member.pubsub["bigquery"].role == "roles/bigquery.dataEditor" && endswith(google_bigquery_table_iam_member.pubsub["bigquery"].member, "@gcp-sa-pubsub.iam.gserviceaccount.com") &&
      google_bigquery_table.changes["bigquery"].time_partitioning[0].expiration_ms == 30 * 24 * 3600 * 1000
    )
    error_message = "Pub/Sub writes to the one table, whose rows expire as the history does."
  }
  assert {
    condition     = alltrue([for t in concat([google_pubsub_topic.user_changes], values(google_pubsub_topic.changes_dead)) : join(" ", t.message_storage_policy[0].allowed_persistence_regions) == "europe-west1"])
    error_message = "Changes stay in the region."
  }
  assert {
    condition     = strcontains(google_monitoring_alert_policy.alert["ChangesBehind"].conditions[0].condition_prometheus_query_language[0].query, "\"user-changes-(bigquery|crm|hr)\"") && contains(keys(google_monitoring_alert_policy.alert), "ChangesUndelivered")
    error_message = "An alert fires when a subscriber falls behind."
  }
}

run "least_privilege" {
  variables {
    change_subscriptions = { crm = { push_endpoint = "https://crm.example.com/changes" }, hr = {} }
    changes_to_bigquery  = true
    api                  = true
    directory_readers    = ["group:data@example.com"]
  }
  # All grants. TestGrants in Go fails if one is left out.
  assert {
    condition = alltrue([
      for grant in concat(
        values(google_project_iam_member.deployer),
        values(google_project_iam_member.deployer_bounded),
        values(google_project_iam_member.planner),
        values(google_project_iam_member.firestore),
        values(google_project_iam_member.tokens),
        values(google_project_iam_member.directory_reader),
        values(google_service_account_iam_member.deployer_acts_as),
        values(google_storage_bucket_iam_member.state),
        values(google_artifact_registry_repository_iam_member.builder_image),
        values(google_pubsub_topic_iam_member.publisher),
        values(google_secret_manager_secret_iam_member.reader),
        values(google_cloud_run_v2_service_iam_member.invoker),
        values(google_cloud_run_v2_job_iam_member.fullsync),
        values(google_iap_web_cloud_run_service_iam_member.viewer),
        values(google_secret_manager_secret_iam_member.log_level),
        values(google_project_iam_member.traces),
        values(google_pubsub_subscription_iam_member.changes_subscriber),
        values(google_service_account_iam_member.changes_token),
        values(google_pubsub_topic_iam_member.changes_dead_publisher),
        values(google_pubsub_subscription_iam_member.changes_dead_subscriber),
        values(google_bigquery_table_iam_member.pubsub),
        [
          google_pubsub_topic_iam_member.changes_publisher,
          google_project_iam_member.deployer_reads,
          google_project_iam_member.dead_letter_count,
          google_secret_manager_secret_iam_member.smoke_test,
          google_kms_crypto_key_iam_member.signer,
          google_binary_authorization_attestor_iam_member.signer,
          google_container_analysis_note_iam_member.signer,
          google_pubsub_topic_iam_member.dead_letter_publisher,
          google_pubsub_subscription_iam_member.dead_letter_subscriber,
          google_service_account_iam_member.push_token,
        ],
      ) : !contains(["roles/owner", "roles/editor", "roles/viewer"], grant.role) && !contains(["allUsers", "allAuthenticatedUsers"], grant.member)
    ])
    error_message = "There are no basic roles and no grants to everybody."
  }
  assert {
    condition     = alltrue([for m in google_project_iam_member.firestore : endswith(m.condition[0].expression, "databases/rollcall\"")]) && google_project_iam_member.firestore["ui"].role == "roles/datastore.viewer"
    error_message = "Firestore is granted on the one database, and the ui only reads."
  }
  assert {
    condition     = alltrue([for p in google_project_iam_custom_role.planner.permissions : can(regex("\\.(get|list|getIamPolicy|getMetadata|viewPublicKey)$", p)) && !strcontains(p, "entities") && !strcontains(p, "versions.access")])
    error_message = "A plan changes nothing and reads nobody's data."
  }
  assert {
    condition = alltrue([
      for m in google_project_iam_member.deployer : !can(regex("^roles/(secretmanager|iam\\.|resourcemanager|datastore|cloudkms|binaryauthorization)", m.role))
    ]) && google_secret_manager_secret_iam_member.smoke_test.secret_id == google_secret_manager_secret.value["slack-signing-secret"].id
    error_message = "The deployer reads the signing secret and no token. It cannot change identities, roles, secrets, keys or the policy of images."
  }
  assert {
    # Whoever can grant themselves any role is an owner.
    condition = (
      google_project_iam_member.deployer_bounded["resourcemanager.projectIamAdmin"].condition[0].expression ==
      "api.getAttribute(\"iam.googleapis.com/modifiedGrantsByRole\", []).hasOnly([\"roles/datastore.user\",\"roles/datastore.viewer\",\"roles/monitoring.viewer\",\"roles/telemetry.tracesWriter\"])" &&
      strcontains(google_project_iam_member.deployer_bounded["datastore.owner"].condition[0].expression, "databases/rollcall\"")
    )
    error_message = "The deployer grants only the roles of services, and changes no other database."
  }
  assert {
    condition = alltrue([
      for m in concat(values(google_project_iam_member.firestore), values(google_project_iam_member.tokens), values(google_project_iam_member.directory_reader), values(google_project_iam_member.traces), [google_project_iam_member.dead_letter_count]) :
      strcontains(google_project_iam_member.deployer_bounded["resourcemanager.projectIamAdmin"].condition[0].expression, "\"${m.role}\"")
    ])
    error_message = "The deployer can make the grants of services."
  }
}

run "deployments_wait_for_approval" {
  variables {
    deploy_approval = true
  }
  assert {
    condition     = { for name, t in google_cloudbuild_trigger.build : name => t.approval_config[0].approval_required } == { check = false, test = false, images = false, deploy = true }
    error_message = "With deploy_approval, deployments wait; tests do not, nor do images, which cannot start unsigned."
  }
}

run "no_repository_no_triggers" {
  variables {
    repository = null
    builder    = null
  }
  assert {
    condition     = length(google_cloudbuild_trigger.build) + length(google_cloudbuild_trigger.nightly) + length(google_cloud_scheduler_job.nightly) == 0 && !contains(keys(google_monitoring_alert_policy.alert), "NightlyTests")
    error_message = "Triggers need a repository."
  }
}
