#!/usr/bin/perl
# A stand-in for Traefik: nginx that routes the hosts of Traefik's file provider, over HTTP only.
# Understands dynamic.yml as koprogo-infra writes it, not YAML. Like Traefik it follows changes of the file, and keeps
# the routes that it has when the new file cannot be understood. Certificates and rate limits are Traefik's alone.
use strict;
use warnings;
use POSIX qw(:sys_wait_h);

my $SOURCE = '/etc/traefik/dynamic.yml';
my $CONFIGURATION = '/tmp/traefik.conf';
my $SECONDS_BETWEEN_LOOKS = 2;
my %FROM_WWW = (regex => '^(https?://)(?i:www)[.]', replacement => '${1}', permanent => 'true');
my %HEADERS = (
    contentTypeNosniff => sub { $_[0] eq 'true' ? ('X-Content-Type-Options', 'nosniff') : () },
    frameDeny          => sub { $_[0] eq 'true' ? ('X-Frame-Options', 'DENY') : () },
    referrerPolicy     => sub { ('Referrer-Policy', $_[0]) },
    permissionsPolicy  => sub { ('Permissions-Policy', $_[0]) },
);

my $stop = 0;
$SIG{TERM} = $SIG{INT} = sub { $stop = 1 };
say_("stand-in for Traefik: HTTP only, no certificates, no rate limits");

my $current = read_source();
my $routes = $current eq '' ? undef : parse($current);
say_("no routes yet: $SOURCE is missing or cannot be understood") unless $routes;
write_configuration($routes || { hosts => {}, headers => {} });

my $nginx = fork;
die "cannot fork: $!\n" unless defined $nginx;
if ($nginx == 0) { exec 'nginx', '-e', 'stderr', '-c', $CONFIGURATION or POSIX::_exit(127) }

until ($stop) {
    # A signal ends the sleep.
    sleep $SECONDS_BETWEEN_LOOKS;
    if (waitpid($nginx, WNOHANG) == $nginx) { die "nginx ended with status $?\n" }
    my $now = read_source();
    next if $stop || $now eq $current;
    $current = $now;
    my $new = parse($now);
    if (!$new) {
        say_("$SOURCE changed and cannot be understood: the routes stay as they are");
        next;
    }
    write_configuration($new);
    kill 'HUP', $nginx;
    say_("$SOURCE changed: new routes are in use");
}
kill 'TERM', $nginx;
waitpid $nginx, 0;
exit 0;

sub say_ { syswrite STDERR, "$_[0]\n" }

sub read_source {
    open my $file, '<', $SOURCE or return '';
    local $/;
    my $text = <$file>;
    return defined $text ? $text : '';
}

# { hosts => { name => url, or '' for a redirect to what is behind www. }, headers => { name => value } }, or undef. Every name and value is checked, because it goes into nginx's configuration.
sub parse {
    my ($text) = @_;
    my (@path, %rule, %service, %url, %headers, %redirect, %through);
    for (split /\r?\n/, $text) {
        next if /^\s*(#|$)/;
        my ($indent, $key, $value) = /^( *)(?:- )?([A-Za-z0-9_-]+):(?: +(.*?))?\s*$/ or return undef;
        $value = '' unless defined $value;
        $value =~ s/^"(.*)"$/$1/;
        my $depth = length($indent) / 2;
        splice @path, $depth;
        # Compared as the whole path, so that a level more or less is not taken for another thing.
        $path[$depth] = $key;
        my $at = join '.', map { defined $_ ? $_ : '' } @path;
        if ($at =~ /^http\.routers\.([^.]+)\.rule$/) { $rule{$1} = $value }
        elsif ($at =~ /^http\.routers\.([^.]+)\.service$/) { $service{$1} = $value }
        elsif ($at =~ /^http\.routers\.([^.]+)\.middlewares$/) { $through{$1} = $value }
        elsif ($at =~ /^http\.middlewares\.([^.]+)\.redirectRegex\.([^.]+)$/) { $redirect{$1}{$2} = $value }
        elsif ($at =~ /^http\.services\.([^.]+)\.loadBalancer\.servers\.url$/) { $url{$1} = $value }
        elsif ($at =~ /^http\.middlewares\.[^.]+\.headers\.([^.]+)$/) {
            my $header = $HEADERS{$1};
            next unless $header && $value =~ /^[\w ()=,;'*.-]{1,200}$/;
            my ($name, $said) = $header->($value);
            $headers{$name} = $said if defined $name;
        }
    }
    my %hosts;
    for my $router (keys %rule) {
        my ($host) = $rule{$router} =~ /^Host\(`([a-z0-9.-]{1,253})`\)$/ or return undef;
        my $target = $url{ $service{$router} || '' } || '';
        $target =~ m{^http://[a-z0-9-]{1,63}(?::[0-9]{1,5})?$} or return undef;
        $hosts{$host} = $target;
        next unless defined $through{$router};
        # The only middleware of a router that is known here: the permanent redirect from www. to the domain.
        my ($name) = $through{$router} =~ /^\[([A-Za-z0-9_-]+)\]$/ or return undef;
        $host =~ /^www\./ && is_from_www($redirect{$name}) or return undef;
        $hosts{$host} = '';
    }
    return %hosts ? { hosts => \%hosts, headers => \%headers } : undef;
}

sub is_from_www {
    my ($said) = @_;
    return $said && join("\n", map { "$_ $said->{$_}" } sort keys %$said) eq join("\n", map { "$_ $FROM_WWW{$_}" } sort keys %FROM_WWW);
}

sub write_configuration {
    my ($wanted) = @_;
    my $headers = join '', map { qq(  add_header $_ "$wanted->{headers}{$_}" always;\n) } sort keys %{ $wanted->{headers} };
    my $servers = join '', map { server($_, $wanted->{hosts}{$_}) } sort keys %{ $wanted->{hosts} };
    open my $file, '>', "$CONFIGURATION.new" or die "cannot write $CONFIGURATION: $!\n";
    print $file <<"END";
daemon off;
worker_processes 1;
pid /tmp/traefik.pid;
error_log stderr;
events { worker_connections 512; }
http {
  access_log off;
  server_tokens off;
  client_body_temp_path /tmp/body;
  proxy_temp_path /tmp/proxy;
  fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi;
  scgi_temp_path /tmp/scgi;
  client_max_body_size 0;
  server_names_hash_bucket_size 512;
  # Docker's name server, asked for each request: a container that is not there yet is a 502 for its own host only.
  resolver 127.0.0.11 valid=2s ipv6=off;
  resolver_timeout 3s;
$headers  server {
    listen 80 default_server;
    location = /ping { default_type text/plain; return 200 "OK"; }
    location / { default_type text/plain; return 404 "404 page not found\\n"; }
  }
$servers}
END
    close $file or die "cannot write $CONFIGURATION: $!\n";
    rename "$CONFIGURATION.new", $CONFIGURATION or die "cannot rename $CONFIGURATION: $!\n";
}

sub server {
    my ($host, $url) = @_;
    return <<"END" if $url eq '';
  server {
    listen 80;
    server_name $host;
    if (\$http_host ~* ^www[.](.+)\$) { return 301 \$scheme://\$1\$request_uri; }
    return 404;
  }
END
    return <<"END";
  server {
    listen 80;
    server_name $host;
    location / {
      # In a variable, so that the name is looked up when somebody asks and not when nginx starts.
      set \$target $url;
      proxy_pass \$target;
      proxy_http_version 1.1;
      proxy_connect_timeout 5s;
      proxy_set_header Host \$host;
      proxy_set_header X-Real-Ip \$remote_addr;
      proxy_set_header X-Forwarded-For \$remote_addr;
      proxy_set_header X-Forwarded-Host \$host;
      proxy_set_header X-Forwarded-Proto \$scheme;
    }
  }
END
}
