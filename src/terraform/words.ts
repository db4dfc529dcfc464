import { speaker, type Vocabulary } from '../words.js';

/** What this room says to people. What Terraform prints beyond what it does, and what the state's server answers it, stay English. */
export const WORDS = {
  'join': { en: '; ', fr: ' ; ' },
  'issue': { en: '{path}: {code}', fr: '{path} : {code}' },
  'issue.all': { en: 'all of it', fr: 'l’ensemble' },

  'doing.create': { en: '{resource}: being made', fr: '{resource} : création' },
  'doing.change': { en: '{resource}: being changed', fr: '{resource} : modification' },
  'doing.destroy': { en: '{resource}: being destroyed', fr: '{resource} : destruction' },
  'doing.read': { en: '{resource}: being read', fr: '{resource} : lecture' },
  'doing.done': { en: '{resource}: done', fr: '{resource} : fait' },
  'doing.other': { en: '{resource}: {said}', fr: '{resource} : {said}' },

  'where': { en: 'the encrypted state of installation {installation}', fr: 'l’état chiffré de l’installation {installation}' },
  'state.damaged': { en: "Terraform's state in {where} is damaged: {why}", fr: 'l’état de Terraform dans {where} est abîmé : {why}' },
  'state.tooLarge': { en: "Terraform's state is too large for {where}: {bytes} bytes, compressed", fr: 'l’état de Terraform est trop grand pour {where} : {bytes} octets, une fois compressé' },
  'state.unusable': { en: "Terraform's state in {where} cannot be used: {why}", fr: 'l’état de Terraform dans {where} est inutilisable : {why}' },
  'state.putBack': { en: 'put back a copy from a backup of the state', fr: 'remettez une copie prise dans une sauvegarde de l’état' },
  'state.failed': { en: "Terraform's state: {why}", fr: 'état de Terraform : {why}' },
  'notAState.json': { en: 'it is not JSON in UTF-8', fr: 'ce n’est pas du JSON en UTF-8' },
  'notAState.other': { en: "it is not a state of Terraform's ({wrong})", fr: 'ce n’est pas un état de Terraform ({wrong})' },
  'store.silent': { en: '{where} does not answer within {seconds} s', fr: '{where} n’a pas répondu en {seconds} s' },
  'server.listen': { en: "the server for Terraform's state cannot listen on 127.0.0.1: {why}", fr: 'le serveur pour l’état de Terraform ne peut pas écouter sur 127.0.0.1 : {why}' },

  'legacy.backup': {
    en: '{path} is the backup of a Terraform state that is gone, and says what may still exist',
    fr: '{path} est la copie de secours d’un état de Terraform disparu, et dit ce qui existe peut-être encore',
  },
  'legacy.backup.goOn': { en: 'to go on from it: mv {path} {state}', fr: 'pour repartir de cette copie : mv {path} {state}' },
  'legacy.backup.nothing': { en: 'if nothing of it exists any more: shred -u {path}', fr: 's’il n’en existe plus rien : shred -u {path}' },
  'legacy.stranger': { en: '{path} is a Terraform state in clear, of another history than the one in {where}', fr: '{path} est un état de Terraform en clair, d’une autre histoire que celui qui est dans {where}' },
  'legacy.stranger.goOn': { en: 'to go on with the stored one, after a look at both: mv {path} {path}.other', fr: 'pour continuer avec celui qui est enregistré, après les avoir comparés : mv {path} {path}.other' },
  'legacy.otherContent': {
    en: "Terraform's state was stored in {where}, but another content was read back; {path} stays as it is",
    fr: 'l’état de Terraform a été enregistré dans {where}, mais un autre contenu y a été relu ; {path} reste tel quel',
  },
  'legacy.notAState': { en: 'the Terraform state {path} cannot be taken over: {why}', fr: 'l’état de Terraform {path} ne peut pas être repris : {why}' },
  'legacy.notAState.hint': { en: 'put it right, or: mv {path} {path}.damaged', fr: 'corrigez-le, ou : mv {path} {path}.damaged' },

  'plan.disk': {
    en: "{memory} is not in memory on this computer (no tmpfs): Terraform's plan, which holds secrets in clear, would be written to a disk",
    fr: 'sur cet ordinateur, {memory} n’est pas en mémoire (pas de tmpfs) : le plan de Terraform, qui contient des secrets en clair, serait écrit sur un disque',
  },
  'plan.folder': { en: "the folder for Terraform's plan cannot be made in memory: {why}", fr: 'le dossier pour le plan de Terraform ne peut pas être créé en mémoire : {why}' },
  'plan.unread': { en: "Terraform's plan cannot be read: {wrong}", fr: 'le plan de Terraform ne peut pas être lu : {wrong}' },
  'plan.unread.hint': { en: 'is Terraform much newer than this program? terraform version', fr: 'Terraform est-il beaucoup plus récent que ce programme ? terraform version' },
  'plan.errored': { en: "Terraform's plan is not whole: it ended with an error", fr: 'le plan de Terraform n’est pas complet : il s’est terminé par une erreur' },
  'plan.errored.hint': { en: 'type the same command again with --verbose', fr: 'tapez à nouveau la même commande avec --verbose' },

  'orphan': { en: 'Terraform (process {pid}), left over from a run that was killed, still works in {folder}', fr: 'Terraform (processus {pid}), qui reste d’une exécution arrêtée brutalement, travaille encore dans {folder}' },
  'orphan.wait': { en: 'wait until it has ended', fr: 'attendez qu’il se termine' },
  'orphan.end': { en: 'or end it: kill -INT {pid}', fr: 'ou terminez-le : kill -INT {pid}' },
  'orphan.waiting': { en: 'waiting for Terraform (process {pid}), which outlived a run that was killed', fr: 'attente de Terraform (processus {pid}), qui a survécu à une exécution arrêtée brutalement' },

  'program.old': { en: '{versions} is too old: at least {oldest} is needed', fr: 'trop ancien : {versions} ; il faut au moins la version {oldest}' },
  'program.and': { en: ' and ', fr: ' et ' },
  'program.none': { en: 'neither terraform nor tofu is installed on this computer', fr: 'ni terraform ni tofu n’est installé sur cet ordinateur' },
  'program.install': { en: 'install Terraform 1.4 or newer: https://developer.hashicorp.com/terraform/install', fr: 'installez Terraform 1.4 ou plus récent : https://developer.hashicorp.com/terraform/install' },
  'program.tofu': { en: 'or OpenTofu: https://opentofu.org/docs/intro/install', fr: 'ou OpenTofu : https://opentofu.org/docs/intro/install' },
  'program.version': { en: 'ask {command} for its version', fr: 'demander sa version à {command}' },

  'spool.unread': { en: "Terraform's newest state, kept in {place}, cannot be read: {why}", fr: 'l’état le plus récent de Terraform, gardé dans {place}, ne peut pas être lu : {why}' },
  'spool.unread.goOn': { en: 'to go on with the state before it: mv {place} {place}.unreadable', fr: 'pour continuer avec l’état précédent : mv {place} {place}.unreadable' },
  'spool.noKey': { en: 'the stored document "{document}" does not hold a key of {bytes} bytes', fr: 'le document enregistré « {document} » ne contient pas de clé de {bytes} octets' },
  'spool.otherKey': { en: 'its key is not in the stored state', fr: 'sa clé n’est pas dans l’état enregistré' },

  'unstored.before': { en: '{message}\nBefore that: {failure}', fr: '{message}\nAvant cela : {failure}' },
  'unstored.kept': { en: 'It is kept, encrypted, in {place}.', fr: 'Il est gardé, chiffré, dans {place}.' },
  'unstored.lost': { en: 'It could not be kept in {place} either ({why}) and is lost.', fr: 'Il n’a pas pu être gardé dans {place} non plus ({why}) : il est perdu.' },
  'unstored.failed': {
    en: "Terraform's newest state (serial {serial}) could not be stored in {where}: {why}\n{instead}",
    fr: 'l’état le plus récent de Terraform (serial {serial}) n’a pas pu être enregistré dans {where} : {why}\n{instead}',
  },
  'unstored.again': { en: 'type the same command again when the store answers: it stores that state first', fr: 'tapez à nouveau la même commande quand le stockage répond : elle enregistre d’abord cet état' },
  'unstored.leave': { en: 'until then nothing else knows what was built: leave that file where it is', fr: 'd’ici là, rien d’autre ne sait ce qui a été construit : laissez ce fichier où il est' },
  'refused': {
    en: "Terraform's newest state (serial {serial}) was not put in the place of the one in {where}: {why}\n{instead}",
    fr: 'l’état le plus récent de Terraform (serial {serial}) n’a pas remplacé celui qui est dans {where} : {why}\n{instead}',
  },
  'refused.older': { en: 'its serial is lower than that of the stored one: somebody else has built since', fr: 'son numéro (serial) est inférieur à celui de l’état enregistré : quelqu’un d’autre a construit depuis' },
  'refused.forked': { en: 'somebody else has stored another state meanwhile', fr: 'quelqu’un d’autre a enregistré un autre état entre-temps' },
  'refused.stranger': { en: 'it belongs to another history (lineage) than the stored one', fr: 'il appartient à une autre histoire (lineage) que l’état enregistré' },
  'refused.emptied': { en: 'it has no resources any more, the stored one has some, and nothing was to be destroyed', fr: 'il n’a plus de ressources, l’état enregistré en a, et rien ne devait être détruit' },
  'refused.destroy': { en: 'if everything is to go: koprogo-infra destroy', fr: 'si tout doit disparaître : koprogo-infra destroy' },
  'refused.goOn': { en: 'to go on with the stored state, after a look at what really exists: mv {place} {place}.refused', fr: 'pour continuer avec l’état enregistré, après avoir regardé ce qui existe vraiment : mv {place} {place}.refused' },

  'lock.left': { en: "The lock that a run left on Terraform's state is released ({who}, {created}).", fr: 'Le verrou qu’une exécution a laissé sur l’état de Terraform est levé ({who}, {created}).' },
  'locked': { en: "Terraform's state is locked: {operation} by {who}, since {since}", fr: 'l’état de Terraform est verrouillé : {operation} par {who}, depuis {since}' },
  'locked.run': { en: 'a run', fr: 'une exécution' },
  'locked.who': { en: 'nobody knows whom', fr: 'on ne sait qui' },
  'locked.since': { en: 'nobody knows when', fr: 'on ne sait quand' },
  'locked.wait': { en: 'wait until it has ended', fr: 'attendez que cette exécution se termine' },
  'locked.unlock': { en: 'or, when it was killed and nothing of it runs any more: koprogo-infra state unlock', fr: 'ou, si elle a été arrêtée brutalement et que plus rien n’en tourne : koprogo-infra state unlock' },

  'purpose.initialise': { en: "initialise Terraform's module", fr: 'initialiser le module de Terraform' },
  'purpose.plan': { en: "plan Terraform's module", fr: 'faire le plan du module de Terraform' },
  'purpose.readPlan': { en: "read the plan of Terraform's module", fr: 'lire le plan du module de Terraform' },
  'purpose.apply': { en: "apply Terraform's module", fr: 'appliquer le module de Terraform' },
  'purpose.destroy': { en: "destroy Terraform's module", fr: 'détruire ce qu’a construit le module de Terraform' },
  'purpose.outputs': { en: "read the outputs of Terraform's module", fr: 'lire les sorties du module de Terraform' },
  'purpose.list': { en: "list Terraform's module", fr: 'lister les ressources du module de Terraform' },
  'failed': { en: '{program} {subcommand} failed in {directory}:\n{said}', fr: 'échec de {program} {subcommand} dans {directory} :\n{said}' },
  'failed.again': { en: 'type the same command again: what was built stays, and it continues from there', fr: 'tapez à nouveau la même commande : ce qui a été construit reste, et elle continue à partir de là' },
  'outputs.wrong': { en: "Terraform's outputs in {directory} are not what they must be: {wrong}", fr: 'les sorties de Terraform dans {directory} ne sont pas ce qu’elles doivent être : {wrong}' },
  'outputs.all': { en: 'all of them', fr: 'l’ensemble' },
} as const satisfies Vocabulary;

export const say = speaker(WORDS);
