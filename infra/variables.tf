variable "project_id" {
  description = "The Google Cloud project to install into."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "A project id has 6 to 30 lower-case letters, digits and hyphens, and begins with a letter."
  }
}

variable "prefix" {
  description = "What all names begin with, so that one project can hold several installations: \"staging-\", say. Each needs a state bucket of its own."
  type        = string
  default     = ""
  validation {
    condition     = var.prefix == "" || can(regex("^[a-z][a-z0-9-]{0,9}-$", var.prefix))
    error_message = "A prefix is empty, or has up to 11 lower-case letters, digits and hyphens, begins with a letter and ends with a hyphen."
  }
}

variable "region" {
  description = "Where Cloud Run, Cloud Scheduler, Cloud Build and the images are."
  type        = string
  default     = "europe-west1"
  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "A region looks like europe-west1."
  }
}

variable "firestore_location" {
  description = "Where the database is: a region, or the multi-regions eur3 and nam5. Choose it near `region`: it can never be changed."
  type        = string
  validation {
    condition     = can(regex("^([a-z]+-[a-z]+[0-9]+|eur3|nam5|nam7)$", var.firestore_location))
    error_message = "A Firestore location is a region like europe-west1, or eur3, nam5 or nam7."
  }
}

variable "firestore_database" {
  description = "The database's id; null for the prefix and \"rollcall\". A database of its own keeps its grants apart from what else the project stores."
  type        = string
  default     = null
  validation {
    condition     = var.firestore_database == null || var.firestore_database == "(default)" || can(regex("^[a-z][a-z0-9-]{2,61}[a-z0-9]$", var.firestore_database))
    error_message = "A database id is (default), or 4 to 63 lower-case letters, digits and hyphens that begin with a letter."
  }
}

variable "firestore_existing" {
  description = "Whether the database was there before Rollcall: then it is never deleted, and its rules stay as they are."
  type        = bool
  default     = false
  validation {
    condition     = var.firestore_existing || coalesce(var.firestore_database, "rollcall") != "(default)"
    error_message = "(default) belongs to the whole project: import it and set firestore_existing, as README.md says."
  }
}

variable "images" {
  description = "The image of each deployable, by digest, and the commit they were built from. infra/images.sh writes it to the state's bucket."
  type = object({
    webhook   = string, worker = string, ui = string, fullsync = string
    commit    = optional(string, "")
    build     = optional(string, "") # of Cloud Build; empty for a laptop's
    committed = optional(number, 0)  # when, in Unix seconds: deployments do not go back
  })
  default = null # the first apply comes before there are images
  validation {
    condition     = var.images == null ? true : alltrue([for name in ["webhook", "worker", "ui", "fullsync"] : can(regex("@sha256:[0-9a-f]{64}$", var.images[name]))])
    error_message = "Images are given by digest (…@sha256:…): a tag can move under a running service."
  }
}

variable "domains" {
  description = "Domains of your own for the webhook and the page, by a load balancer with Cloud Armor. Without them Cloud Run's addresses are used."
  type        = object({ webhook = optional(string), ui = optional(string) })
  default     = {}
  validation {
    condition     = alltrue([for domain in values(var.domains) : domain == null || can(regex("^([a-z0-9-]+\\.)+[a-z]{2,}$", domain))])
    error_message = "A domain looks like people.example.com."
  }
}

variable "viewers" {
  description = "Who may open the page, as IAM members: group:…, user:…, domain:…"
  type        = set(string)
  validation {
    condition     = alltrue([for member in var.viewers : can(regex("^(group|user|domain|serviceAccount):[^ ]+$", member))])
    error_message = "Viewers are group:…, user:…, domain:… or serviceAccount:…; allUsers and allAuthenticatedUsers would show everybody's profile to the world."
  }
}

variable "sync_every_hours" {
  description = "Hours between full syncs: how long the directory can be wrong after a lost event."
  type        = number
  default     = 1
  validation {
    condition     = contains([1, 2, 3, 4, 6, 8, 12], var.sync_every_hours)
    error_message = "Use 1, 2, 3, 4, 6, 8 or 12, so that the hours of a day come out even."
  }
}

variable "drift_threshold" {
  description = "How many repairs that events should have made a full sync may need before somebody is told."
  type        = number
  default     = 20
  validation {
    condition     = var.drift_threshold >= 0
    error_message = "At least 0."
  }
}

variable "min_instances" {
  description = "Instances kept warm. Slack repeats an event that a cold start was too slow for, so none is needed."
  type        = object({ webhook = optional(number, 0), worker = optional(number, 0), ui = optional(number, 0) })
  default     = {}
}

variable "max_instances" {
  description = "Bound of instances, and so of the bill."
  type        = object({ webhook = optional(number, 20), worker = optional(number, 20), ui = optional(number, 5) })
  default     = {}
  validation {
    condition     = alltrue([for n in values(var.max_instances) : n >= 1])
    error_message = "At least one instance each."
  }
}

variable "alert_emails" {
  description = "Addresses that alerts are mailed to, by a name of your choice. Required unless alert_channels has some."
  type        = map(string)
  default     = {}
  validation {
    condition     = length(var.alert_emails) + length(var.alert_channels) > 0
    error_message = "Alerts need somebody to go to: set alert_emails or alert_channels."
  }
  validation {
    condition     = alltrue([for address in values(var.alert_emails) : can(regex("^[^@ ]+@[^@ ]+$", address))])
    error_message = "Give e-mail addresses."
  }
}

variable "alert_channels" {
  description = "Further notification channels, by their full names (projects/…/notificationChannels/…): chat, pager, webhooks."
  type        = set(string)
  default     = []
}

variable "repository" {
  description = "The source repository, connected to Cloud Build: projects/…/locations/…/connections/…/repositories/…; null for no triggers."
  type        = string
  default     = null
  validation {
    condition     = var.repository == null || can(regex("^projects/[^/]+/locations/[^/]+/connections/[^/]+/repositories/[^/]+$", var.repository))
    error_message = "Give projects/…/locations/…/connections/…/repositories/…, as `gcloud builds repositories list` prints it."
  }
}

variable "repository_url" {
  description = "Where people read the source, for the playbooks that alerts link to."
  type        = string
  default     = null
}

variable "state_bucket" {
  description = "The bucket of this state, which the triggers' builds use. Required with repository."
  type        = string
  default     = null
  validation {
    condition     = var.repository == null || var.state_bucket != null
    error_message = "Builds need to know the bucket of the state."
  }
}

variable "signed_images_only" {
  description = "Whether Cloud Run refuses images that infra/images.sh has not signed. It sets the Binary Authorization policy of the whole project, so only one installation in a project can use it."
  type        = bool
  default     = true
}

variable "deploy_approval" {
  description = "Whether a deployment waits until a Cloud Build Approver has approved it."
  type        = bool
  default     = false
}

variable "builder" {
  description = "The image that builds run in, by digest, as infra/builder.sh prints it. Required with repository."
  type        = string
  default     = null
  validation {
    condition     = var.builder == null ? var.repository == null : can(regex("@sha256:[0-9a-f]{64}$", var.builder))
    error_message = "Builds run in an image that is given by digest: run infra/builder.sh, which makes it and prints it."
  }
}

variable "slack_socket_mode" {
  description = "Print the Slack app's manifest for Socket Mode (local mode) rather than for the deployed webhook."
  type        = bool
  default     = false
}

variable "slack_optional_scopes" {
  description = "Bot scopes beyond users:read, users.profile:read and team:read. users:read.email adds e-mail addresses, emoji:read custom emoji."
  type        = set(string)
  default     = ["users:read.email", "emoji:read"]
  validation {
    condition     = length(setsubtract(var.slack_optional_scopes, ["users:read.email", "emoji:read"])) == 0
    error_message = "Rollcall uses users:read.email and emoji:read, and no other."
  }
}

variable "tracing" {
  description = "Whether spans are exported to Cloud Trace. Cloud Run samples at most one request in ten seconds for each instance."
  type        = bool
  default     = true
}

variable "deletion_protection" {
  description = "Whether the database refuses to be deleted."
  type        = bool
  default     = true
}

variable "labels" {
  description = "Labels of everything that can have them."
  type        = map(string)
  default     = { app = "rollcall" }
}

variable "secrets_rotated" {
  description = "Anything new, as today's date, makes new revisions, which read the newest versions of the secrets."
  type        = string
  default     = ""
}

variable "slack_app_id" {
  description = "The Slack app's id (A…). The webhook then ignores events of other apps."
  type        = string
  default     = ""
  validation {
    condition     = can(regex("^(A[A-Z0-9]+)?$", var.slack_app_id))
    error_message = "A Slack app's id begins with A."
  }
}

variable "viewers_by_workspace" {
  description = "Who sees which workspace, like \"T0ONE=ada@example.com,@example.com; *=boss@example.com\". Empty: every viewer sees every workspace."
  type        = string
  default     = ""
}

variable "history_days" {
  description = "Days for which the history of changes is kept; 0 for no history. Firestore deletes older records."
  type        = number
  default     = 90
  validation {
    condition     = var.history_days >= 0 && var.history_days <= 3650 && floor(var.history_days) == var.history_days
    error_message = "Days are a whole number from 0 to 3650."
  }
}

variable "changes_values" {
  description = "Whether messages on the topic user-changes say what fields were before and are now. Otherwise they name the fields, and subscribers read the person."
  type        = bool
  default     = false
}

variable "change_subscriptions" {
  description = "Who is told of changes, by a name: push_endpoint for a push with a token (audience: the endpoint, unless given), null for a subscription to pull from; filter as in Pub/Sub, such as attributes.team_id=\"T…\"."
  type = map(object({
    push_endpoint = optional(string)
    audience      = optional(string)
    filter        = optional(string)
  }))
  default = {}
  validation {
    condition     = alltrue([for name in keys(var.change_subscriptions) : can(regex("^[a-z][a-z0-9-]*[a-z0-9]$", name)) && length("${var.prefix}rollcall-to-${name}") <= 30 && name != "bigquery"])
    error_message = "A name has lower-case letters, digits and hyphens and begins with a letter; with prefix and \"rollcall-to-\" it has at most 30 characters. bigquery is taken."
  }
  validation {
    condition     = alltrue([for s in values(var.change_subscriptions) : s.push_endpoint == null || can(regex("^https://", s.push_endpoint))])
    error_message = "Changes are pushed over https only."
  }
}

variable "changes_to_bigquery" {
  description = "Whether changes are written to a BigQuery table as well."
  type        = bool
  default     = false
  validation {
    condition     = !var.changes_to_bigquery || var.history_days > 0
    error_message = "Without a history there is nothing to write: set history_days."
  }
}
