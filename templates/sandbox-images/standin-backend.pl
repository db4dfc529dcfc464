#!/usr/bin/perl
# A stand-in for KoproGo's backend: answers its health path, the path that shows whether the database works, and logins.
# Like the real one it changes the database when it starts, ends when that fails, and refuses to serve every origin. Like the
# real one it gives its first administrator a published password at each start, and goes on when that fails.
# Nothing but perl-base. One process for each connection, so that a slow client keeps nobody else waiting.
use strict;
use warnings;
use IO::Socket::INET;
use POSIX qw(:sys_wait_h);

my $DATABASE_SECONDS = 20;
my $REQUEST_SECONDS = $DATABASE_SECONDS + 5;
# Each can have one psql below it; the container may have 256 processes.
my $MOST_CLIENTS = 100;
# Of "admin123", by bcrypt, under the name that the real one's library writes.
my $PUBLISHED = '$2b$12$standin.for.koprogo.bu7l.yZjuoH3iTNeMg./pnEIzQndjP01i';

my %children;
$SIG{TERM} = $SIG{INT} = sub {
    kill 'TERM', keys %children;
    exit 0;
};
$SIG{PIPE} = 'IGNORE';
# Only so that accept() returns when a child has ended, and its place is free again.
$SIG{CHLD} = sub { };
$| = 1;

die "CORS_ALLOWED_ORIGINS must name the site\n" if ($ENV{CORS_ALLOWED_ORIGINS} || '*') eq '*';
# Something to back up.
query("CREATE TABLE IF NOT EXISTS standin_buildings (id integer PRIMARY KEY, name text NOT NULL);
       INSERT INTO standin_buildings VALUES (1, 'Résidence stand-in A'), (2, 'Résidence stand-in B'), (3, 'Résidence stand-in C') ON CONFLICT DO NOTHING")
    or die "the database does not answer\n";
query("CREATE EXTENSION IF NOT EXISTS pgcrypto;
       CREATE TABLE IF NOT EXISTS users (id uuid PRIMARY KEY, email varchar(255) UNIQUE NOT NULL, password_hash varchar(255) NOT NULL, first_name varchar(100) NOT NULL, last_name varchar(100) NOT NULL,
         role varchar(50) NOT NULL, organization_id uuid, is_active boolean NOT NULL DEFAULT true, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now())")
    or die "the database does not take its tables\n";
query("INSERT INTO users (id, email, password_hash, first_name, last_name, role, organization_id, is_active, created_at, updated_at)
       VALUES ('00000000-0000-0000-0000-000000000001', 'admin\@koprogo.com', '$PUBLISHED', 'Stand-in', 'Admin', 'superadmin', NULL, true, now(), now())
       ON CONFLICT (email) DO UPDATE SET password_hash = EXCLUDED.password_hash, updated_at = EXCLUDED.updated_at, is_active = true")
    or print "could not set the administrator's password\n";

my $port = $ENV{SERVER_PORT} || 8080;
my $listener = IO::Socket::INET->new(LocalAddr => $ENV{SERVER_HOST} || '0.0.0.0', LocalPort => $port, Listen => 128, ReuseAddr => 1)
    or die "cannot listen on port $port: $@\n";
print "stand-in for KoproGo's backend, listening on port $port\n";

while (1) {
    my $client = $listener->accept;
    while ((my $ended = waitpid(-1, WNOHANG)) > 0) { delete $children{$ended} }
    next unless $client;
    my $child = keys %children < $MOST_CLIENTS ? fork : undef;
    if (!defined $child) {
        respond($client, '503 Service Unavailable', '{"error":"busy","standin":true}');
    } elsif ($child == 0) {
        close $listener;
        serve($client);
        POSIX::_exit(0);
    } else {
        $children{$child} = 1;
    }
    close $client;
}

# Reads one request, answers it. A client that takes too long ends with this process, by SIGALRM.
sub serve {
    my ($client) = @_;
    $SIG{$_} = 'DEFAULT' for qw(TERM INT ALRM CHLD);
    alarm $REQUEST_SECONDS;
    my $request = '';
    until ($request =~ /\r?\n\r?\n/) {
        return if length $request > 16384;
        return unless sysread $client, $request, 4096, length $request;
    }
    my ($method, $path) = $request =~ m{\A(GET|HEAD|POST(?= /api/v1/auth/login )) (/[^\s?]*)\S* HTTP/1\.[01]\r?\n};
    if (!defined $path) {
        respond($client, '400 Bad Request', '{"error":"bad request","standin":true}');
    } elsif ($method eq 'POST') {
        respond($client, login($client, $request));
    } elsif ($path eq '/api/v1/health') {
        respond($client, '200 OK', '{"status":"healthy","service":"koprogo-api","standin":true}', $method);
    } elsif ($path =~ m{\A/api/v1/public/buildings/[^/]+/syndic\z}) {
        my $status = query('SELECT 1 FROM standin_buildings LIMIT 1') ? '404 Not Found' : '500 Internal Server Error';
        my $error = $status =~ /^404/ ? 'building not found' : 'database error';
        respond($client, $status, qq({"error":"$error","standin":true}), $method);
    } else {
        respond($client, '404 Not Found', '{"error":"this is a stand-in","standin":true}', $method);
    }
    # Closing while the client still has something to send would make the kernel take the answer back.
    shutdown $client, 1;
    1 while sysread $client, my $rest, 4096;
}

# Status and body of the answer to a login. The request may have come with a part of its body.
sub login {
    my ($client, $request) = @_;
    my ($head, $body) = split /\r?\n\r?\n/, $request, 2;
    my ($length) = $head =~ /^Content-Length: *(\d{1,5})\r?$/mi;
    my $bad = ['400 Bad Request', '{"error":"bad request","standin":true}'];
    return @$bad unless defined $length && $length <= 16384;
    while (length $body < $length) { sysread $client, $body, $length - length $body, length $body or return @$bad }
    my ($email, $password) = map { json_text($body, $_) } qw(email password);
    return @$bad unless defined $email && defined $password;
    # What is no address is nobody's; so nothing gets into the statement that could end the text in it.
    my $hash = $email =~ /\A[A-Za-z0-9._+-]{1,64}\@[A-Za-z0-9.-]{1,190}\z/ ? '' : undef;
    query("SELECT password_hash FROM users WHERE email = '$email' AND is_active", \$hash) or return ('500 Internal Server Error', '{"error":"database error","standin":true}') if defined $hash;
    return ('401 Unauthorized', '{"error":"Invalid credentials","standin":true}') unless fits($password, $hash);
    return ('200 OK', '{"token":"stand-in","standin":true}');
}

sub fits {
    my ($password, $hash) = @_;
    return 0 unless ($hash || '') =~ /\A\$2[aby]\$/;
    my $made = crypt $password, $hash;
    return defined $made && $made eq $hash;
}

# The text of a field in one flat JSON object, in UTF-8. undef where there is none, or it has an escape other than of one character.
sub json_text {
    my ($json, $name) = @_;
    my ($text) = $json =~ /[{,]\s*"$name"\s*:\s*"((?:[^"\\]|\\["\\\/])*)"/ or return undef;
    $text =~ s/\\(.)/$1/g;
    return $text;
}

sub respond {
    my ($client, $status, $body, $method) = @_;
    my $headers = "HTTP/1.1 $status\r\nContent-Type: application/json\r\nContent-Length: " . length($body) . "\r\nConnection: close\r\n\r\n";
    syswrite $client, $headers . (($method || '') eq 'HEAD' ? '' : $body);
}

# Whether the database of DATABASE_URL does what is asked; what it answers goes into $$answer. psql takes the password from its environment: argv is seen by everybody.
sub query {
    my ($statements, $answer) = @_;
    my ($user, $password, $host, $database_port, $name) =
        ($ENV{DATABASE_URL} || '') =~ m{\Apostgres(?:ql)?://([^:@/]+):([^@/]*)@([^:/@]+)(?::(\d+))?/([^?/]+)(?:\?.*)?\z}
        or return 0;
    s/%([0-9A-Fa-f]{2})/chr hex $1/ge for $user, $password, $name;
    pipe my $said, my $saying or return 0;
    my $child = fork;
    return 0 unless defined $child;
    if ($child == 0) {
        %ENV = (PATH => $ENV{PATH}, PGUSER => $user, PGPASSWORD => $password, PGHOST => $host, PGPORT => $database_port || 5432, PGDATABASE => $name, PGCONNECT_TIMEOUT => 15, PGCLIENTENCODING => 'UTF8', PGOPTIONS => '-c statement_timeout=15000');
        open STDIN, '<', '/dev/null';
        open STDOUT, '>&', $saying;
        # Goes on counting in psql, which it ends.
        alarm $DATABASE_SECONDS;
        exec 'psql', '--no-psqlrc', '--quiet', '--tuples-only', '--no-align', '--no-password', '--set=ON_ERROR_STOP=1', '--command', $statements or POSIX::_exit(1);
    }
    close $saying;
    my $text = do { local $/; <$said> };
    waitpid $child, 0;
    ($$answer = defined $text ? $text : '') =~ s/\n\z// if $answer;
    return $? == 0;
}
