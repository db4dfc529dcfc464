variable "name" {
  type        = string
  description = "Of everything that is made: koprogo-INSTALLATION"
  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,48}[a-z0-9])?$", var.name))
    error_message = "The name has 1 to 50 lower-case letters, digits and inner hyphens."
  }
}

variable "region" {
  type        = string
  description = "Region of server and disks, exactly as in the OpenRC file: GRA9"
  validation {
    condition     = can(regex("^[A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?$", var.region))
    error_message = "The region is a name such as GRA9 or EU-WEST-PAR."
  }
}

variable "availability_zone" {
  type        = string
  default     = null
  description = "Only where a region has several, as EU-WEST-PAR does; the same for server and disks"
  validation {
    condition     = var.availability_zone == null ? true : can(regex("^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$", var.availability_zone))
    error_message = "The availability zone is a name such as eu-west-par-a."
  }
}

variable "image" {
  type        = string
  default     = "Debian 13"
  description = "Name of the image that the server is made from"
  validation {
    condition     = can(regex("^[^[:cntrl:]]{1,255}$", var.image))
    error_message = "The image is one line of 1 to 255 characters."
  }
}

variable "flavor" {
  type        = string
  description = "Size of the server: d2-4"
  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", var.flavor))
    error_message = "The flavor is a name such as d2-4."
  }
}

variable "network" {
  type        = string
  default     = "Ext-Net"
  description = "Network with public addresses"
  validation {
    condition     = can(regex("^[^[:cntrl:]]{1,255}$", var.network))
    error_message = "The network is one line of 1 to 255 characters."
  }
}

variable "public_key" {
  type        = string
  description = "The operator's public SSH key, as in authorized_keys"
  validation {
    condition     = can(regex("^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/]+=*( [^[:cntrl:]]*)?$", var.public_key))
    error_message = "The public key is one line such as \"ssh-ed25519 AAAA…\"."
  }
}

# Holds the server's private host key. OpenStack's provider keeps only a hash of it in the state. No validation block: Terraform 1.11
# prints the value when one fails, sensitive or not. What it must be is a precondition of the server.
variable "user_data" {
  type        = string
  sensitive   = true
  description = "cloud-init's user-data for the first boot"
}

variable "sizes" {
  type        = object({ postgres = number, documents = number })
  description = "Sizes of the data disks in GB. They can grow, never shrink."
  validation {
    condition     = alltrue([for size in values(var.sizes) : size >= 10 && size <= 4000 && floor(size) == size])
    error_message = "A disk has 10 to 4000 GB, in whole numbers."
  }
}

variable "volume_type" {
  type        = string
  default     = "high-speed"
  description = "classic, high-speed or high-speed-gen2"
  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{0,62}$", var.volume_type))
    error_message = "The volume type is a name such as high-speed."
  }
}
