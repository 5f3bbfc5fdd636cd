variable "project_id" {
  description = "The Google Cloud project to install into."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "A project id has 6 to 30 lower-case letters, digits and hyphens, and begins with a letter."
  }
}

variable "prefix" {
  description = "Prefix of all names, such as \"staging-\", so that one project can hold several installations. Each needs its own state bucket."
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
  description = "The database's ID; by default the prefix and \"rollcall\". With a database of its own, Rollcall's grants do not reach other data of the project."
  type        = string
  default     = null
  validation {
    condition     = var.firestore_database == null || var.firestore_database == "(default)" || can(regex("^[a-z][a-z0-9-]{2,61}[a-z0-9]$", var.firestore_database))
    error_message = "A database id is (default), or 4 to 63 lower-case letters, digits and hyphens that begin with a letter."
  }
}

variable "firestore_existing" {
  description = "Whether the database existed before Rollcall. Terraform then never deletes it and leaves its rules alone."
  type        = bool
  default     = false
  validation {
    condition     = var.firestore_existing || coalesce(var.firestore_database, "rollcall") != "(default)"
    error_message = "(default) belongs to the whole project: import it and set firestore_existing, as README.md says."
  }
}

variable "images" {
  description = "The images by digest, and where they come from. infra/images.sh writes this to the state's bucket."
  type = object({
    webhook   = string, worker = string, ui = string, fullsync = string
    api       = optional(string) # releases before the API have none
    commit    = optional(string, "")
    build     = optional(string, "") # of Cloud Build; empty from a laptop
    committed = optional(number, 0)  # in Unix seconds; deployments do not go back in time
  })
  default = null # for the first apply
  validation {
    condition     = var.images == null ? true : alltrue([for image in compact([var.images.webhook, var.images.worker, var.images.ui, var.images.fullsync, var.images.api]) : can(regex("@sha256:[0-9a-f]{64}$", image))])
    error_message = "Images are given by digest (…@sha256:…): a tag can move under a running service."
  }
}

variable "domains" {
  description = "Your own domains for the webhook, the page and the API, through a load balancer with Cloud Armor. By default Cloud Run's addresses are used."
  type        = object({ webhook = optional(string), ui = optional(string), api = optional(string) })
  default     = {}
  validation {
    condition     = var.domains.api == null || (var.api && var.api_ingress == "all")
    error_message = "A domain makes the API answer from outside: it needs api = true and api_ingress = \"all\"."
  }
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
    error_message = "Use 1, 2, 3, 4, 6, 8 or 12, which divide a day."
  }
}

variable "drift_threshold" {
  description = "How many missed changes a full sync may repair before it alerts."
  type        = number
  default     = 20
  validation {
    condition     = var.drift_threshold >= 0
    error_message = "At least 0."
  }
}

variable "min_instances" {
  description = "Instances kept warm. None is needed, because Slack repeats an event after a slow cold start."
  type        = object({ webhook = optional(number, 0), worker = optional(number, 0), ui = optional(number, 0), api = optional(number, 0) })
  default     = {}
}

variable "max_instances" {
  description = "Maximum instances of each service, which bounds the bill."
  type        = object({ webhook = optional(number, 20), worker = optional(number, 20), ui = optional(number, 5), api = optional(number, 5) })
  default     = {}
  validation {
    condition     = alltrue([for n in values(var.max_instances) : n >= 1])
    error_message = "At least one instance each."
  }
}

variable "alert_emails" {
  description = "E-mail addresses for alerts, by a name of your choice. Required unless alert_channels is set."
  type        = map(string)
  default     = {}
  validation {
    condition     = length(var.alert_emails) + length(var.alert_channels) > 0
    error_message = "Alerts need a recipient: set alert_emails or alert_channels."
  }
  validation {
    condition     = alltrue([for address in values(var.alert_emails) : can(regex("^[^@ ]+@[^@ ]+$", address))])
    error_message = "Give e-mail addresses."
  }
}

variable "alert_channels" {
  description = "Other notification channels, such as chat or a pager, by their full names (projects/…/notificationChannels/…)."
  type        = set(string)
  default     = []
}

variable "repository" {
  description = "The source repository as connected to Cloud Build: projects/…/locations/…/connections/…/repositories/…. Without it there are no triggers."
  type        = string
  default     = null
  validation {
    condition     = var.repository == null || can(regex("^projects/[^/]+/locations/[^/]+/connections/[^/]+/repositories/[^/]+$", var.repository))
    error_message = "Give projects/…/locations/…/connections/…/repositories/…, as `gcloud builds repositories list` prints it."
  }
}

variable "repository_url" {
  description = "The repository's address in a browser. Alerts link to the playbooks there."
  type        = string
  default     = null
}

variable "state_bucket" {
  description = "The bucket of the state. Builds read settings and digests there."
  type        = string
}

variable "signed_images_only" {
  description = "Whether Cloud Run refuses images that infra/images.sh has not signed. It sets the Binary Authorization policy of the whole project, so only one installation in a project can use it."
  type        = bool
  default     = true
}

variable "deploy_approval" {
  description = "Whether a Cloud Build Approver must approve each deployment."
  type        = bool
  default     = false
}

variable "builder" {
  description = "The image in which builds run, by digest. infra/builder.sh writes it to the state's bucket. Required with repository."
  type        = string
  default     = null
  validation {
    condition     = var.builder == null ? var.repository == null : can(regex("@sha256:[0-9a-f]{64}$", var.builder))
    error_message = "Give the builder's image by digest: run infra/builder.sh."
  }
}

variable "slack_socket_mode" {
  description = "Whether the printed manifest is for Socket Mode (local mode) instead of the deployed webhook."
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
  description = "Labels for all resources that can have them."
  type        = map(string)
  default     = { app = "rollcall" }
}

variable "secrets_rotated" {
  description = "Any new value, such as today's date, makes new revisions, which read the newest versions of the secrets."
  type        = string
  default     = ""
}

variable "slack_app_id" {
  description = "The Slack app's ID (A…). If set, the webhook ignores events of other apps."
  type        = string
  default     = ""
  validation {
    condition     = can(regex("^(A[A-Z0-9]+)?$", var.slack_app_id))
    error_message = "A Slack app's id begins with A."
  }
}

variable "viewers_by_workspace" {
  description = "Who sees which workspace, such as \"T0ONE=ada@example.com,@example.com; *=boss@example.com\". By default every viewer sees every workspace."
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
  description = "Whether messages on the topic user-changes contain the values before and after. By default they only name the fields."
  type        = bool
  default     = false
}

variable "change_subscriptions" {
  description = "Subscribers of changes, by name. With push_endpoint, changes are pushed there with a token (audience: by default the endpoint); without, the subscriber pulls. filter is Pub/Sub's, such as attributes.team_id=\"T…\"."
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
    error_message = "A push endpoint begins with https://."
  }
}

variable "changes_to_bigquery" {
  description = "Whether changes are also written to a BigQuery table."
  type        = bool
  default     = false
  validation {
    condition     = !var.changes_to_bigquery || var.history_days > 0
    error_message = "Without history there is nothing to write: set history_days."
  }
}

variable "api" {
  description = "Whether the API runs: Slack's methods, a feed of changes and MCP, for programs with tokens from `rollcallctl tokens create`."
  type        = bool
  default     = false
}

variable "api_ingress" {
  description = "Where the API's requests may come from: \"all\", or \"internal\" for the project's networks only. They need a token either way."
  type        = string
  default     = "all"
  validation {
    condition     = contains(["all", "internal"], var.api_ingress)
    error_message = "Use all or internal."
  }
}

variable "api_rate" {
  description = "Requests a second that each of the API's tokens may make; each instance counts its own."
  type        = number
  default     = 20
  validation {
    condition     = var.api_rate >= 1 && var.api_rate <= 10000 && floor(var.api_rate) == var.api_rate
    error_message = "The rate is a whole number from 1 to 10000."
  }
}

variable "directory_readers" {
  description = "Who may read the directory's database directly, as IAM members: serviceAccount:…, group:…, user:… They see all of every workspace."
  type        = set(string)
  default     = []
  validation {
    condition     = alltrue([for member in var.directory_readers : can(regex("^(group|user|serviceAccount):[^ ]+$", member))])
    error_message = "Readers are serviceAccount:…, group:… or user:…; anything wider would show everybody's profile to too many."
  }
}
