output "server" {
  value = {
    id   = openstack_compute_instance_v2.server.id
    ipv4 = openstack_compute_instance_v2.server.access_ip_v4
    # The provider puts it in brackets. Empty where there is none.
    ipv6 = openstack_compute_instance_v2.server.access_ip_v6 == null ? "" : trim(openstack_compute_instance_v2.server.access_ip_v6, "[]")
  }
}

output "volumes" {
  value = {
    postgres  = openstack_blockstorage_volume_v3.postgres.id
    documents = openstack_blockstorage_volume_v3.documents.id
  }
}
