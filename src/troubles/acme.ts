import type { Entry } from './trouble.js';

const PORT_80_EN = 'see that nothing between the internet and the server closes port 80 (security group, firewall), then: koprogo-infra setup';
const PORT_80_FR = 'vérifiez que rien ne ferme le port 80 entre Internet et le serveur (groupe de sécurité, pare-feu), puis : koprogo-infra setup';

/** Let's Encrypt, as Traefik passes its words on (`koprogo-infra stack logs traefik`). */
export const ACME: readonly Entry[] = [
  {
    id: 'acme.domain-certificates',
    pattern: /too many certificates (?:\(\d{1,9}\) )?already issued for "(?<name>[\w.*-]{1,253})"/i,
    cause: { en: 'Let’s Encrypt has issued as many certificates below {name} this week as it allows (50), for whatever servers', fr: 'Let’s Encrypt a délivré cette semaine autant de certificats sous {name} qu’il le permet (50), quels que soient les serveurs' },
    fix: {
      en: 'wait until the time that the message names, then: koprogo-infra setup; where {name} is shared with strangers, take a domain of your own',
      fr: 'attendez l’heure indiquée dans le message, puis : koprogo-infra setup ; si {name} est partagé avec des inconnus, prenez un domaine à vous',
    },
  },
  {
    id: 'acme.duplicate-certificates',
    pattern: /too many certificates (?:\(\d{1,9}\) )?already issued/i,
    cause: { en: 'Let’s Encrypt has issued as many certificates for these names this week as it allows', fr: 'Let’s Encrypt a délivré cette semaine autant de certificats pour ces noms qu’il le permet' },
    fix: {
      en: 'wait until the time that the message names (at most 7 days) and keep the volume traefik_letsencrypt: certificates in it are used again',
      fr: 'attendez l’heure indiquée dans le message (7 jours au plus) et conservez le volume traefik_letsencrypt : les certificats qu’il contient resservent',
    },
  },
  {
    id: 'acme.failed-authorizations',
    pattern: /too many failed authorizations/i,
    cause: { en: 'Let’s Encrypt could not verify a name five times within an hour and refuses to try on', fr: 'Let’s Encrypt n’a pas pu vérifier un nom cinq fois en une heure et refuse de nouveaux essais' },
    fix: {
      en: 'first put DNS and port 80 right (koprogo-infra stack logs traefik shows the earlier reason), wait an hour, then: koprogo-infra setup',
      fr: 'corrigez d’abord le DNS et le port 80 (koprogo-infra stack logs traefik montre la raison première), attendez une heure, puis : koprogo-infra setup',
    },
  },
  {
    id: 'acme.paused',
    pattern: /account is temporarily prevented from requesting certificates for (?<name>[\w.*-]{1,253})/i,
    cause: { en: 'Let’s Encrypt refuses further tries for {name} from this account, after very many that failed', fr: 'Let’s Encrypt refuse à ce compte tout nouvel essai pour {name}, après de très nombreux échecs' },
    fix: {
      en: 'put DNS and port 80 right first, then open the address in the message (koprogo-infra stack logs traefik shows it whole) and lift the pause there, then: koprogo-infra setup',
      fr: 'corrigez d’abord le DNS et le port 80, puis ouvrez l’adresse donnée dans le message (koprogo-infra stack logs traefik la montre entière) et levez-y la pause, puis : koprogo-infra setup',
    },
  },
  {
    id: 'acme.rate-limited',
    pattern: /urn:ietf:params:acme:error:rateLimited/i,
    cause: { en: 'Let’s Encrypt has had too many requests from this server or account', fr: 'Let’s Encrypt a reçu trop de demandes de ce serveur ou de ce compte' },
    fix: { en: 'wait an hour, or until the time that the message names, then: koprogo-infra setup', fr: 'attendez une heure, ou jusqu’à l’heure indiquée dans le message, puis : koprogo-infra setup' },
  },
  {
    id: 'acme.caa-lookup',
    pattern: /DNS problem: (?:\w{1,20} ){0,3}looking up CAA for (?<name>[\w.*-]{1,253})/i,
    cause: { en: 'the name servers of {name} do not answer properly when they are asked for CAA records', fr: 'les serveurs de noms de {name} répondent mal aux questions sur les enregistrements CAA' },
    fix: { en: 'wait until the zone is everywhere (up to an hour); if it stays so, ask whoever runs the name servers, or add a CAA record: 0 issue "letsencrypt.org"', fr: 'attendez que la zone soit propagée (jusqu’à une heure) ; si cela persiste, adressez-vous au gestionnaire des serveurs de noms, ou ajoutez un enregistrement CAA : 0 issue "letsencrypt.org"' },
  },
  {
    id: 'acme.caa',
    pattern: /CAA record for (?<name>[\w.*-]{1,253}) prevents issuance/i,
    cause: { en: 'a CAA record of {name} forbids Let’s Encrypt to issue certificates', fr: 'un enregistrement CAA de {name} interdit à Let’s Encrypt de délivrer des certificats' },
    fix: { en: 'in the DNS zone, remove that CAA record or add: 0 issue "letsencrypt.org"; then: koprogo-infra setup', fr: 'dans la zone DNS, supprimez cet enregistrement CAA ou ajoutez : 0 issue "letsencrypt.org" ; puis : koprogo-infra setup' },
  },
  {
    id: 'acme.name-missing',
    pattern: /DNS problem: NXDOMAIN looking up \w{1,10} for (?<name>[\w.*-]{1,253})/i,
    cause: { en: 'the name {name} does not exist in DNS yet', fr: 'le nom {name} n’existe pas encore dans le DNS' },
    fix: { en: 'create its A record with the address of the server (koprogo-infra status shows it); a new record takes up to an hour; then: koprogo-infra setup', fr: 'créez son enregistrement A avec l’adresse du serveur (koprogo-infra status la montre) ; un nouvel enregistrement met jusqu’à une heure ; puis : koprogo-infra setup' },
  },
  {
    id: 'acme.no-address',
    pattern: /No valid IP addresses found for (?<name>[\w.*-]{1,253})/i,
    cause: { en: 'the name {name} exists in DNS, but has no address', fr: 'le nom {name} existe dans le DNS, mais n’a pas d’adresse' },
    fix: { en: 'create its A record with the address of the server (koprogo-infra status shows it)', fr: 'créez son enregistrement A avec l’adresse du serveur (koprogo-infra status la montre)' },
  },
  {
    id: 'acme.name-servers',
    pattern: /DNS problem: (?:SERVFAIL|query timed out|REFUSED|networking error) looking up/i,
    cause: { en: 'the name servers of the domain do not answer Let’s Encrypt', fr: 'les serveurs de noms du domaine ne répondent pas à Let’s Encrypt' },
    fix: { en: 'look at the zone where the domain is registered: name servers, and DNSSEC (a DS record without a signed zone breaks it)', fr: 'vérifiez la zone chez le bureau d’enregistrement : serveurs de noms et DNSSEC (un enregistrement DS sans zone signée bloque tout)' },
  },
  {
    id: 'acme.port-80-timeout',
    pattern: /Timeout during connect \(likely firewall problem\)/i,
    cause: { en: 'Let’s Encrypt cannot reach port 80 of the server: a firewall is in between, or the name points to another address', fr: 'Let’s Encrypt n’atteint pas le port 80 du serveur : un pare-feu s’interpose, ou le nom désigne une autre adresse' },
    fix: { en: `compare the A and AAAA records with koprogo-infra status; ${PORT_80_EN}`, fr: `comparez les enregistrements A et AAAA avec koprogo-infra status ; ${PORT_80_FR}` },
  },
  {
    id: 'acme.port-80-refused',
    pattern: /urn:ietf:params:acme:error:connection :: .{0,300}?Connection refused/i,
    cause: { en: 'nothing answers on port 80 at the address that the name has', fr: 'rien ne répond sur le port 80 à l’adresse que porte le nom' },
    fix: { en: `compare the A and AAAA records with koprogo-infra status; ${PORT_80_EN}`, fr: `comparez les enregistrements A et AAAA avec koprogo-infra status ; ${PORT_80_FR}` },
  },
  {
    id: 'acme.wrong-server',
    pattern: /Invalid response from (?<url>https?:\/\/[^ ]{1,300}\/\.well-known\/acme-challenge\/[^ :]{0,200}):? /i,
    cause: { en: 'another web server answers for this name: Let’s Encrypt did not find the proof at {url}', fr: 'un autre serveur web répond pour ce nom : Let’s Encrypt n’a pas trouvé la preuve à {url}' },
    fix: { en: 'correct the A record, and remove an AAAA record that is not of this server: koprogo-infra status shows its address', fr: 'corrigez l’enregistrement A, et supprimez tout enregistrement AAAA qui n’est pas celui de ce serveur : koprogo-infra status montre son adresse' },
  },
  {
    id: 'acme.contact',
    pattern: /urn:ietf:params:acme:error:(?:invalidContact|unsupportedContact)/i,
    cause: { en: 'Let’s Encrypt does not take the e-mail address', fr: 'Let’s Encrypt refuse l’adresse e-mail' },
    fix: { en: 'give an address of a real domain: koprogo-infra setup', fr: 'donnez une adresse d’un domaine réel : koprogo-infra setup' },
  },
  {
    id: 'acme.unreachable',
    pattern: /cannot get ACME client get directory at/i,
    cause: { en: 'Traefik cannot reach Let’s Encrypt from the server', fr: 'Traefik n’arrive pas à joindre Let’s Encrypt depuis le serveur' },
    fix: { en: 'on the server, see whether names and HTTPS work: koprogo-infra ssh -- curl -sS https://acme-v02.api.letsencrypt.org/directory', fr: 'sur le serveur, vérifiez la résolution des noms et HTTPS : koprogo-infra ssh -- curl -sS https://acme-v02.api.letsencrypt.org/directory' },
  },
];
