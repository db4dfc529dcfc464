import { speaker, type Vocabulary } from '../../words.js';

/** What people read of the recovery key and its shares. */
export const WORDS = {
  'passphrase.short': { en: 'the passphrase of the recovery key is shorter than {minPassphrase} characters', fr: 'la phrase de passe de la clé de récupération a moins de {minPassphrase} caractères' },
  'passphrase.needed': { en: 'the private key {found} is protected by a passphrase and none was given', fr: 'la clé privée {found} est protégée par une phrase de passe et aucune n’a été donnée' },
  'passphrase.wrong': { en: 'the passphrase of the private key {found} is wrong', fr: 'la phrase de passe de la clé privée {found} est fausse' },
  'passphrase.shown': { en: 'it was shown once when the key was made: 26 letters and digits in groups of five', fr: 'elle a été montrée une fois, quand la clé a été créée : 26 lettres et chiffres par groupes de cinq' },
  'key.locked': { en: 'the private key {found} cannot be unlocked: {reason}', fr: 'impossible de déverrouiller la clé privée {found} : {reason}' },
  'key.other': { en: 'this is another key: the backup was encrypted to {expected}, and the key given is {found}', fr: 'c’est une autre clé : la sauvegarde a été chiffrée pour {expected}, et la clé donnée est {found}' },
  'key.public': { en: 'this is the public part of a key; only the private part decrypts', fr: 'c’est la partie publique d’une clé ; seule la partie privée déchiffre' },
  'key.none': { en: 'this is not an OpenPGP private key', fr: 'ce n’est pas une clé privée OpenPGP' },
  'key.begins': { en: 'the file begins with "-----BEGIN PGP PRIVATE KEY BLOCK-----"', fr: 'le fichier commence par "-----BEGIN PGP PRIVATE KEY BLOCK-----"' },
  'key.gpg': { en: 'from gpg: gpg --export-secret-keys --armor FINGERPRINT > recovery-key.asc', fr: 'depuis gpg : gpg --export-secret-keys --armor FINGERPRINT > recovery-key.asc' },
  'key.unreadable': { en: 'the OpenPGP private key cannot be read: {reason}', fr: 'impossible de lire la clé privée OpenPGP : {reason}' },
  'key.missing': { en: 'this installation has no recovery key yet', fr: 'cette installation n’a pas encore de clé de récupération' },
  'step.title': { en: 'Recovery key for the backups', fr: 'Clé de récupération des sauvegardes' },
  'step.make': { en: 'make an OpenPGP key pair (Curve25519) on this computer; its private part stays here', fr: 'créer une paire de clés OpenPGP (Curve25519) sur cet ordinateur ; sa partie privée y reste' },
  'step.show': { en: 'show the recovery key, to be kept safe', fr: 'montrer la clé de récupération, à mettre en lieu sûr' },
  'step.done': { en: 'fingerprint {fingerprint}', fr: 'empreinte {fingerprint}' },
  'step.making': { en: 'making the recovery key', fr: 'création de la clé de récupération' },
  'show.title': { en: 'Recovery key of the backups: keep it off this computer, passphrase and key in two places', fr: 'Clé de récupération des sauvegardes : gardez-la hors de cet ordinateur, la phrase de passe et la clé en deux endroits' },
  'show.fingerprint': { en: 'fingerprint  {fingerprint}', fr: 'empreinte        {fingerprint}' },
  'show.passphrase': { en: 'passphrase   {passphrase}', fr: 'phrase de passe  {passphrase}' },
  'show.end': { en: 'Whoever has the key and its passphrase can read every backup. Without them, and without this computer, nobody can.', fr: 'Qui a la clé et sa phrase de passe peut lire toutes les sauvegardes. Sans elles, et sans cet ordinateur, personne ne le peut.' },
  'rehearsal.fails': { en: 'the recovery key does not decrypt what its public part encrypts', fr: 'la clé de récupération ne déchiffre pas ce que chiffre sa partie publique' },
  'rehearsal.differs': { en: 'the recovery key decrypts a test message to something else', fr: 'la clé de récupération déchiffre un message d’essai en autre chose' },
  'sheet': { en: `KoproGo recovery share {index} of {count}, set {set}

Installation  {installation}
Recovery key  {fingerprint}
Made          {made}

Any {threshold} of the {count} shares of this set open every backup of this installation.
{alone} nothing. Keep this sheet where you would keep a house key: away
from the other sheets and the operator's computer. Do not mail or photograph it.

{beginLine}
{rows}
{endLine}

Capital letters count as small ones. There is no letter i, l, o or u: what looks
like one is a digit 1 or 0 (or a v).

When a backup must be opened and the operator's computer is lost:
 1. Bring {threshold} sheets of this set together, at a computer with koprogo-infra.
 2. koprogo-infra keys combine {file} --to recovered
    with the other files, if there are files; a sheet on paper is asked for.
 3. koprogo-infra backup restore --private-key recovered/recovery-key.asc \\
      --passphrase-file recovered/recovery-key-passphrase.txt
Without koprogo-infra: docs/combine-shares.py of its sources, and gpg.
To see once a quarter that it would work: koprogo-infra keys rehearse, with the
same files. It writes no secret down.

The private key, the same on each sheet, useless without the shares:

{privateKey}
`, fr: `KoproGo, fragment de récupération {index} sur {count}, jeu {set}

Installation          {installation}
Clé de récupération   {fingerprint}
Fait le               {made}

N’importe quels {threshold} des {count} fragments de ce jeu ouvrent toutes les sauvegardes
de cette installation. {alone} rien. Gardez cette feuille comme vous
garderiez une clé de maison : loin des autres feuilles et de l’ordinateur de
l’opérateur. Ne l’envoyez pas par courriel et ne la photographiez pas.

{beginLine}
{rows}
{endLine}

Les majuscules valent les minuscules. Il n’y a pas de lettre i, l, o ni u : ce
qui y ressemble est un chiffre 1 ou 0 (ou un v).

S’il faut ouvrir une sauvegarde et que l’ordinateur de l’opérateur est perdu :
 1. Réunissez {threshold} feuilles de ce jeu, devant un ordinateur avec koprogo-infra.
 2. koprogo-infra keys combine {file} --to recovered
    avec les autres fichiers, s’il y en a ; une feuille en papier est demandée.
 3. koprogo-infra backup restore --private-key recovered/recovery-key.asc \\
      --passphrase-file recovered/recovery-key-passphrase.txt
Sans koprogo-infra : docs/combine-shares.py de ses sources, et gpg.
Pour voir une fois par trimestre que cela marcherait : koprogo-infra keys
rehearse, avec les mêmes fichiers. Aucun secret n’est écrit.

La clé privée, la même sur chaque feuille, inutile sans les fragments :

{privateKey}
` },
  'sheet.one': { en: 'One alone opens', fr: 'Un seul n’ouvre' },
  'sheet.fewer': { en: 'Fewer open', fr: 'Moins que cela n’ouvrent' },
  'sheet.short': { en: '{where}: the share is cut short: the line "{end}" is missing', fr: '{where} : le fragment est tronqué : la ligne « {end} » manque' },
  'sheet.several': { en: '{where} holds more than one share', fr: '{where} contient plus d’un fragment' },
  'sheet.oneShare': { en: 'one file, one share', fr: 'un fichier, un fragment' },
  'text.long': { en: 'this is no share: it has more than {mostCharacters} characters', fr: 'ce n’est pas un fragment : il a plus de {mostCharacters} caractères' },
  'text.check': { en: 'the share as a whole does not fit its check value: at least two typing errors hide each other', fr: 'le fragment entier ne correspond pas à sa valeur de contrôle : au moins deux fautes de frappe se cachent l’une l’autre' },
  'text.compare': { en: 'compare every group with the sheet', fr: 'comparez chaque groupe avec la feuille' },
  'text.numbers': { en: 'this is no share that koprogo-infra made: its numbers contradict each other', fr: 'ce n’est pas un fragment fait par koprogo-infra : ses nombres se contredisent' },
  'text.foreign': { en: '{place} has a character that shares do not have', fr: '{place} a un caractère que les fragments n’ont pas' },
  'text.alphabet': { en: 'shares have digits and letters, but no u', fr: 'les fragments ont des chiffres et des lettres, mais pas de u' },
  'text.group': { en: '{place} has {length} characters and not {group}', fr: '{place} a {length} caractères et non {group}' },
  'text.version': { en: 'this share has the format version {version}, and this program reads version {known}', fr: 'ce fragment a le format de version {version}, et ce programme lit la version {known}' },
  'text.newest': { en: 'install the newest koprogo-infra', fr: 'installez la version la plus récente de koprogo-infra' },
  'text.length': { en: 'the share has {characters} characters and not {all} ({groups} groups of {group})', fr: 'le fragment a {characters} caractères et non {all} ({groups} groupes de {group})' },
  'text.first': { en: 'look at the first group', fr: 'regardez le premier groupe' },
  'text.more': { en: '{place} and {count} more do', fr: '{place} et {count} autres ne correspondent' },
  'text.groups': { en: 'groups {numbers} do', fr: 'les groupes {numbers} ne correspondent' },
  'text.one': { en: '{place} does', fr: '{place} ne correspond' },
  'text.typing': { en: 'there is a typing error: {named} not fit', fr: 'il y a une faute de frappe : {named} pas' },
  'text.compareAll': { en: 'compare with the sheet, character by character', fr: 'comparez avec la feuille, caractère par caractère' },
  'text.place': { en: 'group {group} (row {row}, number {number})', fr: 'le groupe {group} (rangée {row}, numéro {number})' },
  'shares.count': { en: 'shares are 2 to {mostShares}, and 2 up to all of them are needed to open: not {threshold} of {count}', fr: 'il y a 2 à {mostShares} fragments, et il en faut de 2 à tous pour ouvrir : pas {threshold} sur {count}' },
  'shares.chosen': { en: 'the passphrase of this recovery key was not generated by koprogo-infra, so one share alone could be enough to guess it', fr: 'la phrase de passe de cette clé de récupération n’a pas été générée par koprogo-infra : un seul fragment pourrait donc suffire à la deviner' },
  'shares.apart': { en: 'keep the key and its passphrase apart instead: koprogo-infra recovery-kit --to DIRECTORY', fr: 'gardez plutôt la clé et sa phrase de passe séparément : koprogo-infra recovery-kit --to DIRECTORY' },
  'shares.sets': { en: 'these shares are of different sets: share {one} is of set {setOfOne}, share {other} is of set {setOfOther}', fr: 'ces fragments sont de jeux différents : le fragment {one} est du jeu {setOfOne}, le fragment {other} est du jeu {setOfOther}' },
  'shares.oneSet': { en: 'only shares of one set belong together: the set is written on each sheet', fr: 'seuls les fragments d’un même jeu vont ensemble : le jeu est écrit sur chaque feuille' },
  'shares.otherSet': { en: 'a set of another installation, or an older one, opens nothing together with this one', fr: 'un jeu d’une autre installation, ou plus ancien, n’ouvre rien avec celui-ci' },
  'shares.contradict': { en: 'share {index} and share {index2} of set {set} contradict each other: one says {threshold} of {count}, one says {threshold2} of {count2}', fr: 'le fragment {index} et le fragment {index2} du jeu {set} se contredisent : l’un dit {threshold} sur {count}, l’autre dit {threshold2} sur {count2}' },
  'shares.twice': { en: 'share {index} was given twice', fr: 'le fragment {index} a été donné deux fois' },
  'shares.different': { en: '{threshold} different shares of the {count} are needed', fr: 'il faut {threshold} fragments différents sur les {count}' },
  'shares.need': { en: '{threshold} of the {count} shares are needed', fr: 'il faut {threshold} des {count} fragments' },
  'shares.needTwo': { en: 'at least 2 shares are needed', fr: 'il faut au moins 2 fragments' },
  'shares.bring': { en: 'bring {missing} more of set {set}', fr: 'apportez-en encore {missing} du jeu {set}' },
  'shares.name': { en: 'name the files of the shares, or type them at a terminal', fr: 'indiquez les fichiers des fragments, ou tapez-les dans un terminal' },
  'shares.unfit': { en: 'these shares of set {set} do not give the passphrase together: at least one of them is not genuine', fr: 'ces fragments du jeu {set} ne donnent pas ensemble la phrase de passe : au moins l’un d’eux n’est pas authentique' },
  'shares.try': { en: 'try other shares of the set, {threshold} at a time', fr: 'essayez d’autres fragments du jeu, {threshold} à la fois' },
  'text.firstRight': { en: 'the first group is right; look at what follows', fr: 'le premier groupe est juste ; regardez la suite' },
  'text.right': { en: 'the first {sound} groups are right; look at what follows', fr: 'les {sound} premiers groupes sont justes ; regardez la suite' },
  'shares.onlyOne': { en: '{need}, and only 1 is here', fr: '{need}, et il n’y en a qu’un ici' },
  'shares.only': { en: '{need}, and only {count} are here', fr: '{need}, et il n’y en a que {count} ici' },
  'directory.exists': { en: 'it exists already, and holds something', fr: 'il existe déjà, et contient quelque chose' },
  'directory.notMade': { en: 'the directory {directory} cannot be made: {why}', fr: 'le dossier {directory} ne peut pas être créé : {why}' },
  'directory.nameNew': { en: 'name one that does not exist yet, or is empty', fr: 'indiquez-en un qui n’existe pas encore, ou qui est vide' },
  'directory.notWritten': { en: 'the files cannot be written to {directory}: {why}', fr: 'les fichiers ne peuvent pas être écrits dans {directory} : {why}' },
  'shares.copied': { en: 'Share {index} of {count}: printed or copied, and compared?', fr: 'Fragment {index} sur {count} : imprimé ou recopié, et comparé ?' },
  'shares.notAllCopied': { en: 'not all shares were copied: the set is not complete', fr: 'tous les fragments n’ont pas été recopiés : le jeu n’est pas complet' },
  'shares.destroyCopies': { en: 'destroy the copies of this set, then: koprogo-infra keys split', fr: 'détruisez les copies de ce jeu, puis : koprogo-infra keys split' },
  'copies.title': { en: 'Copy of the recovery key, away from this computer', fr: 'Copie de la clé de récupération, hors de cet ordinateur' },
  'copies.kit': { en: 'write the recovery kit to {directory}, in clear', fr: 'écrire la trousse de secours dans {directory}, en clair' },
  'copies.sheets': { en: 'write three sheets to {directory}, two of which open the backups', fr: 'écrire trois feuilles dans {directory}, dont deux ouvrent les sauvegardes' },
  'copies.screen': { en: 'show three sheets one after the other, two of which open the backups', fr: 'montrer trois feuilles l’une après l’autre, dont deux ouvrent les sauvegardes' },
  'copies.done': { en: '{kind}, made on {day}', fr: '{kind}, du {day}' },
  'copies.kindKit': { en: 'recovery kit', fr: 'trousse de secours' },
  'copies.kindSheets': { en: 'sheets', fr: 'feuilles' },
  'copies.takeKit': { en: '{directory} holds in clear all that opens backups and disks: take it off this computer, to a safe place', fr: '{directory} contient en clair tout ce qui ouvre sauvegardes et disques : retirez-le de cet ordinateur et mettez-le en lieu sûr' },
  'copies.takeSheets': { en: '{directory} holds all three sheets: print each, give each to another person, then delete the directory', fr: '{directory} contient les trois feuilles : imprimez-les, remettez chacune à une personne différente, puis supprimez le dossier' },
  'copies.inTheWay': { en: 'the directory {directory} holds something', fr: 'le dossier {directory} contient quelque chose' },
  'copies.nameNew': { en: 'name one that does not exist yet, or is empty: koprogo-infra setup --recovery-directory DIRECTORY', fr: 'indiquez-en un qui n’existe pas encore, ou qui est vide : koprogo-infra setup --recovery-directory DIRECTORY' },
  'copies.noParent': { en: 'there is no directory {directory}', fr: 'il n’y a pas de dossier {directory}' },
  'copies.noTerminal': { en: 'there is no terminal to show the sheets at', fr: 'il n’y a pas de terminal où montrer les feuilles' },
  'copies.notWritable': { en: 'nothing can be written to {directory}', fr: 'rien ne peut être écrit dans {directory}' },
} as const satisfies Vocabulary;

export const say = speaker(WORDS);
