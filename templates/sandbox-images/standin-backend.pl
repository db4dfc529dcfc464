#!/usr/bin/perl
# A stand-in for KoproGo's backend: answers its health path, and the path that shows whether the database works.
# Like the real one it changes the database when it starts, ends when that fails, and refuses to serve every origin.
# Nothing but perl-base. One process for each connection, so that a slow client keeps nobody else waiting.
use strict;
use warnings;
use IO::Socket::INET;
use POSIX qw(:sys_wait_h);

my $DATABASE_SECONDS = 20;
my $REQUEST_SECONDS = $DATABASE_SECONDS + 5;
# Each can have one psql below it; the container may have 256 processes.
my $MOST_CLIENTS = 100;

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
    my ($method, $path) = $request =~ m{\A(GET|HEAD) (/[^\s?]*)\S* HTTP/1\.[01]\r?\n};
    if (!defined $path) {
        respond($client, '400 Bad Request', '{"error":"bad request","standin":true}');
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

sub respond {
    my ($client, $status, $body, $method) = @_;
    my $headers = "HTTP/1.1 $status\r\nContent-Type: application/json\r\nContent-Length: " . length($body) . "\r\nConnection: close\r\n\r\n";
    syswrite $client, $headers . (($method || '') eq 'HEAD' ? '' : $body);
}

# Whether the database of DATABASE_URL does what is asked. psql takes the password from its environment: argv is seen by everybody.
sub query {
    my ($statements) = @_;
    my ($user, $password, $host, $database_port, $name) =
        ($ENV{DATABASE_URL} || '') =~ m{\Apostgres(?:ql)?://([^:@/]+):([^@/]*)@([^:/@]+)(?::(\d+))?/([^?/]+)(?:\?.*)?\z}
        or return 0;
    s/%([0-9A-Fa-f]{2})/chr hex $1/ge for $user, $password, $name;
    my $child = fork;
    return 0 unless defined $child;
    if ($child == 0) {
        %ENV = (PATH => $ENV{PATH}, PGUSER => $user, PGPASSWORD => $password, PGHOST => $host, PGPORT => $database_port || 5432, PGDATABASE => $name, PGCONNECT_TIMEOUT => 15, PGCLIENTENCODING => 'UTF8', PGOPTIONS => '-c statement_timeout=15000');
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', '/dev/null';
        # Goes on counting in psql, which it ends.
        alarm $DATABASE_SECONDS;
        exec 'psql', '--no-psqlrc', '--quiet', '--no-password', '--set=ON_ERROR_STOP=1', '--command', $statements or POSIX::_exit(1);
    }
    waitpid $child, 0;
    return $? == 0;
}
