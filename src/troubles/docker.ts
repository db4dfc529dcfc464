import type { Entry } from './trouble.js';

/** Docker and Compose on the server. */
export const DOCKER: readonly Entry[] = [
  {
    id: 'docker.pull-limit',
    pattern: /toomanyrequests: |You have reached your (?:unauthenticated )?pull rate limit/i,
    cause: { en: 'the image registry has had too many downloads from this address', fr: 'le registre d’images a reçu trop de téléchargements de cette adresse' },
    fix: { en: 'wait an hour (Docker Hub: up to six), then type the same command again: images that are there already are not loaded again', fr: 'attendez une heure (Docker Hub : jusqu’à six), puis relancez la même commande : les images déjà présentes ne sont pas téléchargées de nouveau' },
  },
  {
    id: 'docker.port-allocated',
    pattern: /Bind for (?<address>[\d.:[\]a-f]{3,60}) failed: port is already allocated/i,
    cause: { en: 'another container already has {address}', fr: 'un autre conteneur occupe déjà {address}' },
    fix: { en: 'find it and stop it: koprogo-infra ssh -- sudo docker ps', fr: 'trouvez-le et arrêtez-le : koprogo-infra ssh -- sudo docker ps' },
  },
  {
    id: 'docker.port-in-use',
    pattern: /listen tcp[46]? (?<address>[\d.:[\]a-f]{3,60}): bind: address already in use/i,
    cause: { en: 'another program on the server already has {address}', fr: 'un autre programme du serveur occupe déjà {address}' },
    fix: { en: 'find it (koprogo-infra ssh -- sudo ss -ltnp), stop it (an apache2 or nginx, often) and type the same command again', fr: 'trouvez-le (koprogo-infra ssh -- sudo ss -ltnp), arrêtez-le (souvent apache2 ou nginx) et relancez la même commande' },
  },
  {
    id: 'docker.daemon',
    pattern: /Cannot connect to the Docker daemon at/i,
    cause: { en: 'Docker is not running; on the server it waits for both encrypted volumes', fr: 'Docker ne tourne pas ; sur le serveur, il attend les deux volumes chiffrés' },
    fix: { en: 'koprogo-infra luks status shows whether a volume is locked; then: koprogo-infra luks unlock', fr: 'koprogo-infra luks status montre si un volume est verrouillé ; puis : koprogo-infra luks unlock' },
  },
  {
    id: 'docker.socket-denied',
    pattern: /permission denied while trying to connect to the Docker daemon socket/i,
    cause: { en: 'this user may not speak to Docker', fr: 'cet utilisateur n’a pas le droit de s’adresser à Docker' },
    fix: { en: 'use sudo, or log in with the user that set-up uses', fr: 'utilisez sudo, ou connectez-vous avec l’utilisateur de l’installation' },
  },
  {
    id: 'docker.image-missing',
    pattern: /manifest unknown|manifest for (?:[^ ]{1,200}) not found/i,
    cause: { en: 'the image does not exist under this tag or digest', fr: 'l’image n’existe pas sous cette étiquette ou cette empreinte' },
    fix: { en: 'choose a released version of the app: koprogo-infra setup', fr: 'choisissez une version publiée de l’application : koprogo-infra setup' },
  },
  {
    id: 'docker.image-denied',
    pattern: /pull access denied for (?:[^ ,]{1,200})|failed to fetch anonymous token/i,
    cause: { en: 'the registry does not give the image to everybody: it is private, or its name is wrong', fr: 'le registre ne donne pas l’image à tous : elle est privée, ou son nom est faux' },
    fix: { en: 'check the name of the image, or ask its owner to make it public', fr: 'vérifiez le nom de l’image, ou demandez à son propriétaire de la rendre publique' },
  },
  {
    id: 'docker.architecture',
    pattern: /no matching manifest for (?:[\w/]{1,40})|exec format error/i,
    cause: { en: 'the image is not made for the processor of this server; those of KoproGo need amd64', fr: 'l’image n’est pas faite pour le processeur de ce serveur ; celles de KoproGo demandent amd64' },
    fix: { en: 'choose a flavor with an x86-64 processor: koprogo-infra setup', fr: 'choisissez une flavor à processeur x86-64 : koprogo-infra setup' },
  },
  {
    id: 'docker.registry-unreachable',
    pattern: /Get "https:\/\/(?<registry>[\w.-]{1,100})\/v2\/": (?:net\/http|dial tcp|context deadline|EOF|read tcp)/i,
    cause: { en: 'the server cannot reach the image registry {registry}', fr: 'le serveur n’arrive pas à joindre le registre d’images {registry}' },
    fix: { en: 'see whether names and HTTPS work there: koprogo-infra ssh -- curl -sSI https://{registry}/v2/', fr: 'vérifiez-y la résolution des noms et HTTPS : koprogo-infra ssh -- curl -sSI https://{registry}/v2/' },
  },
  {
    id: 'docker.unhealthy',
    pattern: /dependency failed to start: container (?<name>[\w.-]{1,80}) is unhealthy/i,
    cause: { en: 'the container {name} started, but does not answer as it should', fr: 'le conteneur {name} a démarré, mais ne répond pas comme il faut' },
    fix: { en: 'its own words say why: koprogo-infra stack logs', fr: 'ses propres messages disent pourquoi : koprogo-infra stack logs' },
  },
  {
    id: 'docker.disk-full',
    pattern: /(?:failed to register layer|failed to copy|write \/var\/lib\/(?:docker|containerd)[^ ]{0,300})[^\n]{0,300}?no space left on device/i,
    cause: { en: 'the disk that holds the container images is full', fr: 'le disque qui porte les images des conteneurs est plein' },
    fix: { en: 'make room: koprogo-infra ssh -- sudo docker system prune --force; look with: koprogo-infra ssh -- df -h', fr: 'faites de la place : koprogo-infra ssh -- sudo docker system prune --force ; vérifiez avec : koprogo-infra ssh -- df -h' },
  },
];
