import { speaker, type Vocabulary } from '../words.js';

/** What this room says to people. Records are written as zone files have them. */
export const WORDS = {
  'join': { en: '; ', fr: ' ; ' },
  'domain': { en: 'not a domain: "{text}" {why}', fr: 'ce n’est pas un domaine : « {text} » {why}' },
  'address.ipv4': { en: "the server's IPv4 address is not one", fr: 'l’adresse IPv4 du serveur n’en est pas une' },
  'address.ipv6': { en: "the server's IPv6 address is not one", fr: 'l’adresse IPv6 du serveur n’en est pas une' },

  'handedOver': {
    en: 'the zone {zone} hands {name}.{zone} over to other name servers: records for it must be made there',
    fr: 'la zone {zone} délègue {name}.{zone} à d’autres serveurs de noms : c’est là qu’il faut créer ses enregistrements',
  },
  'handedOver.look': { en: 'look at them: dig NS {name}.{zone}', fr: 'consultez-les : dig NS {name}.{zone}' },
  'handedOver.remove': { en: 'or remove the NS records in the OVH control panel', fr: 'ou supprimez les enregistrements NS dans l’espace client OVHcloud' },
  'inTheWay': { en: 'records of {zone} are in the way, and replacing them was not agreed to: {records}', fr: 'des enregistrements de {zone} font obstacle, et leur remplacement n’a pas été accepté : {records}' },
  'inTheWay.agree': { en: 'type the same command again, and agree when asked', fr: 'tapez à nouveau la même commande, et acceptez quand la question est posée' },
  'inTheWay.remove': { en: 'or remove them in the OVH control panel', fr: 'ou supprimez-les dans l’espace client OVHcloud' },
  'otherZone': {
    en: 'this installation has records in the zone {found}; they must be taken back before others are made in {wanted}',
    fr: 'cette installation a des enregistrements dans la zone {found} ; ils doivent être retirés avant que d’autres soient créés dans {wanted}',
  },
  'otherZone.hint': { en: 'keep the domain in {found}, or: koprogo-infra destroy', fr: 'gardez le domaine dans {found}, ou : koprogo-infra destroy' },

  'zones.list': { en: 'list the zones of the account', fr: 'lister les zones du compte' },
  'zone.publish': { en: 'publish the zone {zone}', fr: 'publier la zone {zone}' },
  'records.list': { en: 'list the records of {zone}', fr: 'lister les enregistrements de {zone}' },
  'record.read': { en: 'read a record of {zone}', fr: 'lire un enregistrement de {zone}' },
  'record.create': { en: 'create the record {record}', fr: 'créer l’enregistrement {record}' },
  'record.make': { en: 'make the record {record}', fr: 'créer l’enregistrement {record}' },
  'record.change': { en: 'change the record {record} to {target}', fr: 'changer l’enregistrement {record} en {target}' },
  'record.remove': { en: 'remove the record {record}', fr: 'supprimer l’enregistrement {record}' },
  'record.restore': { en: 'restore the record {record}', fr: 'rétablir l’enregistrement {record}' },
  'record.leave': { en: 'leave the record {record}, which somebody else made', fr: 'laisser l’enregistrement {record}, créé par quelqu’un d’autre' },
  'record.notRestore': { en: 'not restore the record {record}: something else is there now', fr: 'ne pas rétablir l’enregistrement {record} : autre chose s’y trouve maintenant' },
  'restore.notDone': {
    en: 'the zone {zone}, read again, is not yet as it was before: {records}',
    fr: 'la zone {zone}, relue, n’est pas encore telle qu’elle était auparavant : {records}',
  },
  'record.otherwise': {
    en: 'OVH listed record {number} of {zone} as {type} of "{name}", and says otherwise when asked for it',
    fr: 'OVH a listé l’enregistrement {number} de {zone} comme {type} de « {name} », et dit autre chose quand on le lui demande',
  },
  'record.otherwise.hint': {
    en: 'look at the zone in the OVH control panel, then type the same command again',
    fr: 'regardez la zone dans l’espace client OVHcloud, puis tapez à nouveau la même commande',
  },

  'servers.none': {
    en: '{domain} has no name servers: the domain is not registered, or its registration is not finished',
    fr: '{domain} n’a pas de serveurs de noms : le domaine n’est pas enregistré, ou son enregistrement n’est pas terminé',
  },
  'servers.typing': { en: 'check the domain for a typing mistake', fr: 'vérifiez que le domaine ne contient pas de faute de frappe' },
  'servers.noAddress': { en: 'none of the name servers of {zone} has an address: {names}', fr: 'aucun des serveurs de noms de {zone} n’a d’adresse : {names}' },
  'servers.notHosts': { en: 'their names are not host names', fr: 'leurs noms ne sont pas des noms d’hôte' },
  'resolver.servers': { en: 'look up the name servers of {zone}', fr: 'trouver les serveurs de noms de {zone}' },
  'resolver.host': { en: 'look up {name}', fr: 'trouver l’adresse de {name}' },
  'resolver.silent': { en: "could not {doing}: this computer's resolver gives no answer ({code})", fr: 'impossible {doing} : le résolveur de cet ordinateur ne répond pas ({code})' },
  'resolver.unknown': { en: 'unknown', fr: 'inconnu' },
  'resolver.check': { en: 'check the network and /etc/resolv.conf', fr: 'vérifiez le réseau et /etc/resolv.conf' },
  'again': { en: 'type the same command again', fr: 'tapez à nouveau la même commande' },

  'step.lead': { en: 'lead the names of the site to the server', fr: 'faire pointer les noms du site vers le serveur' },
  'step.wait': { en: 'wait for the name servers of the zone', fr: 'attendre les serveurs de noms de la zone' },
  'step.waitFor': { en: 'wait for the name servers of {zone} ({finding})', fr: 'attendre les serveurs de noms de {zone} ({finding})' },
  'step.done': { en: '{domain}, as the name servers of {zone} say', fr: '{domain}, d’après les serveurs de noms de {zone}' },
  'step.byYou': { en: '{entry} (by you)', fr: '{entry} (à faire par vous)' },
  'step.noServer': { en: 'there is no server yet whose address DNS could give', fr: 'il n’y a pas encore de serveur dont le DNS pourrait donner l’adresse' },
  'entry.enter': { en: 'in the zone {zone}, enter: {name} {type} {value} (TTL {ttl})', fr: 'dans la zone {zone}, ajouter : {name} {type} {value} (TTL {ttl})' },
  'entry.remove': { en: 'in the zone {zone}, remove: {name} {type} {value}', fr: 'dans la zone {zone}, supprimer : {name} {type} {value}' },

  'finding.silent': { en: '{server} does not answer', fr: '{server} ne répond pas' },
  'finding.refuses': { en: '{server} refuses to answer for {host}', fr: '{server} refuse de répondre pour {host}' },
  'finding.alias': { en: '{server} still says that {host} is another name for {alias}', fr: '{server} répond encore que {host} est un autre nom de {alias}' },
  'finding.unknown': { en: '{server} does not know {host} yet', fr: '{server} ne connaît pas encore {host}' },
  'finding.unknownV6': { en: '{server} does not know {host} (IPv6) yet', fr: '{server} ne connaît pas encore {host} (IPv6)' },
  'finding.says': { en: '{server} still says {addresses} of {host}', fr: '{server} répond encore {addresses} pour {host}' },
  'finding.unwanted': { en: '{server} still says {addresses} of {host}, where nothing may be', fr: '{server} répond encore {addresses} pour {host}, où il ne doit rien y avoir' },
  'wait.silent': { en: '{name} does not answer; the other name servers of {zone} are waited for', fr: '{name} ne répond pas ; attente des autres serveurs de noms de {zone}' },
  'wait.tooLate': { en: 'the name servers of {zone} do not all give the new answers after {minutes} minutes:\n{lines}', fr: 'les serveurs de noms de {zone} ne donnent pas tous les nouvelles réponses après {minutes} min :\n{lines}' },
  'wait.more': { en: 'and {count} more', fr: 'et {count} de plus' },
  'wait.right': { en: 'if the records are right where the zone is managed: wait, and type the same command again', fr: 'si les enregistrements sont justes là où la zone est gérée : attendez, puis tapez à nouveau la même commande' },
  'wait.wrong': { en: 'if not: correct them there; a record at the same name that leads elsewhere must be removed', fr: 'sinon : corrigez-les à cet endroit ; un enregistrement du même nom qui mène ailleurs doit être supprimé' },
  'wait.none': { en: 'none of the name servers of {zone} answers this computer: {names}', fr: 'aucun des serveurs de noms de {zone} ne répond à cet ordinateur : {names}' },
  'wait.try': { en: 'try it: dig @{server} {zone}', fr: 'essayez : dig @{server} {zone}' },
  'wait.blocked': {
    en: 'if that is silent too: this network blocks DNS (port 53); type the same command again from another network',
    fr: 'si cela aussi reste sans réponse : ce réseau bloque le DNS (port 53) ; tapez à nouveau la même commande depuis un autre réseau',
  },
} as const satisfies Vocabulary;

export const say = speaker(WORDS);
