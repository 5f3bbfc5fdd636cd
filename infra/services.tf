locals {
  # Not the worker's address: the worker would depend on itself.
  push_audience = "${local.name}-worker"

  job = "projects/${var.project_id}/locations/${var.region}/jobs/${local.name}-fullsync"

  sync_schedule = "7 */${var.sync_every_hours} * * *" # off the full hour, when most jobs start

  # With a domain, requests only come through the load balancer and Cloud Armor.
  outside = { for name in ["webhook", "ui", "api"] : name => contains(keys(local.domains), name) ? "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER" : "INGRESS_TRAFFIC_ALL" }

  services = merge({
    webhook = {
      ingress     = local.outside["webhook"]
      public      = true # Slack has no Google identity: it signs its requests
      iap         = false
      concurrency = 80 # 80 bodies of 1 MiB took 373 MB before unsigned bodies were bounded to 4 MiB
      timeout     = 10 # Slack gives up after 3
      env         = merge({ USER_EVENTS_TOPIC = google_pubsub_topic.user_events.name }, var.slack_app_id == "" ? {} : { SLACK_APP_ID = var.slack_app_id })
      secrets     = { SLACK_SIGNING_SECRET = "slack-signing-secret" }
    }
    worker = {
      ingress     = "INGRESS_TRAFFIC_INTERNAL_ONLY" # Pub/Sub's push is internal traffic
      public      = false
      iap         = false
      concurrency = 10 # applying a user of 900 kB took 30 MB; the limit is now 128 kB
      timeout     = 30 # the subscription's ack deadline
      env = {
        FIRESTORE_DATABASE   = google_firestore_database.directory.name
        PUSH_AUDIENCE        = local.push_audience
        PUSH_SERVICE_ACCOUNT = google_service_account.invoker["push"].email
        PUSH_SIGNATURE       = "removed-by-cloud-run" # Cloud Run checks it and passes the token on without it
        HISTORY_DAYS         = tostring(var.history_days)
        USER_CHANGES_TOPIC   = google_pubsub_topic.user_changes.name
        CHANGES_VALUES       = tostring(var.changes_values)
      }
      secrets = {}
    }
    ui = {
      ingress     = local.outside["ui"]
      public      = false
      iap         = true
      concurrency = 500 # a viewer's event stream counts as a request for as long as it is open
      timeout     = 3600
      env = merge(var.viewers_by_workspace == "" ? {} : { VIEWERS = var.viewers_by_workspace }, {
        FIRESTORE_DATABASE       = google_firestore_database.directory.name
        AUTH                     = "iap"
        IAP_AUDIENCE             = "/projects/${local.number}/locations/${var.region}/services/${local.name}-ui"
        SYNC_JOB                 = local.job
        SYNC_SCHEDULE            = local.sync_schedule
        DEAD_LETTER_SUBSCRIPTION = google_pubsub_subscription.parked.name
      })
      secrets = { AUDIT_HASH_KEY = "audit-hash-key" } # the same in all instances, so that equal searches have equal hashes
    }
    }, { for name in local.api : name => {
      ingress     = var.api_ingress == "all" ? local.outside["api"] : "INGRESS_TRAFFIC_INTERNAL_ONLY"
      public      = true # programs come with Rollcall's tokens, which take the place of Google's in the same header
      iap         = false
      concurrency = 80 # the program itself bounds the people and the bodies that it holds in memory
      timeout     = 30 # the api gives up after 20
      env = {
        FIRESTORE_DATABASE = google_firestore_database.directory.name
        API_DATABASE       = google_firestore_database.tokens[name].name
        API_RATE           = tostring(var.api_rate)
      }
      secrets = { AUDIT_HASH_KEY = "audit-hash-key" }
  } })
}

resource "google_cloud_run_v2_service" "service" {
  for_each             = local.services
  name                 = "${local.name}-${each.key}"
  location             = var.region
  ingress              = each.value.ingress
  iap_enabled          = each.value.iap
  invoker_iam_disabled = each.value.public # the same as a grant to allUsers, which organization policies may forbid
  custom_audiences     = each.key == "worker" ? [local.push_audience] : []
  deletion_protection  = false # what is worth keeping is in Firestore

  scaling {
    min_instance_count = var.min_instances[each.key]
  }

  dynamic "binary_authorization" {
    for_each = google_binary_authorization_policy.project
    content {
      use_default = true
    }
  }

  template {
    service_account                  = google_service_account.runtime[each.key].email
    timeout                          = "${each.value.timeout}s"
    max_instance_request_concurrency = each.value.concurrency
    annotations                      = { "rollcall/secrets-rotated" = var.secrets_rotated, "rollcall/commit" = try(var.images.commit, ""), "rollcall/build" = try(var.images.build, "") }
    scaling {
      max_instance_count = var.max_instances[each.key]
    }

    containers {
      image = try(var.images[each.key], null)
      resources {
        limits            = { cpu = "1", memory = local.memory.limit }
        cpu_idle          = true
        startup_cpu_boost = true
      }
      startup_probe {
        period_seconds    = 1
        failure_threshold = 30
        http_get {
          path = "/health"
        }
      }
      liveness_probe {
        period_seconds    = 30
        timeout_seconds   = 5
        failure_threshold = 3
        http_get {
          path = "/health"
        }
      }
      volume_mounts {
        name       = "log-level"
        mount_path = local.log_level_folder
      }
      dynamic "env" {
        for_each = merge(local.common_env, each.value.env)
        content {
          name  = env.key
          value = env.value
        }
      }
      dynamic "env" {
        for_each = each.value.secrets
        content {
          name = env.key
          value_source {
            secret_key_ref {
              secret  = google_secret_manager_secret.value[env.value].secret_id
              version = "latest"
            }
          }
        }
      }
    }
    volumes {
      name = "log-level"
      secret {
        secret = google_secret_manager_secret.log_level.secret_id
        items {
          version = "latest"
          path    = "log-level"
        }
      }
    }
  }

  # Explicit, so that an apply takes traffic back from an older revision.
  traffic {
    type    = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
    percent = 100
  }

  lifecycle {
    precondition {
      condition     = try(var.images[each.key], null) != null
      error_message = "There is no image of ${each.key} yet: run infra/images.sh."
    }
  }

  # A revision does not start without its secrets and its topic.
  depends_on = [
    google_secret_manager_secret_iam_member.log_level,
    google_secret_manager_secret_iam_member.reader,
    google_secret_manager_secret_version.log_level,
    google_pubsub_topic_iam_member.publisher,
    google_pubsub_topic_iam_member.changes_publisher,
    google_project_iam_member.firestore,
    google_project_iam_member.tokens,
    google_firestore_index.query, # the older revision serves until they are built, because queries fail without them
  ]
}

resource "google_cloud_run_v2_job" "fullsync" {
  name                = "${local.name}-fullsync"
  location            = var.region
  deletion_protection = false

  dynamic "binary_authorization" {
    for_each = google_binary_authorization_policy.project
    content {
      use_default = true
    }
  }

  template {
    task_count = 1
    template {
      service_account = google_service_account.runtime["fullsync"].email
      timeout         = "7200s" # 500,000 people take 25 minutes at Slack's pace
      max_retries     = 2       # each resumes from the last checkpoint

      containers {
        image = try(var.images.fullsync, null)
        resources {
          limits = { cpu = "1", memory = local.memory.limit }
        }
        volume_mounts {
          name       = "log-level"
          mount_path = local.log_level_folder
        }
        dynamic "env" {
          for_each = merge(local.common_env, {
            FIRESTORE_DATABASE = google_firestore_database.directory.name
            USER_EVENTS_TOPIC  = google_pubsub_topic.user_events.name
          })
          content {
            name  = env.key
            value = env.value
          }
        }
        env {
          name = "SLACK_BOT_TOKENS"
          value_source {
            secret_key_ref {
              secret  = google_secret_manager_secret.value["slack-bot-tokens"].secret_id
              version = "latest"
            }
          }
        }
      }
      volumes {
        name = "log-level"
        secret {
          secret = google_secret_manager_secret.log_level.secret_id
          items {
            version = "latest"
            path    = "log-level"
          }
        }
      }
    }
  }

  depends_on = [
    google_secret_manager_secret_iam_member.log_level,
    google_secret_manager_secret_iam_member.reader,
    google_secret_manager_secret_version.log_level,
    google_pubsub_topic_iam_member.publisher,
    google_project_iam_member.firestore,
  ]
}

resource "google_cloud_scheduler_job" "fullsync" {
  name             = "${local.name}-fullsync"
  region           = var.region
  description      = "Starts a full sync of every workspace."
  schedule         = local.sync_schedule
  time_zone        = "Etc/UTC"
  attempt_deadline = "60s" # it starts the job without waiting for it

  retry_config {
    retry_count = 3
  }
  http_target {
    http_method = "POST"
    uri         = "https://run.googleapis.com/v2/${local.job}:run"
    oauth_token {
      service_account_email = google_service_account.invoker["scheduler"].email
    }
  }
  depends_on = [google_project_service.api, google_cloud_run_v2_job_iam_member.fullsync]
}
