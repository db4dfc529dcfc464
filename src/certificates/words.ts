import { speaker, type Vocabulary } from '../words.js';

/** What this room says to people. What Traefik and Let's Encrypt write stays as it is. */
export const WORDS = {
  'again': { en: 'then type the same command again', fr: 'puis tapez à nouveau la même commande' },

  'seen.noAnswer': { en: 'no answer within {timeoutSeconds} s', fr: 'pas de réponse en {timeoutSeconds} s' },
  'seen.refused': { en: 'no certificate is shown ({why})', fr: 'aucun certificat n’est présenté ({why})' },
  'seen.closed': { en: 'the connection is closed before a certificate is shown', fr: 'la connexion est fermée avant qu’un certificat soit présenté' },
  'seen.strange': { en: 'the certificate cannot be understood', fr: 'le certificat est incompréhensible' },
  'seen.expired': { en: 'the certificate by {issuer} ended on {until}', fr: 'le certificat de {issuer} a expiré le {until}' },
  'seen.otherName': { en: 'the certificate by {issuer} is for another name', fr: 'le certificat de {issuer} est pour un autre nom' },
  'seen.untrusted': { en: 'the certificate by {issuer} is not trusted here ({why})', fr: 'le certificat de {issuer} n’est pas reconnu ici ({why})' },
  'seen.nobody': { en: 'nobody', fr: 'personne' },
  'seen.staging': { en: 'the certificate is one of the rehearsal, which nobody trusts', fr: 'le certificat est celui de la répétition, que personne ne reconnaît' },
  'seen.ends': { en: 'the certificate by {issuer} ends on {until} and was not renewed', fr: 'le certificat de {issuer} expire le {until} et n’a pas été renouvelé' },

  'addresses.look': { en: "look at the server's addresses", fr: 'examiner les adresses du serveur' },
  'addresses.unknown': { en: 'the address of {host} is not known here: {why}', fr: 'l’adresse de {host} n’est pas connue ici : {why}' },

  'names.title': { en: 'Names of the site', fr: 'Noms du site' },
  'dns.unknown': {
    en: 'None of the name servers of {zone} answers this computer: whether the names lead to the server is left to the rehearsal',
    fr: 'Aucun des serveurs de noms de {zone} ne répond à cet ordinateur : la répétition dira si les noms mènent au serveur',
  },
  'dns.waiting': { en: 'waiting for DNS before a certificate is asked for: {finding}', fr: 'attente du DNS avant la demande d’un certificat : {finding}' },
  'dns.wrong': {
    en: "Let's Encrypt was not asked, because the names do not lead to the server; the name servers of {zone}:\n{lines}",
    fr: 'aucune demande n’a été faite à Let’s Encrypt, car les noms ne mènent pas au serveur ; les serveurs de noms de {zone} :\n{lines}',
  },
  'dns.own': { en: 'the addresses of the server are {addresses}: records of these names that lead elsewhere must go', fr: 'les adresses du serveur sont {addresses} : les enregistrements de ces noms qui mènent ailleurs doivent disparaître' },
  'dns.ipv6': { en: "an AAAA record that leads elsewhere is enough to fail: Let's Encrypt prefers IPv6", fr: 'un seul enregistrement AAAA qui mène ailleurs suffit à échouer : Let’s Encrypt préfère IPv6' },

  'port80.silent': {
    en: "Let's Encrypt was not asked, because port 80 does not answer for {name}, tried from this computer at {host}, port {port}: {why}",
    fr: 'aucune demande n’a été faite à Let’s Encrypt, car le port 80 ne répond pas pour {name}, essayé depuis cet ordinateur ({host}, port {port}) : {why}',
  },
  'port80.open': {
    en: 'port 80 must be open to the whole internet: look at the firewall of the provider (security group) and at lists of permitted addresses',
    fr: 'le port 80 doit être ouvert à tout Internet : regardez le pare-feu de l’hébergeur (groupe de sécurité) et les listes d’adresses autorisées',
  },

  'step.title': { en: 'Certificates', fr: 'Certificats' },
  'step.find': { en: 'see which certificates the server holds', fr: 'voir quels certificats le serveur détient' },
  'step.get': { en: 'get a certificate for {name}: {problem}', fr: 'obtenir un certificat pour {name} : {problem}' },
  'step.done': { en: '{names}: by {issuer}, until {until}', fr: '{names} : de {issuer}, jusqu’au {until}' },
  'step.restart': { en: 'starting Traefik again for one more try', fr: 'nouveau démarrage de Traefik pour un nouvel essai' },
  'step.rehearsing': { en: "rehearsing with Let's Encrypt's staging authority: {problem}", fr: 'répétition auprès de l’autorité d’essai de Let’s Encrypt : {problem}' },
  'step.obtaining': { en: "waiting for the certificates of Let's Encrypt: {problem}", fr: 'attente des certificats de Let’s Encrypt : {problem}' },
  'step.rehearsed': { en: "The rehearsal with Let's Encrypt's staging authority went well; now the real certificates.", fr: 'La répétition auprès de l’autorité d’essai de Let’s Encrypt a réussi ; place aux vrais certificats.' },
  'step.noTraefik': { en: 'Traefik does not run on the server', fr: 'Traefik ne fonctionne pas sur le serveur' },

  'failed.rehearsal': {
    en: "the rehearsal with Let's Encrypt's staging authority failed; the real one was not asked, and its limits are untouched:",
    fr: 'la répétition auprès de l’autorité d’essai de Let’s Encrypt a échoué ; la vraie n’a pas été sollicitée, ses limites sont intactes :',
  },
  'failed.real': { en: "Let's Encrypt has not given a certificate for every name:", fr: 'Let’s Encrypt n’a pas délivré de certificat pour chaque nom :' },
  'failed.silent': { en: "Traefik's log says nothing about it", fr: 'le journal de Traefik n’en dit rien' },
  'failed.retryAfter': { en: "Let's Encrypt takes no further request before {time}", fr: 'Let’s Encrypt n’accepte aucune autre demande avant {time}' },
  'failed.wait': { en: 'wait until then: further tries are refused, too', fr: 'attendez jusque-là : tout autre essai sera refusé aussi' },
} as const satisfies Vocabulary;

export const say = speaker(WORDS);
