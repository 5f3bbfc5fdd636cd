# Custom domains, as an option. Slack's request URL then survives a move of the service, and Cloud Armor protects the
# webhook and the API. All services keep their own checks: signatures, tokens, and Identity-Aware Proxy, which also covers
# load balancers.
locals {
  domains = { for name, domain in { webhook = var.domains.webhook, ui = var.domains.ui, api = var.domains.api } : name => domain if domain != null }

  # What Cloud Armor lets through, and how often from one address in a minute. The page is left to Identity-Aware Proxy.
  armor = { for name, policy in {
    webhook = {
      paths = "request.path != '/slack/events' && request.path != '/health'"
      rate  = 3000 # Slack sends an app at most 30,000 events an hour for each workspace
    }
    api = {
      paths = "!request.path.startsWith('/api/') && request.path != '/mcp' && request.path != '/health'"
      rate  = max(3000, 60 * var.api_rate) # the program limits each token; this stops those without one
    }
  } : name => policy if contains(keys(local.domains), name) }
}

resource "google_project_service" "compute" {
  for_each           = length(local.domains) == 0 ? [] : toset(["compute"])
  service            = "${each.key}.googleapis.com"
  disable_on_destroy = false
}

resource "google_compute_global_address" "balancer" {
  for_each   = google_project_service.compute
  name       = local.name
  depends_on = [google_project_service.compute]
}

resource "google_compute_region_network_endpoint_group" "service" {
  for_each              = local.domains
  name                  = "${local.name}-${each.key}"
  region                = var.region
  network_endpoint_type = "SERVERLESS"
  cloud_run {
    service = google_cloud_run_v2_service.service[each.key].name
  }
  depends_on = [google_project_service.compute]
}

resource "google_compute_backend_service" "service" {
  for_each              = local.domains
  name                  = "${local.name}-${each.key}"
  load_balancing_scheme = "EXTERNAL_MANAGED"
  protocol              = "HTTPS"
  security_policy       = contains(keys(local.armor), each.key) ? google_compute_security_policy.service[each.key].id : null
  backend {
    group = google_compute_region_network_endpoint_group.service[each.key].id
  }
}

resource "google_compute_security_policy" "service" {
  for_each    = local.armor
  name        = "${local.name}-${each.key}"
  description = "Lets only the service's paths through, and limits each address."
  rule {
    action   = "deny(404)"
    priority = 1000
    match {
      expr {
        expression = each.value.paths
      }
    }
  }
  rule {
    action   = "throttle"
    priority = 2000
    match {
      versioned_expr = "SRC_IPS_V1"
      config {
        src_ip_ranges = ["*"]
      }
    }
    rate_limit_options {
      conform_action = "allow"
      exceed_action  = "deny(429)"
      enforce_on_key = "IP"
      rate_limit_threshold {
        count        = each.value.rate
        interval_sec = 60
      }
    }
  }
  rule {
    action   = "allow"
    priority = 2147483647 # the default rule, which a policy must have
    match {
      versioned_expr = "SRC_IPS_V1"
      config {
        src_ip_ranges = ["*"]
      }
    }
  }
  depends_on = [google_project_service.compute]
}

moved {
  from = google_compute_security_policy.webhook
  to   = google_compute_security_policy.service
}

resource "google_compute_managed_ssl_certificate" "balancer" {
  for_each = google_project_service.compute
  name     = "${local.name}-${substr(sha256(join(",", values(local.domains))), 0, 8)}" # a certificate cannot be changed, only replaced
  managed {
    domains = values(local.domains)
  }
  lifecycle {
    create_before_destroy = true
  }
}

resource "google_compute_url_map" "balancer" {
  for_each        = google_project_service.compute
  name            = local.name
  default_service = values(google_compute_backend_service.service)[0].id
  dynamic "host_rule" {
    for_each = local.domains
    content {
      hosts        = [host_rule.value]
      path_matcher = host_rule.key
    }
  }
  dynamic "path_matcher" {
    for_each = local.domains
    content {
      name            = path_matcher.key
      default_service = google_compute_backend_service.service[path_matcher.key].id
    }
  }
}

resource "google_compute_target_https_proxy" "balancer" {
  for_each         = google_project_service.compute
  name             = local.name
  url_map          = google_compute_url_map.balancer[each.key].id
  ssl_certificates = [google_compute_managed_ssl_certificate.balancer[each.key].id]
}

resource "google_compute_global_forwarding_rule" "balancer" {
  for_each              = google_project_service.compute
  name                  = local.name
  load_balancing_scheme = "EXTERNAL_MANAGED"
  ip_address            = google_compute_global_address.balancer[each.key].id
  port_range            = "443"
  target                = google_compute_target_https_proxy.balancer[each.key].id
}
