# What the stack is now; only reads. $1: the stack's folder. $2: the domain.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
stack=$1 domain=$2
echo "memory $(awk '/^MemTotal:/ { print int($2 / 1024) }' /proc/meminfo)"
echo "cpus $(nproc)"
for folder in /srv/koprogo/postgres /srv/koprogo/documents; do
  if mountpoint -q "$folder"; then echo "mounted $folder"; fi
done
for folder in /srv/koprogo/postgres/data /srv/koprogo/documents/{uploads,backend-logs,letsencrypt,secrets,stack,stack/traefik}; do
  if [ -d "$folder" ]; then stat -c 'folder %u:%g %a %n' "$folder"; fi
done
# Asking Docker would start it, by its socket.
if ! systemctl is-active --quiet docker.service || ! [ -f "$stack/docker-compose.yml" ]; then exit 0; fi
docker compose -f "$stack/docker-compose.yml" config --hash '*' 2>/dev/null | sed 's/^/hash /' || true
docker compose -f "$stack/docker-compose.yml" config --images 2>/dev/null | sort -u | while read -r image; do
  docker image inspect --format "image $image {{.Id}}" "$image" 2>/dev/null || true
done
# The way of a visitor's request: published port, router, service.
ask() { echo "route $1 $(curl -s -o /dev/null -m 15 -w '%{http_code}' -H "Host: $2" "http://127.0.0.1$3" || true)"; }
ask api "api.$domain" /api/v1/health
ask site "$domain" /health
