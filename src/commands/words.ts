import { speaker, type Vocabulary } from '../words.js';

/** What the commands on installations, servers and backups say. Those on the state and its keys have store-words.ts; option-words.ts is apart because it is loaded with the command line. */
export const WORDS = {
  'open.moved': { en: 'The state of "{name}" was moved to {where}; its old files were wiped.', fr: 'L’état de « {name} » a été déplacé ({where}) ; ses anciens fichiers ont été effacés.' },
  'open.passphrase': { en: 'Passphrase of the keys on this computer', fr: 'Phrase de passe des clés sur cet ordinateur' },
  'open.noSuchInstallation': { en: 'there is no installation named "{name}" on this computer', fr: 'il n’y a pas d’installation nommée « {name} » sur cet ordinateur' },
  'open.noInstallation': { en: 'there is no installation on this computer yet', fr: 'il n’y a pas encore d’installation sur cet ordinateur' },
  'open.several': { en: 'there are several installations: {names}', fr: 'il y a plusieurs installations : {names}' },
  'open.onlyQuestions': { en: 'set-up of "{name}" has not got past the questions yet', fr: 'la mise en place de « {name} » n’a pas encore dépassé les questions' },

  'backup.done': { en: 'Backup {id}: {size} stored, encrypted and checked.', fr: 'Sauvegarde {id} : {size} stockés, chiffrés et vérifiés.' },
  'backup.none': { en: 'No backups yet.', fr: 'Pas encore de sauvegarde.' },
  'backup.columns': { en: 'ID|SIZE|TABLES|ROWS|STATE', fr: 'ID|TAILLE|TABLES|LIGNES|ÉTAT' },
  'backup.incomplete': { en: 'not a backup: {reason}', fr: 'pas une sauvegarde : {reason}' },
  'backup.complete': { en: 'complete', fr: 'complète' },
  'backup.notAgreed': { en: 'replacing the live database was not agreed to', fr: 'le remplacement de la base de données en service n’a pas été accepté' },
  'backup.agree': {
    en: 'The site stops for a moment, and what was entered since backup {id} will no longer be live (the old database is kept). Go on?',
    fr: 'Le site s’arrête un moment, et ce qui a été saisi depuis la sauvegarde {id} ne sera plus en service (l’ancienne base de données est conservée). Continuer ?',
  },
  'backup.nothingChanged': { en: 'not agreed to; nothing was changed', fr: 'pas d’accord donné ; rien n’a été modifié' },
  'backup.scratchDropped': { en: 'The scratch database was dropped again.', fr: 'La base de données d’essai a été supprimée.' },
  'backup.scratchKept': { en: 'It is the database {database}.', fr: 'C’est la base de données {database}.' },
  'backup.previousKept': { en: '\nThe old one is kept as {previous}. When you are sure: koprogo-infra backup discard {previous}', fr: '\nL’ancienne est conservée sous le nom {previous}. Quand vous êtes sûr de vous : koprogo-infra backup discard {previous}' },
  'backup.restoreColumns': { en: 'TABLE|IN THE BACKUP|RESTORED', fr: 'TABLE|DANS LA SAUVEGARDE|RESTAURÉES' },
  'backup.equal': { en: 'equal', fr: 'identique' },
  'backup.restored': { en: 'Backup {id} was restored, every table equal. {where}', fr: 'La sauvegarde {id} a été restaurée, chaque table est identique. {where}' },
  'backup.whole': { en: 'Backup {id} is whole: every object decrypts, and its checksums are those of the manifest.', fr: 'La sauvegarde {id} est intacte : chaque objet se déchiffre, et ses sommes de contrôle sont celles du manifeste.' },
  'backup.dropNotAgreed': { en: 'dropping {name} was not agreed to', fr: 'la suppression de {name} n’a pas été acceptée' },
  'backup.drop': { en: 'Drop the database {name}? There is no way back.', fr: 'Supprimer la base de données {name} ? C’est irréversible.' },
  'backup.dropped': { en: 'Dropped {name}.', fr: '{name} : supprimée.' },
  'backup.passphrase': { en: 'Passphrase of the recovery key', fr: 'Phrase de passe de la clé de récupération' },
  'backup.notReadable': { en: '{path} cannot be read: {why}', fr: '{path} ne peut pas être lu : {why}' },

  'destroy.state': {
    en: 'the encrypted state on this computer: recovery passphrases, recovery key, SSH key. Without a copy, no backup of this installation can ever be opened again',
    fr: 'l’état chiffré sur cet ordinateur : phrases de passe de récupération, clé de récupération, clé SSH. Sans copie, aucune sauvegarde de cette installation ne pourra plus jamais être ouverte',
  },
  'destroy.heading': { en: 'To be removed with installation "{name}":', fr: 'Sera supprimé avec l’installation « {name} » :' },
  'destroy.stateStays': { en: 'the encrypted state on this computer, because nothing else opens them', fr: 'l’état chiffré sur cet ordinateur, car rien d’autre ne les ouvre' },
  'destroy.keptHeading': { en: 'What stays, with its data:', fr: 'Ce qui reste, avec ses données :' },
  'destroy.removedBut': { en: 'Removed, but for {names}. To destroy these with their data, too: {command}', fr: 'Supprimé, sauf {names}. Pour les détruire aussi, avec leurs données : {command}' },
  'destroy.removed': { en: 'Removed.', fr: 'Supprimé.' },
  'destroy.otherName': { en: '--confirm {given} does not name the installation "{name}"', fr: '--confirm {given} ne désigne pas l’installation « {name} »' },
  'destroy.needsName': { en: 'destroying needs the name of the installation', fr: 'la destruction demande le nom de l’installation' },
  'destroy.type': { en: 'There is no way back. Type "{name}" to go on', fr: 'C’est irréversible. Tapez « {name} » pour continuer' },
  'destroy.notTheName': { en: '"{typed}" is not "{name}"; nothing was removed', fr: '« {typed} » n’est pas « {name} » ; rien n’a été supprimé' },

  'doctor.asking': { en: 'asking {host}', fr: 'interrogation de {host}' },
  'doctor.noRegion': { en: 'the OpenRC file names no region', fr: 'le fichier OpenRC n’indique pas de région' },
  'doctor.oneOf': { en: 'one of: {regions}', fr: 'au choix : {regions}' },
  'doctor.notSet': { en: 'the OpenRC file does not set {names}', fr: 'le fichier OpenRC ne définit pas {names}' },
  'doctor.download': { en: 'download it again from the OVHcloud manager: Public Cloud, Users & Roles', fr: 'téléchargez-le à nouveau depuis l’espace client OVHcloud : Public Cloud, Users & Roles' },
  'doctor.notEnough': { en: 'the OpenRC file does not say enough for a login', fr: 'le fichier OpenRC n’en dit pas assez pour une connexion' },
  'doctor.password': { en: 'Password of {username}', fr: 'Mot de passe de {username}' },
  'doctor.noPassword': {
    en: 'the OpenRC file does not hold the password of {username}, and there is no terminal to ask at',
    fr: 'le fichier OpenRC ne contient pas le mot de passe de {username}, et il n’y a pas de terminal pour le demander',
  },
  'doctor.setPassword': { en: 'set OS_PASSWORD for this command', fr: 'définissez OS_PASSWORD pour cette commande' },
  'doctor.onlyWithOpenRc': { en: '--{options}: of use only with --openrc', fr: '--{options} : utile seulement avec --openrc' },
  'doctor.ok': { en: 'ok', fr: 'ok' },
  'doctor.note': { en: 'note', fr: 'note' },
  'doctor.missing': { en: 'MISSING', fr: 'MANQUE' },
  'doctor.line': { en: '{what}: {found}', fr: '{what} : {found}' },
  'doctor.installNode': { en: 'install Node.js {version} or newer', fr: 'installez Node.js {version} ou plus récent' },
  'doctor.terraform': { en: 'Terraform or OpenTofu', fr: 'Terraform ou OpenTofu' },
  'doctor.notInstalled': { en: 'not installed', fr: 'pas installé' },
  'doctor.diskSpace': { en: 'free disk space', fr: 'espace disque libre' },
  'doctor.sandboxWants': { en: 'the sandbox wants {size}', fr: 'le bac à sable demande {size}' },
  'doctor.clock': { en: 'clock', fr: 'horloge' },
  'doctor.notKept': { en: '{time}, not known to be kept right by a service', fr: '{time}, aucun service ne semble la tenir à l’heure' },
  'doctor.notUsable': { en: 'not usable', fr: 'pas utilisable' },
  'doctor.withoutKvm': { en: 'the sandbox works without it, several times slower', fr: 'le bac à sable fonctionne sans, plusieurs fois plus lentement' },
  'doctor.yes': { en: 'yes', fr: 'oui' },
  'doctor.no': { en: 'no', fr: 'non' },
  'doctor.asRoot': {
    en: 'the sandbox installs Debian packages and builds images: run it as root, or install what it names',
    fr: 'le bac à sable installe des paquets Debian et construit des images : lancez-le en tant que root, ou installez ce qu’il indique',
  },

  'directory.exists': { en: 'it exists already', fr: 'il existe déjà' },
  'directory.notMade': { en: 'the directory {directory} cannot be made: {why}', fr: 'le dossier {directory} ne peut pas être créé : {why}' },
  'directory.nameNew': { en: 'name one that does not exist yet: --to DIRECTORY', fr: 'indiquez-en un qui n’existe pas encore : --to DIRECTORY' },
  'directory.notWritten': { en: 'the files cannot be written to {directory}: {why}', fr: 'les fichiers ne peuvent pas être écrits dans {directory} : {why}' },

  'kit.written': { en: 'Written to {directory}, in clear:\n{files}\nTake it off this computer, to a safe place.', fr: 'Écrit en clair dans {directory} :\n{files}\nRetirez-le de cet ordinateur et mettez-le en lieu sûr.' },
  'kit.accessKey': { en: 'access key {key}', fr: 'clé d’accès {key}' },
  'kit.secretKey': { en: 'secret key {key}', fr: 'clé secrète {key}' },
  'kit.guide': {
    en: `Recovery kit of the KoproGo installation "{installation}". Everything here is in clear: keep it where a
house key would be kept, away from the server and from the operator's computer.

recovery-key.asc, recovery-key-passphrase.txt   open every backup
bucket.txt                                      where the backups are: endpoint, bucket, folder, keys
luks-passphrases.txt                            open the server's encrypted disks (name, UUID, passphrase)
stack-keys.txt                                  without these, second factors and energy data in the database are lost
admin-password.txt                              the app's first administrator, unless another password was chosen in the app

Without koprogo-infra, with gpg, gunzip and psql alone:
  gpg --import recovery-key.asc
  gpg --decrypt database.sql.gz.gpg | gunzip | psql -X -v ON_ERROR_STOP=1 -d NEW_DATABASE
A disk, on any Linux computer:
  cryptsetup open /dev/disk/by-uuid/UUID NAME
`,
    fr: `Trousse de secours de l’installation KoproGo « {installation} ». Tout y est en clair : gardez-la comme vous
garderiez la clé de votre maison, loin du serveur et de l’ordinateur de l’opérateur.

recovery-key.asc, recovery-key-passphrase.txt   ouvrent toutes les sauvegardes
bucket.txt                                      où sont les sauvegardes : point d’accès, bucket, dossier, clés
luks-passphrases.txt                            ouvrent les disques chiffrés du serveur (nom, UUID, phrase de passe)
stack-keys.txt                                  sans elles, les seconds facteurs et les données d’énergie de la base sont perdus
admin-password.txt                              le premier administrateur de l’application, sauf si un autre mot de passe y a été choisi

Sans koprogo-infra, avec gpg, gunzip et psql seuls :
  gpg --import recovery-key.asc
  gpg --decrypt database.sql.gz.gpg | gunzip | psql -X -v ON_ERROR_STOP=1 -d NEW_DATABASE
Un disque, sur n’importe quel ordinateur Linux :
  cryptsetup open /dev/disk/by-uuid/UUID NAME
`,
  },

  'stack.notANumber': { en: '--tail: {text} is not a number of lines', fr: '--tail : {text} n’est pas un nombre de lignes' },
  'stack.restarting': { en: 'restarting, until everything is healthy', fr: 'redémarrage, jusqu’à ce que tout soit en bonne santé' },
  'stack.restarted': { en: 'Restarted, healthy.', fr: 'Redémarré, en bonne santé.' },
  'stack.noPassword': { en: 'there is no first password of the administrator yet', fr: 'il n’y a pas encore de premier mot de passe de l’administrateur' },
  'stack.setting': { en: 'setting a new password', fr: 'définition d’un nouveau mot de passe' },
  'stack.notCompared': { en: 'whether it still is the present one could not be seen: {why}', fr: 'impossible de voir si c’est encore le mot de passe actuel : {why}' },
  'stack.present': { en: 'the present password of {email}', fr: 'le mot de passe actuel de {email}' },
  'stack.newPassword': { en: 'the new password of {email}', fr: 'le nouveau mot de passe de {email}' },
  'stack.changed': {
    en: 'the first password of {email}; it was changed since: this one does not work any more (a new one: koprogo-infra stack admin-password --reset)',
    fr: 'le premier mot de passe de {email} ; il a été changé depuis : celui-ci ne fonctionne plus (un nouveau : koprogo-infra stack admin-password --reset)',
  },
  'stack.unseen': { en: 'the first password of {email}; whether it is set is not known (koprogo-infra setup sees to it)', fr: 'le premier mot de passe de {email} ; on ne sait pas s’il est en place (koprogo-infra setup s’en charge)' },

  'status.server': { en: 'Server', fr: 'Serveur' },
  'status.address': { en: '{address}, port {port}', fr: '{address}, port {port}' },
  'status.site': { en: 'Site', fr: 'Site' },
  'status.siteLine': { en: '{http} for {domain} and api.{domain}: {answers}', fr: '{http} pour {domain} et api.{domain} : {answers}' },
  'status.answers': { en: '{what} answers', fr: '{what} répond' },
  'status.fails': { en: 'fails', fr: 'ne répond pas' },
  'status.redirect': { en: 'http to https', fr: 'http vers https' },
  'status.database': { en: 'database', fr: 'base de données' },
  'status.service': { en: 'Service', fr: 'Service' },
  'status.runs': { en: '{service}: runs ({how})', fr: '{service} : tourne ({how})' },
  'status.doesNotRun': { en: '{service}: DOES NOT RUN ({how})', fr: '{service} : NE TOURNE PAS ({how})' },
  'status.standIn': { en: 'the images are {label}: not KoproGo itself', fr: 'images utilisées : {label} ; ce n’est pas KoproGo lui-même' },
  'status.volume': { en: 'Volume', fr: 'Volume' },
  'status.healthy': { en: 'healthy', fr: 'sain' },
  'status.degraded': { en: 'degraded', fr: 'dégradé' },
  'status.locked': { en: 'locked', fr: 'verrouillé' },
  'status.absent': { en: 'absent', fr: 'absent' },
  'status.opensByTpm': { en: '{name}: {verdict}, opens by the TPM, {mounted}', fr: '{name} : {verdict}, s’ouvre par le TPM, {mounted}' },
  'status.opensByHand': { en: '{name}: {verdict}, opens by hand: koprogo-infra luks unlock, {mounted}', fr: '{name} : {verdict}, s’ouvre à la main : koprogo-infra luks unlock, {mounted}' },
  'status.notMounted': { en: 'not mounted', fr: 'pas monté' },
  'status.backup': { en: 'Backup', fr: 'Sauvegarde' },
  'status.backupLine': { en: '{id}: {size}, {tables} tables, compressed {ratio} : 1', fr: '{id} : {size}, tables : {tables}, compression {ratio} : 1' },
  'status.noBackup': { en: 'none yet', fr: 'aucune encore' },
  'status.restore': { en: 'Restore', fr: 'Restauration' },
  'status.restoreLine': { en: 'of {id} passed: {tables} tables, {rows} rows, all equal', fr: 'de {id} réussie : tables : {tables}, lignes : {rows}, toutes identiques' },
  'status.noRestore': { en: 'not tried yet', fr: 'pas encore essayée' },
  'status.login': { en: 'Login', fr: 'Connexion' },
  'status.loginLine': { en: '{email}; its first password: koprogo-infra stack admin-password', fr: '{email} ; son premier mot de passe : koprogo-infra stack admin-password' },
  'status.next': {
    en: 'Next: koprogo-infra status · luks status · backup list · recovery-kit --to DIRECTORY (then take it off this computer)',
    fr: 'Ensuite : koprogo-infra status · luks status · backup list · recovery-kit --to DIRECTORY (puis retirez-la de cet ordinateur)',
  },
} as const satisfies Vocabulary;
export const say = speaker(WORDS);
