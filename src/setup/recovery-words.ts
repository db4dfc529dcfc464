import { speaker, type Vocabulary } from '../words.js';

/** What the recovery kit says, and set-up of where it lies. */
export const WORDS = {
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
  'recovery.sameDisk': { en: '{directory} is on a disk of this computer: take it off afterwards, and delete it here', fr: '{directory} est sur un disque de cet ordinateur : mettez ensuite la copie ailleurs, et supprimez-la ici' },
} as const satisfies Vocabulary;
export const say = speaker(WORDS);
