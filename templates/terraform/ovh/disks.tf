# The two data disks are resources of their own, not parts of the server: replacing the server only moves them over.
# prevent_destroy makes Terraform refuse every plan that would destroy one, `terraform destroy` included. Where the operator has
# typed a disk's name, koprogo-infra lays an override file beside this one that lifts it for that disk (docs/dns.md).

resource "openstack_blockstorage_volume_v3" "postgres" {
  region               = var.region
  availability_zone    = var.availability_zone
  name                 = "${var.name}-postgres"
  description          = "Database of ${var.name}, encrypted by the server (LUKS)"
  size                 = var.sizes.postgres
  volume_type          = var.volume_type
  enable_online_resize = true

  lifecycle {
    prevent_destroy = true
  }
}

resource "openstack_blockstorage_volume_v3" "documents" {
  region               = var.region
  availability_zone    = var.availability_zone
  name                 = "${var.name}-documents"
  description          = "Documents and containers of ${var.name}, encrypted by the server (LUKS)"
  size                 = var.sizes.documents
  volume_type          = var.volume_type
  enable_online_resize = true

  lifecycle {
    prevent_destroy = true
  }
}

# Which becomes /dev/sdb is a matter of luck: the server finds its disks by the ids of the volumes.
resource "openstack_compute_volume_attach_v2" "postgres" {
  region      = var.region
  instance_id = openstack_compute_instance_v2.server.id
  volume_id   = openstack_blockstorage_volume_v3.postgres.id
}

resource "openstack_compute_volume_attach_v2" "documents" {
  region      = var.region
  instance_id = openstack_compute_instance_v2.server.id
  volume_id   = openstack_blockstorage_volume_v3.documents.id
}
