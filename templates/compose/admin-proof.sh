# Logs in with the published password, as anybody could; the request's body comes by standard input.
# $1: the domain. $2: "backend", asked in its own network before anything is routed, or "router", as a visitor asks.
# Exit status 65 when it lets somebody in: then nothing is routed any more. 1 when nothing answers.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
domain=$1 at=$2 path=/api/v1/auth/login
body=$(cat)
login() { printf '%s' "$body" | curl -s -o /dev/null -m 60 -w '%{http_code}' -H 'Content-Type: application/json' --data-binary @- "$@" || true; }
code=000
for _ in $(seq 10); do
  if [ "$at" = backend ]; then
    address=$(docker inspect --format '{{(index .NetworkSettings.Networks "koprogo_edge").IPAddress}}' koprogo-backend-1)
    code=$(login "http://$address:8080$path")
  else
    code=$(login -H "Host: api.$domain" "http://127.0.0.1$path")
  fi
  # No answer, or the router has not yet found the backend.
  case $code in 000 | 502 | 503 | 504) sleep 3 ;; *) break ;; esac
done
# With TLS, port 80 only sends on. Nobody gets in, either, where there is no certificate yet: then this has no answer.
case $code in 301 | 308) code=$(login -k --resolve "api.$domain:443:127.0.0.1" "https://api.$domain$path") && [ "$code" != 000 ] || code=none ;; esac
case $code in
  2??)
    docker ps -q --filter label=com.docker.compose.project=koprogo --filter label=com.docker.compose.service=traefik | xargs -r docker stop >/dev/null
    exit 65
    ;;
  000 | 502 | 503 | 504)
    echo "no answer at $path for api.$domain ($code)" >&2
    exit 1
    ;;
esac
