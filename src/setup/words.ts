import { speaker, type Vocabulary } from '../words.js';

/** What set-up says besides its questions, whose words are in questions.ts. */
export const WORDS = {
  'schema.target': { en: 'must be sandbox or host', fr: 'doit être sandbox ou host' },
  'schema.unlock': { en: 'must be auto, tpm or manual', fr: 'doit être auto, tpm ou manual' },
  'schema.email': { en: 'must be an e-mail address', fr: 'doit être une adresse e-mail' },
  'schema.sshKey': { en: 'must be the path of a file', fr: 'doit être le chemin d’un fichier' },
  'schema.address': { en: 'must be an IP address or a host name', fr: 'doit être une adresse IP ou un nom d’hôte' },
  'schema.port': { en: 'must be a port number', fr: 'doit être un numéro de port' },
  'schema.portRange': { en: 'must be a port number, 1 to 65535', fr: 'doit être un numéro de port, de 1 à 65535' },
  'schema.user': { en: 'must be a user name', fr: 'doit être un nom d’utilisateur' },
  'schema.hostKey': { en: 'must be a line like "ssh-ed25519 AAAA…"', fr: 'doit être une ligne comme « ssh-ed25519 AAAA… »' },
  'schema.disk': { en: 'must be a path below /dev/disk/by-id, such as /dev/disk/by-id/virtio-0a1b2c3d', fr: 'doit être un chemin sous /dev/disk/by-id, comme /dev/disk/by-id/virtio-0a1b2c3d' },
  'schema.endpoint': { en: 'must be an http or https address', fr: 'doit être une adresse http ou https' },
  'schema.region': { en: 'must be a region name, such as eu-west-1', fr: 'doit être un nom de région, comme eu-west-1' },
  'schema.bucket': { en: 'must be an S3 bucket name: 3 to 63 lower-case letters, digits, dots, hyphens', fr: 'doit être un nom de bucket S3 : 3 à 63 minuscules, chiffres, points ou traits d’union' },
  'schema.encryption': { en: 'must be AES256, aws:kms:KEY-ID or none', fr: 'doit être AES256, aws:kms:KEY-ID ou none' },
  'schema.accessKey': { en: 'must be 3 to 128 printable characters', fr: 'doit avoir de 3 à 128 caractères imprimables' },
  'schema.secretKey': { en: 'must be 3 to 256 printable characters', fr: 'doit avoir de 3 à 256 caractères imprimables' },

  'answers.stray': { en: '{source}: does not apply to the target {target}', fr: '{source} : sans objet pour la cible {target}' },
  'answers.wrong': { en: '{source}: {text} {problem}', fr: '{source} : {text} {problem}' },
  'answers.wrongSecret': { en: '{source}: {problem}', fr: '{source} : {problem}' },
  'answers.missing': {
    en: '{key}: no answer; give {flag}, {variable} or a line in the answers file',
    fr: '{key} : pas de réponse ; donnez {flag}, {variable} ou une ligne dans le fichier de réponses',
  },
  'answers.incomplete': { en: 'the answers are not complete or not right:\n{problems}', fr: 'les réponses sont incomplètes ou inexactes :\n{problems}' },
  'answers.again': { en: 'nothing was changed; correct them and type the command again', fr: 'rien n’a été modifié ; corrigez-les et tapez à nouveau la commande' },
  'answers.unreadable': { en: 'the answers file {path} cannot be read: {cause}', fr: 'le fichier de réponses {path} est illisible : {cause}' },
  'answers.notYaml': { en: 'the answers file {path} is not valid YAML or JSON: {cause}', fr: 'le fichier de réponses {path} n’est ni du YAML ni du JSON valide : {cause}' },
  'answers.file': { en: 'answers file, {path}', fr: 'fichier de réponses, {path}' },
  'answers.topLevel': { en: 'top level', fr: 'premier niveau' },
  'answers.stored': { en: 'stored answer, {key}', fr: 'réponse enregistrée, {key}' },
  'answers.invalid': { en: 'is not valid', fr: 'n’est pas valable' },
  'answers.needed': { en: 'an answer is needed', fr: 'une réponse est nécessaire' },
  'answers.unknown': { en: '{source}: unknown; known are {keys}', fr: '{source} : inconnu ; sont connus {keys}' },
  'answers.secretInFile': {
    en: '{source}: a secret does not belong there; use {variable} or {flag}',
    fr: '{source} : un secret n’y a pas sa place ; utilisez {variable} ou {flag}',
  },
  'answers.notPlain': { en: '{source}: must be a text or a number', fr: '{source} : doit être un texte ou un nombre' },

  'ask.start': {
    en: '`<` goes back to the question before. Ctrl-C breaks off; the next time you go on where you stopped.',
    fr: '`<` revient à la question précédente. Ctrl-C interrompt ; la fois suivante, vous reprenez où vous étiez.',
  },
  'ask.resumed': { en: 'Going on where you stopped; `<` goes back. Answered so far:', fr: 'Vous reprenez où vous étiez ; `<` revient en arrière. Déjà répondu :' },
  'ask.answered': { en: '{key}: {text}', fr: '{key} : {text}' },
  'ask.back': { en: '< back', fr: '< retour' },
  'ask.again': { en: '{ask} ({problem})', fr: '{ask} ({problem})' },
  'ask.removable': { en: '{ask} (Backspace empties it)', fr: '{ask} (Retour arrière pour vider)' },
  'ask.sameSecret': { en: '{ask} (empty: as typed before)', fr: '{ask} (vide : comme tapé précédemment)' },

  'flags.unreadable': { en: 'the file {path} cannot be read: {cause}', fr: 'le fichier {path} est illisible : {cause}' },

  'consent.nobody': {
    en: 'there is nobody to ask and nothing was agreed to: no terminal (or --non-interactive) and no --yes',
    fr: 'il n’y a personne à qui demander et rien n’a été accepté : pas de terminal (ou --non-interactive) et pas de --yes',
  },
  'consent.lookFirst': { en: 'look first: koprogo-infra setup --plan', fr: 'regardez d’abord : koprogo-infra setup --plan' },
  'consent.thenAgree': { en: 'then agree: koprogo-infra setup --yes', fr: 'puis acceptez : koprogo-infra setup --yes' },
  'consent.heading': { en: 'Installation "{name}", target {target}', fr: 'Installation « {name} », cible {target}' },
  'consent.goOn': { en: 'Go on?', fr: 'Continuer ?' },
  'consent.yes': { en: 'yes', fr: 'oui' },
  'consent.no': { en: 'no', fr: 'non' },
  'consent.refused': { en: 'not agreed to; nothing was changed', fr: 'refusé ; rien n’a été modifié' },
  'consent.formatUnasked': { en: 'formatting {disk} was not agreed to', fr: 'le formatage de {disk} n’a pas été accepté' },
  'consent.format': {
    en: '{disk} will be formatted; everything on it is lost. Type its id to go on',
    fr: '{disk} sera formaté ; tout ce qu’il contient sera perdu. Tapez son identifiant pour continuer',
  },
  'consent.otherDisk': { en: '"{typed}" is not {disk}; nothing was formatted', fr: '« {typed} » n’est pas {disk} ; rien n’a été formaté' },
  'consent.otherMachine': {
    en: 'installation "{name}" has {key} {before}; it cannot become {after}',
    fr: 'l’installation « {name} » a {key} {before} ; cela ne peut devenir {after}',
  },
  'consent.none': { en: '(none)', fr: '(rien)' },
  'consent.otherName': { en: 'for another server: koprogo-infra setup --installation OTHER-NAME', fr: 'pour un autre serveur : koprogo-infra setup --installation AUTRE-NOM' },
  'consent.startOver': { en: 'to start over: koprogo-infra destroy --installation {name}', fr: 'pour tout reprendre : koprogo-infra destroy --installation {name}' },

  'template.head': {
    en: 'Answers for koprogo-infra setup. Take away the "# " in front of each line that you fill in, then: koprogo-infra setup --answers FILE. A flag or a variable is stronger than this file.',
    fr: 'Réponses pour koprogo-infra setup. Ôtez le « # » devant chaque ligne que vous remplissez, puis : koprogo-infra setup --answers FICHIER. Une option ou une variable l’emporte sur ce fichier.',
  },
  'template.from': { en: 'Also: {flag}, {variable}', fr: 'Ou bien : {flag}, {variable}' },
  'template.optional': { en: 'May be left out. Also: {flag}, {variable}', fr: 'Facultatif. Ou bien : {flag}, {variable}' },
  'template.secret': { en: 'A secret: not in this file, but by {variable} or {flag}', fr: 'Un secret : pas dans ce fichier, mais par {variable} ou {flag}' },
  'template.only': { en: 'Only for the target: {where}', fr: 'Seulement pour la cible : {where}' },
  'template.target': { en: 'there is no target {target}: it is sandbox or host', fr: 'il n’y a pas de cible {target} : c’est sandbox ou host' },

  'plan.done': { en: 'done', fr: 'fait' },
  'plan.needed': { en: 'to do', fr: 'à faire' },
  'plan.blocked': { en: 'BLOCKED', fr: 'BLOQUÉ' },
  'plan.unknown': { en: 'unknown', fr: 'inconnu' },
  'plan.because': { en: '{title}: {reason}', fr: '{title} : {reason}' },
  'plan.until': { en: '{title} (until this is done: {until})', fr: '{title} (jusqu’à ce que ceci soit fait : {until})' },
} as const satisfies Vocabulary;

export const say = speaker(WORDS);
