# The bucket of the backups and a user who can reach nothing else. Only for operators who keep their backups at OVH and gave a
# token for the OVH API: the provider logs in as soon as there is a resource of it, so this file is left out otherwise.

variable "project" {
  type        = string
  description = "Id of the Public Cloud project"
  validation {
    condition     = can(regex("^[0-9a-f]{32}$", var.project))
    error_message = "The project's id has 32 hexadecimal digits."
  }
}

variable "endpoint" {
  type        = string
  default     = "ovh-eu"
  description = "Where the account lives"
  validation {
    condition     = contains(["ovh-eu", "ovh-ca", "ovh-us"], var.endpoint)
    error_message = "The endpoint is ovh-eu, ovh-ca or ovh-us."
  }
}

variable "bucket" {
  type        = object({ name = string, region = string })
  description = "Name, and region of the object storage, which has no number: GRA"
  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.bucket.name))
    error_message = "The bucket's name has 3 to 63 lower-case letters, digits and inner hyphens."
  }
  validation {
    condition     = can(regex("^[A-Z][A-Z-]{1,30}[A-Z]$", var.bucket.region))
    error_message = "The region of the object storage is in capitals, such as GRA or EU-WEST-PAR."
  }
}

variable "keep_overwritten_days" {
  type        = number
  default     = 30
  description = "For how long what was overwritten or deleted in the bucket can be brought back"
  validation {
    condition     = var.keep_overwritten_days >= 1 && var.keep_overwritten_days <= 3650 && floor(var.keep_overwritten_days) == var.keep_overwritten_days
    error_message = "The days are a whole number from 1 to 3650."
  }
}

provider "ovh" {
  endpoint = var.endpoint
}

# Destroying this resource empties the bucket first: hence prevent_destroy, as for the disks.
resource "ovh_cloud_project_storage" "backups" {
  service_name = var.project
  region_name  = var.bucket.region
  name         = var.bucket.name
  # The list of all objects has no place in the state.
  hide_objects = true

  versioning = {
    status = "enabled"
  }
  encryption = {
    sse_algorithm = "AES256"
  }

  lifecycle {
    prevent_destroy = true
  }
}

# Backups themselves are kept and deleted by their own retention rules: only what is left behind is cleared away here.
resource "ovh_cloud_project_storage_object_bucket_lifecycle_configuration" "backups" {
  service_name   = var.project
  region_name    = ovh_cloud_project_storage.backups.region_name
  container_name = ovh_cloud_project_storage.backups.name

  rules = [
    {
      id     = "overwritten"
      status = "enabled"
      noncurrent_version_expiration = {
        noncurrent_days = var.keep_overwritten_days
      }
    },
    {
      id     = "unfinished-uploads"
      status = "enabled"
      # Far longer than a backup takes: one that is still running must not be cut off.
      abort_incomplete_multipart_upload = {
        days_after_initiation = 7
      }
    },
  ]
}

resource "ovh_cloud_project_user" "backups" {
  service_name = var.project
  description  = "Backups of ${var.name}"
  role_names   = ["objectstore_operator"]
}

# The secret key comes to be in the state, which koprogo-infra encrypts.
resource "ovh_cloud_project_user_s3_credential" "backups" {
  service_name = var.project
  user_id      = ovh_cloud_project_user.backups.id
}

# What docs/backup.md lists for a bucket that exists already, and no more. It cannot delete versions: a stolen key makes no backup vanish at once.
resource "ovh_cloud_project_user_s3_policy" "backups" {
  service_name = var.project
  user_id      = ovh_cloud_project_user.backups.id
  policy = jsonencode({
    Statement = [{
      Sid    = "BackupsOnly"
      Effect = "Allow"
      Action = [
        "s3:PutObject",
        "s3:GetObject",
        "s3:DeleteObject",
        "s3:AbortMultipartUpload",
        "s3:ListMultipartUploadParts",
        "s3:ListBucket",
        "s3:ListBucketMultipartUploads",
        "s3:GetBucketLocation",
        "s3:GetBucketVersioning",
        "s3:GetBucketAcl",
        "s3:GetBucketPolicyStatus",
      ]
      Resource = ["arn:aws:s3:::${var.bucket.name}", "arn:aws:s3:::${var.bucket.name}/*"]
    }]
  })
}

output "bucket" {
  value = {
    name     = ovh_cloud_project_storage.backups.name
    region   = lower(var.bucket.region)
    endpoint = "https://s3.${lower(var.bucket.region)}.io.cloud.ovh.net"
  }
}

output "bucket_key" {
  sensitive = true
  value = {
    access_key_id     = ovh_cloud_project_user_s3_credential.backups.access_key_id
    secret_access_key = ovh_cloud_project_user_s3_credential.backups.secret_access_key
  }
  # A key that opens everything until its policy arrives is not handed out before.
  depends_on = [ovh_cloud_project_user_s3_policy.backups]
}
