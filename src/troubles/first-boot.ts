import type { Entry } from './trouble.js';

/** cloud-init, which prepares a new server on its first boot. */
export const CLOUD_INIT: readonly Entry[] = [
  {
    id: 'cloud-init.schema',
    pattern: /Invalid cloud-config provided|Cloud config schema errors/i,
    cause: { en: 'cloud-init did not understand a part of the server’s start-up configuration', fr: 'cloud-init n’a pas compris une partie de la configuration de démarrage du serveur' },
    fix: { en: 'koprogo-infra ssh -- sudo cloud-init schema --system shows which part; the set-up itself checks what it needs and may go on', fr: 'koprogo-infra ssh -- sudo cloud-init schema --system montre laquelle ; l’installation vérifie elle-même ce dont elle a besoin et peut continuer' },
  },
  {
    id: 'cloud-init.yaml',
    pattern: /Failed loading yaml blob/i,
    cause: { en: 'the server’s start-up configuration was not readable, so it came up without it', fr: 'la configuration de démarrage du serveur était illisible ; il a démarré sans elle' },
    fix: { en: 'have the server made anew: koprogo-infra destroy, then koprogo-infra setup', fr: 'faites recréer le serveur : koprogo-infra destroy, puis koprogo-infra setup' },
  },
  {
    id: 'cloud-init.no-datasource',
    pattern: /No (?:working|local) datasource found|DataSourceNone\b/,
    cause: { en: 'the server got no configuration from the provider on its first boot', fr: 'le serveur n’a reçu aucune configuration du fournisseur à son premier démarrage' },
    fix: { en: 'restart the server in the OVH control panel; if it stays so: koprogo-infra destroy, then koprogo-infra setup', fr: 'redémarrez le serveur dans l’espace client OVH ; si cela persiste : koprogo-infra destroy, puis koprogo-infra setup' },
  },
  {
    id: 'cloud-init.scripts',
    pattern: /Failed to run module scripts[-_]user|\('scripts[-_]user', (?:ProcessExecutionError|RuntimeError)/i,
    cause: { en: 'a command of the server’s start-up configuration failed', fr: 'une commande de la configuration de démarrage du serveur a échoué' },
    fix: { en: 'koprogo-infra ssh -- sudo tail -n 50 /var/log/cloud-init-output.log shows which; then type the same command again', fr: 'koprogo-infra ssh -- sudo tail -n 50 /var/log/cloud-init-output.log montre laquelle ; relancez ensuite la même commande' },
  },
  {
    id: 'cloud-init.unfinished',
    pattern: /\bstatus: running\b|status: not started\b/,
    cause: { en: 'the server is still busy with its first boot', fr: 'le serveur est encore occupé à son premier démarrage' },
    fix: { en: 'wait five minutes, then type the same command again', fr: 'attendez cinq minutes, puis relancez la même commande' },
  },
  {
    id: 'cloud-init.error',
    pattern: /\bstatus: (?:error|degraded)\b/,
    cause: { en: 'cloud-init reports that something of the first boot failed', fr: 'cloud-init signale un échec au premier démarrage' },
    fix: { en: 'koprogo-infra ssh -- sudo cloud-init status --long says what; type the same command again: the set-up does what is missing', fr: 'koprogo-infra ssh -- sudo cloud-init status --long dit quoi ; relancez la même commande : l’installation fait ce qui manque' },
  },
];

/** apt and dpkg on the server. */
export const APT: readonly Entry[] = [
  {
    id: 'apt.locked',
    pattern: /Could not get lock (?:\/var\/[\w./-]{1,80})|Unable to acquire the dpkg frontend lock \([^)]{1,80}\), is another process/i,
    cause: { en: 'another program is installing packages: on a new server mostly its own automatic updates', fr: 'un autre programme installe des paquets : sur un serveur neuf, ce sont le plus souvent ses mises à jour automatiques' },
    fix: { en: 'wait ten minutes and type the same command again; never delete the lock files', fr: 'attendez dix minutes et relancez la même commande ; ne supprimez jamais les fichiers de verrou' },
  },
  {
    id: 'apt.not-root',
    pattern: /Unable to acquire the dpkg frontend lock \([^)]{1,80}\), are you root/i,
    cause: { en: 'the user on the server may not install packages', fr: 'l’utilisateur du serveur n’a pas le droit d’installer des paquets' },
    fix: { en: 'give a user that may use sudo without a password: koprogo-infra setup', fr: 'donnez un utilisateur qui peut employer sudo sans mot de passe : koprogo-infra setup' },
  },
  {
    id: 'apt.interrupted',
    pattern: /dpkg was interrupted, you must manually run/i,
    cause: { en: 'an earlier installation of packages was broken off', fr: 'une installation de paquets précédente a été interrompue' },
    fix: { en: 'koprogo-infra ssh -- sudo dpkg --configure -a, then type the same command again', fr: 'koprogo-infra ssh -- sudo dpkg --configure -a, puis relancez la même commande' },
  },
  {
    id: 'apt.unknown-package',
    pattern: /Unable to locate package (?:[\w.+:-]{1,80})|Package '?[\w.+:-]{1,80}'? has no installation candidate/i,
    cause: { en: 'a package is not in the package lists of the server: they are out of date, or the system is not Debian 12, Debian 13 or Ubuntu 24.04', fr: 'un paquet manque dans les listes du serveur : elles sont anciennes, ou le système n’est ni Debian 12, ni Debian 13, ni Ubuntu 24.04' },
    fix: { en: 'koprogo-infra ssh -- sudo apt-get update, then type the same command again', fr: 'koprogo-infra ssh -- sudo apt-get update, puis relancez la même commande' },
  },
  {
    id: 'apt.disk-full',
    pattern: /You don't have enough free space in (?<folder>\/[\w./-]{1,200})/i,
    cause: { en: 'the disk of the server is full: no room in {folder}', fr: 'le disque du serveur est plein : pas de place dans {folder}' },
    fix: { en: 'koprogo-infra ssh -- sudo apt-get clean; look with: koprogo-infra ssh -- df -h', fr: 'koprogo-infra ssh -- sudo apt-get clean ; vérifiez avec : koprogo-infra ssh -- df -h' },
  },
  {
    id: 'apt.unmet',
    pattern: /The following packages have unmet dependencies|held broken packages/i,
    cause: { en: 'packages on the server contradict each other, mostly because of an added package source', fr: 'des paquets du serveur se contredisent, le plus souvent à cause d’une source de paquets ajoutée' },
    fix: { en: 'koprogo-infra ssh -- sudo apt-get --fix-broken install; better, set up a server with a fresh Debian', fr: 'koprogo-infra ssh -- sudo apt-get --fix-broken install ; mieux, installez un serveur avec une Debian neuve' },
  },
  {
    id: 'apt.signature',
    pattern: /The following signatures (?:couldn't be verified|were invalid)|is not signed\./i,
    cause: { en: 'the server does not trust a package source: its key is missing or has expired', fr: 'le serveur ne fait pas confiance à une source de paquets : sa clé manque ou a expiré' },
    fix: { en: 'remove the added source from /etc/apt/sources.list.d, or install its new key', fr: 'retirez la source ajoutée de /etc/apt/sources.list.d, ou installez sa nouvelle clé' },
  },
  {
    id: 'apt.clock',
    pattern: /Release file for [^ ]{1,300} is (?:not valid yet|expired)/i,
    cause: { en: 'the clock of the server is wrong, or its package mirror is out of date', fr: 'l’horloge du serveur est fausse, ou son miroir de paquets est périmé' },
    fix: { en: 'koprogo-infra ssh -- sudo timedatectl set-ntp true, wait a minute, then type the same command again', fr: 'koprogo-infra ssh -- sudo timedatectl set-ntp true, attendez une minute, puis relancez la même commande' },
  },
  {
    id: 'apt.no-network',
    pattern: /Failed to fetch (?<url>https?:\/\/[^ ]{1,300})/i,
    cause: { en: 'the server cannot load {url}', fr: 'le serveur n’arrive pas à télécharger {url}' },
    fix: { en: 'wait a minute and type the same command again; if it stays so, see whether names work there: koprogo-infra ssh -- getent hosts deb.debian.org', fr: 'attendez une minute et relancez la même commande ; si cela persiste, vérifiez-y la résolution des noms : koprogo-infra ssh -- getent hosts deb.debian.org' },
  },
];
