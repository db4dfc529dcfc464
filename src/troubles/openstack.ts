import type { Entry } from './trouble.js';

/** OpenStack's services, as they speak through Terraform's provider and through this program's own client. */
export const OPENSTACK: readonly Entry[] = [
  {
    id: 'openstack.region',
    pattern: /endpoint for (?<service>[\w-]{1,40}) service in (?<region>[\w-]{1,60}) region not found/i,
    cause: { en: 'the project has no service {service} in the region {region}', fr: 'le projet n’a pas de service {service} dans la région {region}' },
    fix: {
      en: 'take the region exactly as your OpenRC file has it (OS_REGION_NAME, for example GRA9); koprogo-infra doctor --openrc FILE lists those of your project',
      fr: 'reprenez la région exactement comme dans votre fichier OpenRC (OS_REGION_NAME, par exemple GRA9) ; koprogo-infra doctor --openrc FICHIER donne celles de votre projet',
    },
  },
  {
    id: 'openstack.endpoint',
    pattern: /No suitable endpoint could be found in the service catalog/i,
    cause: { en: 'the region is not one of your project, or it is written another way there', fr: 'la région n’est pas l’une de celles du projet, ou elle s’y écrit autrement' },
    fix: {
      en: 'take the region exactly as your OpenRC file has it (OS_REGION_NAME, for example GRA9, not GRA), then: koprogo-infra doctor --openrc FILE',
      fr: 'reprenez la région exactement comme dans votre fichier OpenRC (OS_REGION_NAME, par exemple GRA9 et non GRA), puis : koprogo-infra doctor --openrc FICHIER',
    },
  },
  {
    id: 'openstack.policy',
    pattern: /Policy doesn't allow (?<action>[\w:.-]{1,120}) to be performed/i,
    cause: { en: 'the OpenStack user lacks a role: it may not do {action}', fr: 'il manque un rôle à l’utilisateur OpenStack : l’action {action} lui est refusée' },
    fix: {
      en: 'in the OVH control panel, Public Cloud → Users & Roles: give this user the role Administrator, wait a minute, then type the same command again',
      fr: 'dans l’espace client OVH, Public Cloud → Users & Roles : donnez à cet utilisateur le rôle Administrator, attendez une minute, puis relancez la même commande',
    },
  },
  {
    id: 'openstack.quota-volume-size',
    pattern: /VolumeSizeExceedsAvailableQuota|exceeds allowed \w{0,40} ?quota\b/i,
    cause: { en: 'the volumes together are larger than the quota of the project in this region', fr: 'les volumes dépassent ensemble le quota du projet dans cette région' },
    fix: {
      en: 'choose smaller volumes, delete unused ones, or raise the quota: OVH control panel, Public Cloud → Quota and Regions',
      fr: 'choisissez des volumes plus petits, supprimez ceux qui ne servent plus, ou augmentez le quota : espace client OVH, Public Cloud → Quota and Regions',
    },
  },
  {
    id: 'openstack.quota-volumes',
    pattern: /Maximum number of volumes allowed \((?<limit>\d{1,9})\) exceeded/i,
    cause: { en: 'the project already has {limit} volumes in this region, and no more are allowed', fr: 'le projet a déjà {limit} volumes dans cette région, et son quota n’en permet pas davantage' },
    fix: {
      en: 'delete volumes that are not needed, or raise the quota: OVH control panel, Public Cloud → Quota and Regions',
      fr: 'supprimez les volumes inutiles, ou augmentez le quota : espace client OVH, Public Cloud → Quota and Regions',
    },
  },
  {
    id: 'openstack.quota-network',
    pattern: /Quota exceeded for resources: ?(?<what>[^.}]{1,80})/i,
    cause: { en: 'the network quota of the project is used up: {what}', fr: 'le quota réseau du projet est épuisé : {what}' },
    fix: {
      en: 'delete security groups or ports that are not needed, or raise the quota: OVH control panel, Public Cloud → Quota and Regions',
      fr: 'supprimez les groupes de sécurité ou les ports inutiles, ou augmentez le quota : espace client OVH, Public Cloud → Quota and Regions',
    },
  },
  {
    id: 'openstack.quota-server',
    pattern: /Quota exceeded for (?<what>[\w ,]{1,60}): Requested/i,
    cause: { en: 'the quota of the project in this region is used up: {what}', fr: 'le quota du projet dans cette région est épuisé : {what}' },
    fix: {
      en: 'delete a server that is not needed, choose a smaller flavor, or raise the quota: OVH control panel, Public Cloud → Quota and Regions',
      fr: 'supprimez un serveur inutile, choisissez une flavor plus petite, ou augmentez le quota : espace client OVH, Public Cloud → Quota and Regions',
    },
  },
  {
    id: 'openstack.no-valid-host',
    pattern: /No valid host was found/i,
    cause: { en: 'the region has no room at present for a server of this flavor', fr: 'la région n’a pas de place en ce moment pour un serveur de cette flavor' },
    fix: {
      en: 'type the same command again later, or choose another flavor or another region: koprogo-infra setup',
      fr: 'relancez la même commande plus tard, ou choisissez une autre flavor ou une autre région : koprogo-infra setup',
    },
  },
  {
    id: 'openstack.flavor',
    pattern: /Unable to find flavor with name (?<flavor>[\w.-]{1,60})/i,
    cause: { en: 'there is no flavor {flavor} in this region', fr: 'la flavor {flavor} n’existe pas dans cette région' },
    fix: { en: 'choose one that the region has: koprogo-infra doctor --openrc FILE lists them', fr: 'choisissez-en une que la région propose : koprogo-infra doctor --openrc FICHIER les donne' },
  },
  {
    id: 'openstack.image',
    pattern: /Unable to find image with name (?<image>[\w.-]{1,40}(?: [\w.-]{1,20})?)/i,
    cause: { en: 'there is no image {image} in this region', fr: 'l’image {image} n’existe pas dans cette région' },
    fix: { en: 'take Debian 13 or Debian 12: koprogo-infra doctor --openrc FILE shows which of them the region has', fr: 'prenez Debian 13 ou Debian 12 : koprogo-infra doctor --openrc FICHIER montre laquelle la région propose' },
  },
  {
    id: 'openstack.query-empty',
    pattern: /Your query returned no results\. Please change your search criteria/i,
    cause: { en: 'an image, flavor or network that was asked for does not exist in this region under that name', fr: 'une image, une flavor ou un réseau demandé n’existe pas sous ce nom dans cette région' },
    fix: { en: 'koprogo-infra doctor --openrc FILE shows what is missing', fr: 'koprogo-infra doctor --openrc FICHIER montre ce qui manque' },
  },
  {
    id: 'openstack.login',
    pattern: /The request you have made requires authentication|(?:^| |: )Authentication failed\b(?! for)/i,
    cause: { en: 'OpenStack refuses the login: user, password or project is wrong (401)', fr: 'OpenStack refuse la connexion : l’utilisateur, le mot de passe ou le projet est faux (401)' },
    fix: {
      en: 'OS_USERNAME is user-XXXXXXXXXXXX, not your e-mail address; a new password is made in the OVH control panel, Public Cloud → Users & Roles; then download the OpenRC file anew',
      fr: 'OS_USERNAME est user-XXXXXXXXXXXX et non votre adresse e-mail ; un nouveau mot de passe se crée dans l’espace client OVH, Public Cloud → Users & Roles ; téléchargez ensuite de nouveau le fichier OpenRC',
    },
  },
  {
    id: 'openstack.not-loaded',
    pattern: /One of 'auth_url' or 'cloud' must be specified|You must provide a password to authenticate|missing one of the following environment variables \[?OS_/i,
    cause: { en: 'the OpenStack credentials did not reach Terraform', fr: 'les identifiants OpenStack ne sont pas parvenus à Terraform' },
    fix: { en: 'give the OpenRC file and the password: koprogo-infra setup', fr: 'donnez le fichier OpenRC et le mot de passe : koprogo-infra setup' },
  },
  {
    id: 'openstack.key-pair',
    pattern: /Key pair '(?<name>[^']{1,80})' already exists/i,
    cause: { en: 'a key pair {name} is left in the project from an earlier set-up', fr: 'une paire de clés {name} d’une installation précédente est restée dans le projet' },
    fix: {
      en: 'delete it in Horizon (Compute → Key Pairs), or choose another installation name, then type the same command again',
      fr: 'supprimez-la dans Horizon (Compute → Key Pairs), ou choisissez un autre nom d’installation, puis relancez la même commande',
    },
  },
  {
    id: 'openstack.volume-type',
    pattern: /Volume type with name (?<type>[\w.-]{1,60}) could not be found/i,
    cause: { en: 'there is no volume type {type} in this region', fr: 'le type de volume {type} n’existe pas dans cette région' },
    fix: { en: 'choose classic or high-speed: koprogo-infra setup', fr: 'choisissez classic ou high-speed : koprogo-infra setup' },
  },
  {
    id: 'openstack.volume-attached',
    pattern: /Volume status must be available or error|must not be migrating, attached/i,
    cause: { en: 'a volume is still attached to a server and cannot be deleted', fr: 'un volume est encore attaché à un serveur et ne peut pas être supprimé' },
    fix: { en: 'wait a minute and type the same command again; if it stays so, detach it in the OVH control panel', fr: 'attendez une minute et relancez la même commande ; si cela persiste, détachez-le dans l’espace client OVH' },
  },
  {
    id: 'openstack.availability-zone',
    pattern: /The requested availability zone is not available|Availability zone '(?:[^']{1,60})' is invalid/i,
    cause: { en: 'this region wants another availability zone, or none', fr: 'cette région demande une autre zone de disponibilité, ou aucune' },
    fix: { en: 'choose another region, or a zone that it has: koprogo-infra doctor --openrc FILE', fr: 'choisissez une autre région, ou une zone qu’elle propose : koprogo-infra doctor --openrc FICHIER' },
  },
  {
    id: 'openstack.addresses',
    pattern: /No more IP addresses available on network/i,
    cause: { en: 'the public network of this region has no free address at present', fr: 'le réseau public de cette région n’a plus d’adresse libre en ce moment' },
    fix: { en: 'type the same command again later, or choose another region', fr: 'relancez la même commande plus tard, ou choisissez une autre région' },
  },
  {
    id: 'openstack.overloaded',
    pattern: /The service is currently unable to handle the request due to a temporary overloading or maintenance/i,
    cause: { en: 'OpenStack is overloaded or under maintenance (503)', fr: 'OpenStack est surchargé ou en maintenance (503)' },
    fix: { en: 'look at public-cloud.status-ovhcloud.com, then type the same command again', fr: 'consultez public-cloud.status-ovhcloud.com, puis relancez la même commande' },
  },
  {
    id: 'openstack.server-error-state',
    pattern: /unexpected state 'ERROR', wanted target 'ACTIVE'/i,
    cause: { en: 'OpenStack accepted the server, but could not start it', fr: 'OpenStack a accepté le serveur, mais n’a pas pu le démarrer' },
    fix: {
      en: 'type the same command again: the broken server is replaced; if it stays so, choose another flavor or region',
      fr: 'relancez la même commande : le serveur défaillant est remplacé ; si cela persiste, choisissez une autre flavor ou une autre région',
    },
    general: true,
  },
];
