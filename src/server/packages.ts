/**
 * The Debian 13 packages that a server needs, all from Debian itself: one source of security updates.
 * The libtss2 libraries are opened by systemd at run time (dlopen), so no package depends on them and
 * TPM unlock silently fails where they are missing; the names with t64 are those of Debian 13.
 */
export const SERVER_PACKAGES: readonly string[] = [
  // Encrypted volumes and how they unlock.
  'cryptsetup',
  'systemd-cryptsetup',
  'tpm2-tools',
  'libtss2-esys-3.0.2-0t64',
  'libtss2-mu-4.0.1-0t64',
  'libtss2-rc0t64',
  'libtss2-tcti-device0t64',
  'e2fsprogs',
  'util-linux',
  // The containers. apparmor gives Docker its default profile; iptables is how Docker writes its own rules.
  'docker.io',
  'docker-cli',
  'docker-compose',
  'iptables',
  'apparmor',
  // Runs the backup agent.
  'nodejs',
  // The firewall, and what watches over sshd. python3-systemd lets fail2ban read the journal.
  'nftables',
  'fail2ban',
  'python3-systemd',
  // Security updates and a right clock.
  'unattended-upgrades',
  'systemd-timesyncd',
  'ca-certificates',
  'curl',
];
