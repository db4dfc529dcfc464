# Turns unpacked Debian packages ($1) into a layer ($3, and compressed $3.zst) with the files of the stand-ins ($2) in it.
# Small, because an emulated processor unpacks it: zstd takes it two thirds of the time of an uncompressed layer.
# Works for any user: who owns what is said to tar only.
root=$1 files=$2 layer=$3
cd -- "$root"

# PostgreSQL's compiler for queries is two thirds of the whole; without it PostgreSQL compiles none and says nothing.
rm -rf usr/lib/*/libLLVM* usr/lib/*/libz3* usr/lib/postgresql/15/lib/llvmjit* usr/lib/postgresql/15/lib/bitcode
# perl-base is enough for the stand-ins. The programs in /usr/bin that start PostgreSQL's own need the rest of Perl.
rm -rf usr/share/perl usr/share/perl5 usr/lib/*/perl usr/lib/*/libperl.so.* usr/share/postgresql-common
for program in usr/lib/postgresql/15/bin/*; do rm -f "usr/bin/${program##*/}"; done
rm -rf sbin bin/ip bin/ss bin/tar usr/bin/dpkg* usr/bin/openssl usr/bin/perl5* usr/bin/c_rehash
find usr/sbin -type f -not -name nginx -delete
rm -rf usr/share/doc usr/share/doc-base usr/share/info usr/share/man usr/share/locale usr/share/i18n usr/share/lintian usr/share/bug
rm -rf usr/lib/*/gconv usr/share/zoneinfo/right usr/share/zoneinfo/posix usr/lib/systemd lib/systemd lib/udev
rm -rf boot var/lib/apt var/lib/dpkg var/cache var/log/* etc/apt etc/cron* etc/init.d etc/systemd dev proc sys run var/run
find . -type f -perm /6000 -exec chmod u-s,g-s {} +

mkdir -p -m 0755 app/uploads app/logs dev proc sys run run/secrets etc/traefik etc/nginx letsencrypt srv/standin var/lib/postgresql/data var/log/nginx
ln -s /run var/run
rm -rf var/backups var/local var/lock var/mail var/opt var/spool
mkdir -p tmp var/tmp run/postgresql
chmod 1777 tmp var/tmp run/postgresql
chmod 0700 var/lib/postgresql/data

cat >etc/passwd <<'END'
root:x:0:0:root:/root:/bin/sh
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
postgres:x:999:999:PostgreSQL:/var/lib/postgresql:/bin/sh
koprogo:x:1000:1000:KoproGo:/app:/usr/sbin/nologin
END
cat >etc/group <<'END'
root:x:0:
tty:x:5:
nogroup:x:65534:
postgres:x:999:
koprogo:x:1000:
END
printf 'passwd: files\ngroup: files\nhosts: files dns\n' >etc/nsswitch.conf
printf '127.0.0.1 localhost\n' >etc/hosts

install -m 0755 "$files/standin-backend.pl" app/koprogo-api
install -m 0755 "$files/standin-postgres.sh" usr/bin/standin-postgres
install -m 0755 "$files/standin-traefik.pl" usr/bin/standin-traefik
install -m 0644 "$files/standin-frontend.conf" etc/nginx/standin-frontend.conf
install -m 0644 "$files/standin-frontend.html" srv/standin/index.html

archive() { tar --sort=name --format=gnu --numeric-owner --mtime=@0 --no-recursion --null --files-from=- --file="$layer" "$@"; }
owned_postgres='var/lib/postgresql|var/lib/postgresql/data|run/postgresql'
owned_koprogo='app/uploads|app/logs'
list() { find . -mindepth 1 -regextype posix-extended "$@" -print0; }
list -not -regex "\./($owned_postgres|$owned_koprogo)" | archive --create --owner=0 --group=0
list -regex "\./($owned_postgres)" | archive --append --owner=999 --group=999
list -regex "\./($owned_koprogo)" | archive --append --owner=1000 --group=1000
zstd -q -10 -T0 --no-progress "$layer" -o "$layer.zst"
