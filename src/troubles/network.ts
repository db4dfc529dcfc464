import type { Entry } from './trouble.js';

/** OpenSSH and node-ssh, from this computer to the server. */
export const SSH: readonly Entry[] = [
  {
    id: 'ssh.host-key-changed',
    pattern: /REMOTE HOST IDENTIFICATION HAS CHANGED|Host key for [^ ]{1,255} has changed/i,
    cause: { en: 'the server shows another host key than the one that is remembered: it was rebuilt, or somebody sits in between', fr: 'le serveur montre une autre clé d’hôte que celle qui est connue : il a été recréé, ou quelqu’un s’interpose' },
    fix: { en: 'if it was not rebuilt on purpose, do not go on; if it was: koprogo-infra destroy, then koprogo-infra setup', fr: 's’il n’a pas été recréé exprès, n’allez pas plus loin ; sinon : koprogo-infra destroy, puis koprogo-infra setup' },
  },
  {
    id: 'ssh.host-key-unknown',
    pattern: /Host key verification failed|No [\w-]{1,30} host key is known for/i,
    cause: { en: 'the host key of the server is not known on this computer', fr: 'la clé d’hôte du serveur n’est pas connue sur cet ordinateur' },
    fix: { en: 'use koprogo-infra ssh, which knows it; for a server of your own give its key: --host-key', fr: 'utilisez koprogo-infra ssh, qui la connaît ; pour un serveur à vous, donnez sa clé : --host-key' },
  },
  {
    id: 'ssh.key-file-open',
    pattern: /UNPROTECTED PRIVATE KEY FILE|Permissions \d{3,4} for '[^']{1,200}' are too open/i,
    cause: { en: 'others on this computer can read the private SSH key, so ssh does not use it', fr: 'd’autres utilisateurs de cet ordinateur peuvent lire la clé SSH privée ; ssh ne l’utilise donc pas' },
    fix: { en: 'chmod 600 and the name of the key file, then type the same command again', fr: 'chmod 600 suivi du nom du fichier de clé, puis relancez la même commande' },
  },
  {
    id: 'ssh.key-refused',
    pattern: /Permission denied \((?:publickey[\w,-]{0,80})\)|All configured authentication methods failed/i,
    cause: { en: 'the server refuses the SSH key or the user name', fr: 'le serveur refuse la clé SSH ou le nom d’utilisateur' },
    fix: { en: 'the user is debian on Debian and ubuntu on Ubuntu; the public key must be a line of ~/.ssh/authorized_keys on the server; in its first minutes a new server refuses everything: wait five', fr: 'l’utilisateur est debian sous Debian et ubuntu sous Ubuntu ; la clé publique doit être une ligne de ~/.ssh/authorized_keys sur le serveur ; un serveur neuf refuse tout pendant ses premières minutes : attendez-en cinq' },
  },
  {
    id: 'ssh.refused',
    pattern: /connect to host (?<host>[\w.:-]{1,255}) port (?<port>\d{1,5}): Connection refused/i,
    cause: { en: '{host} is there, but nothing answers on port {port}: a new server’s first boot (cloud-init) is not finished, or SSH listens on another port', fr: '{host} est là, mais rien ne répond sur le port {port} : le premier démarrage (cloud-init) d’un serveur neuf n’est pas terminé, ou SSH écoute sur un autre port' },
    fix: { en: 'wait five minutes, then type the same command again', fr: 'attendez cinq minutes, puis relancez la même commande' },
  },
  {
    id: 'ssh.refused-early',
    pattern: /no SSH connection to [^ ]{1,300}: (?:connect )?ECONNREFUSED/i,
    cause: { en: 'the server is there, but SSH does not answer yet: its first boot (cloud-init) is not finished, or SSH listens on another port', fr: 'le serveur est là, mais SSH ne répond pas encore : son premier démarrage (cloud-init) n’est pas terminé, ou SSH écoute sur un autre port' },
    fix: { en: 'wait five minutes, then type the same command again', fr: 'attendez cinq minutes, puis relancez la même commande' },
  },
  {
    id: 'ssh.timeout',
    pattern: /Connection to [^ ]{1,255} port \d{1,5} timed out|connect to host [^ ]{1,255} port \d{1,5}: (?:Connection timed out|No route to host)|Timed out while waiting for handshake/i,
    cause: { en: 'nothing answers at the address of the server: it is off, the address is wrong, or a firewall drops port 22', fr: 'rien ne répond à l’adresse du serveur : il est éteint, l’adresse est fausse, ou un pare-feu bloque le port 22' },
    fix: { en: 'look at the server in the OVH control panel (running? which address?) and whether your own network lets SSH out', fr: 'vérifiez le serveur dans l’espace client OVH (en marche ? quelle adresse ?) et si votre propre réseau laisse sortir SSH' },
  },
  {
    id: 'ssh.name',
    pattern: /ssh: Could not resolve hostname (?<name>[\w.-]{1,253})/i,
    cause: { en: 'the name {name} of the server does not exist in DNS', fr: 'le nom {name} du serveur n’existe pas dans le DNS' },
    fix: { en: 'give the server’s IP address instead, or wait until the name is known', fr: 'donnez plutôt l’adresse IP du serveur, ou attendez que le nom soit connu' },
  },
  {
    id: 'ssh.closed',
    pattern: /kex_exchange_identification: |Connection (?:closed|reset) by (?:remote host|[\da-f.:]{3,45} port \d{1,5})/i,
    cause: { en: 'the server ended the SSH connection at once: it is overloaded, still booting, or fail2ban has banned this address', fr: 'le serveur a coupé aussitôt la connexion SSH : il est surchargé, encore en démarrage, ou fail2ban a banni cette adresse' },
    fix: { en: 'wait ten minutes, then type the same command again', fr: 'attendez dix minutes, puis relancez la même commande' },
  },
];

/** Resolvers, as curl, Node, Go and libc report what they said. */
export const DNS: readonly Entry[] = [
  {
    id: 'dns.servfail',
    pattern: /\bSERVFAIL\b|server misbehaving/,
    cause: { en: 'a name server could not answer: the zone is broken (name servers, DNSSEC), or the resolver is', fr: 'un serveur de noms n’a pas pu répondre : la zone est cassée (serveurs de noms, DNSSEC), ou le résolveur' },
    fix: { en: 'look at the zone where the domain is registered, then try again in some minutes', fr: 'vérifiez la zone chez le bureau d’enregistrement, puis réessayez dans quelques minutes' },
    general: true,
  },
  {
    id: 'dns.temporary',
    pattern: /Temporary failure in name resolution|Temporary failure resolving|\bEAI_AGAIN\b/i,
    cause: { en: 'no name server answers: the network or the resolver is down', fr: 'aucun serveur de noms ne répond : le réseau ou le résolveur est en panne' },
    fix: { en: 'check the network, then type the same command again', fr: 'vérifiez le réseau, puis relancez la même commande' },
    general: true,
  },
  {
    id: 'dns.curl',
    pattern: /Could not resolve (?:host: |')(?<name>[\w.-]{1,253})/i,
    cause: { en: 'the name {name} does not exist in DNS, or is not known everywhere yet', fr: 'le nom {name} n’existe pas dans le DNS, ou n’est pas encore connu partout' },
    fix: { en: 'check the spelling; a new record takes between 1 and 60 minutes: ask the zone’s own name servers before you wait', fr: 'vérifiez l’orthographe ; un nouvel enregistrement met de 1 à 60 minutes : interrogez les serveurs de noms de la zone avant d’attendre' },
    general: true,
  },
  {
    id: 'dns.not-found',
    pattern: /\bENOTFOUND (?<name>[\w.-]{1,253})/,
    cause: { en: 'the name {name} does not exist in DNS, or is not known everywhere yet', fr: 'le nom {name} n’existe pas dans le DNS, ou n’est pas encore connu partout' },
    fix: { en: 'check the spelling; a new record takes between 1 and 60 minutes: ask the zone’s own name servers before you wait', fr: 'vérifiez l’orthographe ; un nouvel enregistrement met de 1 à 60 minutes : interrogez les serveurs de noms de la zone avant d’attendre' },
    general: true,
  },
  {
    id: 'dns.no-such-host',
    pattern: /lookup (?<name>[\w.-]{1,253})(?: on [\w.:[\]-]{1,60})?: no such host/i,
    cause: { en: 'the name {name} does not exist in DNS, or this network does not resolve names', fr: 'le nom {name} n’existe pas dans le DNS, ou ce réseau ne résout pas les noms' },
    fix: { en: 'check the spelling and the network, then type the same command again', fr: 'vérifiez l’orthographe et le réseau, puis relancez la même commande' },
    general: true,
  },
];
