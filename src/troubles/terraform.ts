import type { Entry } from './trouble.js';

const STATE_LOCK_EN = 'wait until the other command has ended; if it was on another computer and is gone for good: koprogo-infra state unlock';
const STATE_LOCK_FR = 'attendez la fin de l’autre commande ; si elle tournait sur un autre ordinateur et n’existe plus : koprogo-infra state unlock';

/** Terraform and OpenTofu themselves. */
export const TERRAFORM: readonly Entry[] = [
  {
    id: 'terraform.locked',
    pattern: /Error acquiring the state lock/i,
    cause: { en: 'another Terraform is at work on the same server', fr: 'un autre Terraform travaille sur le même serveur' },
    fix: { en: STATE_LOCK_EN, fr: STATE_LOCK_FR },
  },
  {
    id: 'terraform.registry',
    pattern: /could not connect to (?:[\w.-]{1,100}): |Failed to query available provider packages|Error accessing remote module registry/i,
    cause: { en: 'Terraform cannot load its providers: the registry is not reachable from this computer', fr: 'Terraform n’arrive pas à charger ses fournisseurs : le registre est injoignable depuis cet ordinateur' },
    fix: { en: 'check the internet connection and HTTPS_PROXY, then type the same command again', fr: 'vérifiez la connexion à Internet et HTTPS_PROXY, puis relancez la même commande' },
  },
  {
    id: 'terraform.checksum',
    pattern: /checksums? previously recorded in the dependency lock file|doesn't match any of the checksums/i,
    cause: { en: 'a provider is not the one that was tested with this version: its checksum differs', fr: 'un fournisseur n’est pas celui qui a été éprouvé avec cette version : sa somme de contrôle diffère' },
    fix: { en: 'do not go on with it; install koprogo-infra anew, then type the same command again', fr: 'n’allez pas plus loin ; réinstallez koprogo-infra, puis relancez la même commande' },
  },
  {
    id: 'terraform.provider-install',
    pattern: /Failed to install provider|Error while installing [\w.-]{1,60}\/[\w.\/-]{1,80} v?[\d.]{1,20}/i,
    cause: { en: 'Terraform could not load a provider whole', fr: 'Terraform n’a pas pu télécharger un fournisseur en entier' },
    fix: { en: 'look for room on the disk (df -h), then type the same command again', fr: 'vérifiez la place sur le disque (df -h), puis relancez la même commande' },
  },
  {
    id: 'terraform.version',
    pattern: /Unsupported Terraform Core version|does not support (?:Terraform|OpenTofu) version (?:[\d.]{1,20})/i,
    cause: { en: 'this Terraform is too old or too new for the module', fr: 'ce Terraform est trop ancien ou trop récent pour le module' },
    fix: { en: 'koprogo-infra doctor says which version is needed', fr: 'koprogo-infra doctor dit quelle version il faut' },
  },
  {
    id: 'terraform.variable',
    pattern: /No value for required variable|The root module input variable "(?:[\w-]{1,60})" is not set/i,
    cause: { en: 'Terraform did not get a value that it needs', fr: 'Terraform n’a pas reçu une valeur dont il a besoin' },
    fix: { en: 'run it through koprogo-infra setup, which passes all values on, and not by hand', fr: 'lancez-le par koprogo-infra setup, qui transmet toutes les valeurs, et non à la main' },
  },
  {
    id: 'terraform.argument',
    pattern: /Missing required argument|The argument "(?:[\w-]{1,60})" is required/i,
    cause: { en: 'Terraform misses a setting: the OpenStack or OVH credentials were not loaded', fr: 'il manque un réglage à Terraform : les identifiants OpenStack ou OVH n’ont pas été chargés' },
    fix: { en: 'give the OpenRC file and the keys: koprogo-infra setup', fr: 'donnez le fichier OpenRC et les clés : koprogo-infra setup' },
  },
  {
    id: 'terraform.prevent-destroy',
    pattern: /Instance cannot be destroyed|has lifecycle\.prevent_destroy set/i,
    cause: { en: 'the plan would destroy a volume or a bucket with data, and that is forbidden here', fr: 'le plan détruirait un volume ou un bucket contenant des données, ce qui est interdit ici' },
    fix: { en: 'put the answers back as they were (size, type, region); to give the data up on purpose: koprogo-infra destroy', fr: 'remettez les réponses telles qu’elles étaient (taille, type, région) ; pour abandonner les données exprès : koprogo-infra destroy' },
  },
  {
    id: 'terraform.syntax',
    pattern: /problems with the configuration, described below|Error: (?:Invalid expression|Unsupported argument|Unsupported block type|Argument or block definition required|Invalid value for variable)/i,
    cause: { en: 'a Terraform file is not as this version of koprogo-infra wrote it', fr: 'un fichier Terraform n’est pas tel que cette version de koprogo-infra l’a écrit' },
    fix: { en: 'install koprogo-infra anew; the working folder is filled afresh by: koprogo-infra setup', fr: 'réinstallez koprogo-infra ; le dossier de travail est rempli de nouveau par : koprogo-infra setup' },
  },
  {
    id: 'terraform.state-unreachable',
    pattern: /Failed to get state: |Failed to save state|Error uploading state/i,
    cause: { en: 'Terraform lost the connection to its state', fr: 'Terraform a perdu la connexion avec son état' },
    fix: { en: 'type the same command again: what was built is remembered, and it continues from there', fr: 'relancez la même commande : ce qui a été construit est connu, et elle reprend de là' },
  },
  {
    id: 'terraform.provisioner',
    pattern: /Error: (?:local-exec|remote-exec|file) provisioner error/i,
    cause: { en: 'a program that Terraform started failed', fr: 'un programme lancé par Terraform a échoué' },
    fix: { en: 'its own words are below that line (--verbose shows all of it); then type the same command again', fr: 'ses propres messages suivent cette ligne (--verbose les montre tous) ; relancez ensuite la même commande' },
    general: true,
  },
];
