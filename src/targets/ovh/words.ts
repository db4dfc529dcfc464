import { fillIn, type Language, type Names, type Vocabulary } from '../../words.js';

export type { Language };

/** Everything that this room says to people. {names} are filled in; both languages must have the same. */
const WORDS = {
  'shell.command': { en: 'a command would have to be run to find it', fr: 'il faudrait exécuter une commande pour la connaître' },
  'shell.expansion': { en: 'only a shell could work it out', fr: 'seul un shell pourrait la calculer' },
  'shell.escape': { en: "its $'…' does not stand for a text that all shells agree on", fr: 'son $’…’ n’a pas le même sens pour tous les shells' },
  'shell.quotes': { en: 'its quotes between braces do not mean the same to all shells', fr: 'ses guillemets entre accolades n’ont pas le même sens pour tous les shells' },
  'shell.tilde': { en: 'a ~ outside quotes stands for a folder of this computer', fr: 'un ~ hors guillemets désigne un dossier de cet ordinateur' },
  'shell.list': { en: 'it is a list', fr: 'c’est une liste' },
  'shell.condition': { en: 'it depends on a condition that only a shell could decide', fr: 'elle dépend d’une condition que seul un shell pourrait trancher' },
  'shell.environment': { en: 'it depends on {variable}, which the file does not set', fr: 'elle dépend de {variable}, que le fichier ne définit pas' },

  'openrc.nothing': { en: 'no OpenRC file was named', fr: 'aucun fichier OpenRC n’a été indiqué' },
  'openrc.notThere': { en: 'there is no file {path}', fr: 'le fichier {path} n’existe pas' },
  'openrc.notReadable': { en: '{path} may not be read', fr: 'la lecture de {path} n’est pas permise' },
  'openrc.permissions': { en: 'look who may read it: ls -l {path}', fr: 'regardez qui peut le lire : ls -l {path}' },
  'openrc.directory': { en: '{path} is a folder, not an OpenRC file', fr: '{path} est un dossier, pas un fichier OpenRC' },
  'openrc.noFile': { en: '{path} is not an ordinary file', fr: '{path} n’est pas un fichier ordinaire' },
  'openrc.tooLarge': { en: 'this is larger than {limit}: it cannot be an OpenRC file', fr: 'cela dépasse {limit} : ce ne peut pas être un fichier OpenRC' },
  'openrc.notText': { en: 'this is not a text file (UTF-8): it cannot be an OpenRC file', fr: 'ce n’est pas un fichier texte (UTF-8) : ce ne peut pas être un fichier OpenRC' },
  'openrc.notOpenRc': { en: 'this is neither an OpenRC file nor the path of one: nothing in it sets an OS_ variable', fr: 'ce n’est ni un fichier OpenRC ni le chemin d’un tel fichier : rien n’y définit de variable OS_' },
  'openrc.privateKey': { en: 'this is a private key, not an OpenRC file; it was not kept', fr: 'c’est une clé privée, pas un fichier OpenRC ; elle n’a pas été conservée' },
  'openrc.webPage': { en: 'this is a web page, not an OpenRC file: the download probably asked for a login first', fr: 'c’est une page web, pas un fichier OpenRC : le téléchargement demandait sans doute d’abord une connexion' },
  'openrc.windows': { en: 'this is the Windows variant of the file; the one for Linux and macOS (openrc.sh) is needed', fr: 'c’est la variante Windows du fichier ; il faut celle pour Linux et macOS (openrc.sh)' },
  'openrc.cloudsYaml': { en: 'this is a clouds.yaml file; the OpenRC file (openrc.sh) is needed', fr: 'c’est un fichier clouds.yaml ; il faut le fichier OpenRC (openrc.sh)' },
  'openrc.download': { en: 'in the OVHcloud manager: Public Cloud, Users & Roles, "…" beside the user, Download the OpenRC file', fr: 'dans l’espace client OVHcloud : Public Cloud, Users & Roles, « … » à côté de l’utilisateur, Télécharger le fichier OpenRC' },
  'openrc.downloadAgain': { en: 'download the OpenRC file again from the OVHcloud manager (Public Cloud, Users & Roles) and do not change it', fr: 'téléchargez à nouveau le fichier OpenRC depuis l’espace client OVHcloud (Public Cloud, Users & Roles) et ne le modifiez pas' },
  'openrc.unclosed': { en: 'line {line}: {what} is opened and never closed', fr: 'ligne {line} : {what} est ouvert et jamais fermé' },
  'openrc.tangled': { en: 'line {line} cannot be read without executing it, and nothing is executed', fr: 'la ligne {line} ne peut être lue sans être exécutée, et rien n’est exécuté' },
  'openrc.compound': { en: 'line {line}: {what} has no place in an OpenRC file, and is not executed', fr: 'ligne {line} : {what} n’a pas sa place dans un fichier OpenRC, et n’est pas exécuté' },
  'openrc.opaque': { en: 'line {line}: the command {what} could change the variables in ways that only executing it would show', fr: 'ligne {line} : la commande {what} pourrait changer les variables d’une façon que seule son exécution montrerait' },
  'openrc.refused': { en: 'line {line}: {name} cannot be read: {why}', fr: 'ligne {line} : {name} ne peut être lue : {why}' },
  'openrc.writeValue': { en: "write the value itself into the file, between single quotes: {name}='…'; or delete the line, and you will be asked", fr: 'écrivez la valeur elle-même dans le fichier, entre apostrophes droites : {name}=\'…\' ; ou supprimez la ligne, et elle vous sera demandée' },
  'openrc.badValue': { en: 'line {line}: what {name} is set to cannot be right', fr: 'ligne {line} : la valeur de {name} ne peut pas être juste' },
  'openrc.badAuthUrl': { en: 'line {line}: OS_AUTH_URL is not an https address', fr: 'ligne {line} : OS_AUTH_URL n’est pas une adresse https' },
  'openrc.authUrlFix': { en: "OVH's is https://auth.cloud.ovh.net/v3", fr: 'celle d’OVH est https://auth.cloud.ovh.net/v3' },
  'openrc.passwordInside': { en: '{path} holds the password: delete it once the set-up is done (it is kept encrypted in the state): rm {path}', fr: '{path} contient le mot de passe : supprimez-le une fois l’installation faite (il est conservé chiffré dans l’état) : rm {path}' },
  'openrc.passwordPasted': { en: 'the pasted text holds the password: delete the file that it comes from', fr: 'le texte collé contient le mot de passe : supprimez le fichier d’où il vient' },
  'openrc.emptyRegion': { en: 'OS_REGION_NAME is empty in the file: the region will be asked for', fr: 'OS_REGION_NAME est vide dans le fichier : la région sera demandée' },
  'openrc.version2': { en: 'the file is for version 2 of the login service, which is gone: version 3 is used', fr: 'le fichier vise la version 2 du service de connexion, qui n’existe plus : la version 3 est utilisée' },
  'openrc.managerAccount': { en: '{username} looks like the account of the OVHcloud manager; the OpenStack user is called user-… and has a password of its own', fr: '{username} ressemble au compte de l’espace client OVHcloud ; l’utilisateur OpenStack s’appelle user-… et a son propre mot de passe' },
  'openrc.interface': { en: 'OS_INTERFACE is {interface}; the public endpoints are used', fr: 'OS_INTERFACE vaut {interface} ; les points d’accès publics sont utilisés' },

  'api.noSuchName': { en: 'the {service} service cannot be reached: there is no {host}', fr: 'le service {service} est injoignable : {host} n’existe pas' },
  'api.noAnswer': { en: 'the {service} service at {host} does not answer ({code})', fr: 'le service {service} sur {host} ne répond pas ({code})' },
  'api.timeout': { en: 'the {service} service at {host} did not answer in time', fr: 'le service {service} sur {host} n’a pas répondu à temps' },
  'api.tls': { en: 'the certificate of the {service} service at {host} is not accepted ({code})', fr: 'le certificat du service {service} sur {host} est refusé ({code})' },
  'api.notHttps': { en: 'the {service} service at {host} is not at an https address: nothing is sent there', fr: 'le service {service} sur {host} n’a pas d’adresse https : rien n’y est envoyé' },
  'api.redirect': { en: 'the {service} service at {host} points to another address (HTTP {status}), which is not followed', fr: 'le service {service} sur {host} renvoie vers une autre adresse (HTTP {status}), qui n’est pas suivie' },
  'api.tooLarge': { en: 'the answer of the {service} service at {host} is too large', fr: 'la réponse du service {service} sur {host} est trop longue' },
  'api.notUnderstood': { en: 'what answers at {host} does not speak as the {service} service of OpenStack does', fr: 'ce qui répond sur {host} ne parle pas comme le service {service} d’OpenStack' },
  'api.unauthorized': { en: 'the {service} service does not accept the login any more (HTTP {status})', fr: 'le service {service} n’accepte plus la connexion (HTTP {status})' },
  'api.forbidden': { en: 'the {service} service does not allow it to this user (HTTP {status}): {words}', fr: 'le service {service} ne le permet pas à cet utilisateur (HTTP {status}) : {words}' },
  'api.notFound': { en: 'the {service} service at {host} does not know the address (HTTP {status})', fr: 'le service {service} sur {host} ne connaît pas l’adresse (HTTP {status})' },
  'api.tooMany': { en: 'the {service} service limits the number of requests (HTTP {status})', fr: 'le service {service} limite le nombre de requêtes (HTTP {status})' },
  'api.unavailable': { en: 'the {service} service at {host} has a problem of its own (HTTP {status}) {words}', fr: 'le service {service} sur {host} est en panne (HTTP {status}) {words}' },
  'api.refused': { en: 'the {service} service refused the request (HTTP {status}): {words}', fr: 'le service {service} a refusé la requête (HTTP {status}) : {words}' },
  'api.checkAddress': { en: 'check OS_AUTH_URL in the OpenRC file', fr: 'vérifiez OS_AUTH_URL dans le fichier OpenRC' },
  'api.checkNetwork': { en: "check this computer's network, its firewall and its name service", fr: 'vérifiez le réseau de cet ordinateur, son pare-feu et sa résolution de noms' },
  'api.checkClock': { en: "check this computer's clock: date -u", fr: 'vérifiez l’horloge de cet ordinateur : date -u' },
  'api.later': { en: 'try again in a few minutes', fr: 'réessayez dans quelques minutes' },
  'api.loginAgain': { en: 'type the command again: it logs in anew', fr: 'tapez à nouveau la commande : elle se reconnectera' },
  'api.statusPage': { en: 'see whether OVH announces a disturbance: https://public-cloud.status-ovhcloud.com', fr: 'voyez si OVH annonce un incident : https://public-cloud.status-ovhcloud.com' },

  'login.refused': { en: 'the login of {username} was refused (401): the user name or the password is wrong', fr: 'la connexion de {username} a été refusée (401) : le nom d’utilisateur ou le mot de passe est faux' },
  'login.userFix': { en: 'take the OpenStack user, user-…, not the account of the manager', fr: 'prenez l’utilisateur OpenStack, user-…, et non le compte de l’espace client' },
  'login.passwordFix': { en: 'make a new password: OVHcloud manager, Public Cloud, Users & Roles, "…" beside the user, Regenerate password', fr: 'créez un nouveau mot de passe : espace client OVHcloud, Public Cloud, Users & Roles, « … » à côté de l’utilisateur, Régénérer un mot de passe' },
  'login.project': { en: '{username} and the password are right, but the user may not enter the project {project} (401)', fr: '{username} et le mot de passe sont justes, mais l’utilisateur n’a pas accès au projet {project} (401)' },
  'login.projectFix': { en: 'make the user in that project: OVHcloud manager, Public Cloud, the project, Users & Roles', fr: 'créez l’utilisateur dans ce projet : espace client OVHcloud, Public Cloud, le projet, Users & Roles' },
  'login.projectsFix': { en: 'the user may enter: {projects}', fr: 'l’utilisateur a accès à : {projects}' },

  'check.login': { en: 'login of {username}', fr: 'connexion de {username}' },
  'check.clock': { en: "this computer's clock", fr: 'horloge de cet ordinateur' },
  'clock.unknown': { en: 'OVH did not say what time it is', fr: 'OVH n’a pas donné l’heure' },
  'clock.look': { en: 'compare it with a good clock: date -u', fr: 'comparez-la avec une bonne horloge : date -u' },
  'clock.ahead': { en: 'it is {minutes} min ahead', fr: 'elle avance de {minutes} min' },
  'clock.behind': { en: 'it is {minutes} min behind', fr: 'elle retarde de {minutes} min' },
  'clock.fix': { en: 'set it by the network: sudo timedatectl set-ntp true', fr: 'réglez-la par le réseau : sudo timedatectl set-ntp true' },
  'check.roles': { en: 'roles of the user', fr: 'rôles de l’utilisateur' },
  'roles.missing': { en: 'these are missing: {roles}', fr: 'il manque : {roles}' },
  'roles.fix': { en: 'OVHcloud manager, Public Cloud, Users & Roles, "…" beside the user, Edit roles: tick all of them, Administrator above all', fr: 'espace client OVHcloud, Public Cloud, Users & Roles, « … » à côté de l’utilisateur, Modifier les rôles : cochez-les tous, Administrator avant tout' },

  'check.region': { en: 'region {region}', fr: 'région {region}' },
  'region.unknown': { en: 'the catalog has no region {region}', fr: 'le catalogue n’a pas de région {region}' },
  'region.partial': { en: '{region} exists, but not for: {services}', fr: '{region} existe, mais pas pour : {services}' },
  'region.near': { en: 'did you mean {regions}?', fr: 'vouliez-vous dire {regions} ?' },
  'region.list': { en: 'regions that have everything: {regions}', fr: 'régions qui ont tout : {regions}' },
  'region.noEndpoint': { en: 'the catalog has no public address of the {service} service in {region}', fr: 'le catalogue n’a pas d’adresse publique du service {service} dans {region}' },
  'region.badEndpoint': { en: 'the address of the {service} service in {region} is not one that a password can be trusted to', fr: 'l’adresse du service {service} dans {region} n’est pas de celles à qui confier un mot de passe' },
  'check.zone': { en: 'availability zone', fr: 'zone de disponibilité' },
  'zone.needed': { en: '{region} has several zones, and none was chosen', fr: '{region} a plusieurs zones, et aucune n’a été choisie' },
  'zone.unknown': { en: '{region} has no zone {zone} for servers and volumes', fr: '{region} n’a pas de zone {zone} pour serveurs et volumes' },
  'zone.choose': { en: 'choose one of: {zones}', fr: 'choisissez parmi : {zones}' },
  'check.volumeType': { en: 'volume type {type}', fr: 'type de volume {type}' },
  'volumeType.unknown': { en: '{region} has no volume type {type}', fr: '{region} n’a pas de type de volume {type}' },
  'choose.list': { en: 'there are: {names}', fr: 'il y a : {names}' },
  'choose.near': { en: 'did you mean {names}?', fr: 'vouliez-vous dire {names} ?' },

  'check.flavor': { en: 'flavor {flavor}', fr: 'gabarit {flavor}' },
  'flavor.unknown': { en: 'there is no flavor {flavor} in this region', fr: 'il n’y a pas de gabarit {flavor} dans cette région' },
  'flavor.memory': { en: '{flavor} has {memory} GiB of memory; at least {least} are needed', fr: '{flavor} a {memory} Gio de mémoire ; il en faut au moins {least}' },
  'flavor.disk': { en: '{flavor} has a disk of {disk} GiB; at least {least} are needed', fr: '{flavor} a un disque de {disk} Gio ; il en faut au moins {least}' },
  'flavor.tight': { en: '{flavor} has {memory} GiB of memory: enough to begin with, little for a large copropriété', fr: '{flavor} a {memory} Gio de mémoire : assez pour débuter, peu pour une grande copropriété' },
  'flavor.recommend': { en: 'recommended: {flavor} ({memory} GiB of memory, {cores} vCPU, {disk} GiB of disk)', fr: 'recommandé : {flavor} ({memory} Gio de mémoire, {cores} vCPU, {disk} Gio de disque)' },
  'check.image': { en: 'image {image}', fr: 'image {image}' },
  'image.unknown': { en: '{region} has no image {image}', fr: '{region} n’a pas d’image {image}' },
  'image.fix': { en: 'take "Debian 13", or another region', fr: 'prenez « Debian 13 », ou une autre région' },
  'image.notReady': { en: 'the image {image} is there, but not ready', fr: 'l’image {image} existe, mais n’est pas prête' },
  'image.several': { en: 'there are {count} images called {image}', fr: 'il y a {count} images nommées {image}' },
  'image.severalFix': { en: "rename or delete the project's own image of that name", fr: 'renommez ou supprimez l’image du projet qui porte ce nom' },
  'image.tooLarge': { en: '{image} needs {disk} GiB of disk and {memory} GiB of memory, more than {flavor} has', fr: '{image} demande {disk} Gio de disque et {memory} Gio de mémoire, plus que {flavor} n’en a' },
  'image.tooLargeFix': { en: 'take a larger flavor', fr: 'prenez un gabarit plus grand' },
  'check.network': { en: 'network {network}', fr: 'réseau {network}' },
  'network.unknown': { en: '{region} has no network {network} that this project may use', fr: '{region} n’a pas de réseau {network} que ce projet puisse utiliser' },
  'network.fix': { en: "OVH's public network is called Ext-Net; when it is missing, ask OVH's support to activate it in this region", fr: 'le réseau public d’OVH s’appelle Ext-Net ; s’il manque, demandez au support OVH de l’activer dans cette région' },
  'network.several': { en: 'there are several networks called {network}', fr: 'il y a plusieurs réseaux nommés {network}' },
  'network.severalFix': { en: "rename the project's own network {network}", fr: 'renommez le réseau {network} du projet' },
  'network.down': { en: 'the network {network} is not in service ({status})', fr: 'le réseau {network} n’est pas en service ({status})' },
  'network.internal': { en: 'the network {network} does not lead to the internet', fr: 'le réseau {network} ne mène pas à internet' },
  'check.serverName': { en: 'server name {name}', fr: 'nom de serveur {name}' },
  'serverName.taken': { en: 'there is a server {name} already ({id}, {status})', fr: 'il y a déjà un serveur {name} ({id}, {status})' },
  'serverName.fix': { en: 'take another name for the installation, or delete that server in the OVHcloud manager when nobody needs it', fr: 'prenez un autre nom d’installation, ou supprimez ce serveur dans l’espace client OVHcloud si personne n’en a besoin' },

  'check.instances': { en: 'quota: servers', fr: 'quota : serveurs' },
  'check.cores': { en: 'quota: vCPUs', fr: 'quota : vCPU' },
  'check.memory': { en: 'quota: memory in GiB', fr: 'quota : mémoire en Gio' },
  'check.volumes': { en: 'quota: volumes', fr: 'quota : volumes' },
  'check.gigabytes': { en: 'quota: space of volumes in GiB', fr: 'quota : espace des volumes en Gio' },
  'quota.short': { en: '{wanted} needed, {left} left ({used} of {limit} used)', fr: '{wanted} nécessaires, {left} disponibles ({used} utilisés sur {limit})' },
  'quota.remove': { en: 'delete servers or volumes of the project that nobody needs', fr: 'supprimez les serveurs ou volumes du projet dont personne n’a besoin' },
  'quota.raise': { en: 'have it raised: OVHcloud manager, Public Cloud, Quota and Regions', fr: 'faites-le augmenter : espace client OVHcloud, Public Cloud, Quota et régions' },

  'api.noToken': { en: 'a token for the OVH API is missing', fr: 'il manque un jeton pour l’API OVH' },
  'check.because': { en: '{what}: {cause}', fr: '{what} : {cause}' },
  'server.title': { en: 'Server at OVH', fr: 'Serveur chez OVH' },
  'server.preparing': { en: 'preparing Terraform', fr: 'préparation de Terraform' },
  'server.bring': { en: 'bring the server to what Terraform plans', fr: 'mettre le serveur dans l’état que Terraform prévoit' },
  'server.make': { en: 'make the server {name} ({flavor}, Debian 13, {region}) with a firewall: SSH, HTTP and HTTPS only', fr: 'créer le serveur {name} ({flavor}, Debian 13, {region}) avec un pare-feu : SSH, HTTP et HTTPS seulement' },
  'server.makeDisks': { en: 'make two data disks ({type}): {postgres} GB for the database, {documents} GB for documents', fr: 'créer deux disques de données ({type}) : {postgres} Go pour la base de données, {documents} Go pour les documents' },
  'server.makeBucket': { en: 'make the bucket {bucket} in {region}, and a user who can reach nothing else', fr: 'créer le bucket {bucket} à {region}, et un utilisateur qui n’a accès à rien d’autre' },
  'server.otherProject': { en: 'this installation was built in the project {built}, and the credentials are for the project {given}', fr: 'cette installation a été construite dans le projet {built}, et les identifiants sont ceux du projet {given}' },
  'server.otherProjectFix': { en: 'give the OpenRC file of that project; for another project, take another installation name', fr: 'donnez le fichier OpenRC de ce projet ; pour un autre projet, prenez un autre nom d’installation' },
  'plan.wouldLose': { en: 'this would destroy what holds data: {names}; nothing was changed', fr: 'cela détruirait ce qui contient des données : {names} ; rien n’a été modifié' },
  'plan.wouldLoseFix': { en: 'give the answers as they were before (region, zone, type and size of the disks, name of the bucket)', fr: 'redonnez les réponses d’avant (région, zone, type et taille des disques, nom du bucket)' },
  'plan.notYet': { en: 'what Terraform will do is known once its state was taken over', fr: 'ce que Terraform fera sera connu une fois son état repris' },
  'plan.asLastSeen': { en: 'Terraform would, as it last saw what stands:', fr: 'Terraform, d’après ce qu’il a vu en dernier, va :' },
  'plan.typeName': { en: 'before that, the name of the server has to be typed: {name} (without a terminal: --confirm-replace {name})', fr: 'auparavant, il faut taper le nom du serveur : {name} (sans terminal : --confirm-replace {name})' },
  'plan.startAgain': { en: 'start the server, which was switched off for a change that broke off', fr: 'rallumer le serveur, qui avait été éteint pour une modification interrompue' },
  'power.switchingOff': { en: 'switching the server off, so that PostgreSQL ends properly ({status})', fr: 'extinction du serveur, pour que PostgreSQL se termine proprement ({status})' },
  'power.switchingOn': { en: 'starting the server ({status})', fr: 'démarrage du serveur ({status})' },
  'power.tooLong': { en: 'the server {id} is still {status} after {seconds} s', fr: 'le serveur {id} est toujours {status} après {seconds} s' },
  'power.byHand': { en: 'look at the server {id} in the OVHcloud manager, or in Horizon, and switch it off or on there; then type the same command again', fr: 'regardez le serveur {id} dans l’espace client OVHcloud, ou dans Horizon, et éteignez-le ou allumez-le là ; puis tapez à nouveau la même commande' },

  'dns.make': { en: 'lead {domain} to the server by DNS', fr: 'faire pointer {domain} vers le serveur par le DNS' },
  'dns.makeYourself': { en: 'wait until {domain} leads to the server: you enter the DNS records, and are told which', fr: 'attendre que {domain} pointe vers le serveur : vous saisissez les enregistrements DNS, qui vous seront indiqués' },
  'dns.noZone': { en: 'the OVH account has no zone for {domain}', fr: 'le compte OVH n’a pas de zone pour {domain}' },
  'dns.zones': { en: 'its zones: {zones}', fr: 'ses zones : {zones}' },
  'dns.elsewhereFix': { en: 'or say that the zone is managed elsewhere', fr: 'ou indiquez que la zone est gérée ailleurs' },

  'destroy.server': { en: 'the server {name} at OVH, its own disk, firewall and SSH key', fr: 'le serveur {name} chez OVH, son propre disque, son pare-feu et sa clé SSH' },
  'destroy.dns': { en: 'its DNS records in the zone {zone}; what was there before is restored', fr: 'ses enregistrements DNS dans la zone {zone} ; ce qui s’y trouvait avant est rétabli' },
  'destroy.yourDns': { en: 'not the DNS records of {domain}, which you entered yourself: remove them where you did', fr: 'mais pas les enregistrements DNS de {domain}, que vous avez saisis vous-même : supprimez-les au même endroit' },
  'destroy.bucketAccess': { en: 'the user and the key of the bucket {bucket}', fr: 'l’utilisateur et la clé du bucket {bucket}' },
  'destroy.data': { en: '{name}, with everything in it', fr: '{name}, avec tout son contenu' },
  'destroy.stays': { en: '{name}, which costs on. To destroy it as well: koprogo-infra destroy --with-data {name}', fr: '{name}, qui continue de coûter. Pour le détruire aussi : koprogo-infra destroy --with-data {name}' },
  'destroy.unknown': { en: 'this installation has no {name}', fr: 'cette installation n’a pas de {name}' },
  'destroy.names': { en: 'what can be named: {names}', fr: 'ce qui peut être nommé : {names}' },
  'destroy.nothing': { en: 'nothing: no disk or bucket is left', fr: 'rien : il ne reste ni disque ni bucket' },
  'destroy.looking': { en: 'looking whether anything is left at OVH', fr: 'recherche de ce qui resterait chez OVH' },
  'destroy.left': { en: 'there is still something of this installation at OVH: {names}', fr: 'il reste quelque chose de cette installation chez OVH : {names}' },
  'destroy.unseen': { en: 'could not be looked at: {what}: {why}. Look in the OVHcloud manager (Public Cloud) whether it is gone', fr: 'n’a pas pu être vérifié : {what} : {why}. Regardez dans l’espace client OVHcloud (Public Cloud) si cela a disparu' },
  'left.server': { en: 'server {name}', fr: 'serveur {name}' },
  'left.volume': { en: 'volume {name}', fr: 'volume {name}' },
  'left.attachment': { en: 'connection of the volume {name} to a server', fr: 'rattachement du volume {name} à un serveur' },
  'left.sshKey': { en: 'SSH key {name}', fr: 'clé SSH {name}' },
  'left.firewall': { en: 'firewall group {name}', fr: 'groupe du pare-feu {name}' },
  'left.port': { en: 'network port with the address {name}', fr: 'port réseau avec l’adresse {name}' },
  'left.bucketUsers': { en: 'list the users of the project', fr: 'lister les utilisateurs du projet' },
  'left.bucketUser': { en: 'user {id} of the bucket, with its S3 keys', fr: 'utilisateur {id} du bucket, avec ses clés S3' },
  'left.bucket': { en: 'bucket {name}', fr: 'bucket {name}' },
  'destroy.leftFix': { en: 'look at it in the OVHcloud manager, or in Horizon, and delete it there when nobody needs it; then type the same command again', fr: 'regardez-le dans l’espace client OVHcloud, ou dans Horizon, et supprimez-le si personne n’en a besoin ; puis tapez à nouveau la même commande' },
} as const satisfies Vocabulary;

export type WordId = keyof typeof WORDS;

type Filling = string | number | Said;

/** Something to be said, in whatever language: an entry of the table and what its {names} stand for. */
export interface Said {
  id: WordId;
  with: Readonly<Record<string, Filling>>;
}

/** The compiler asks for exactly the names that the English text has. */
export function say<Id extends WordId>(id: Id, filling: Readonly<Record<Names<(typeof WORDS)[Id]['en']>, Filling>>): Said {
  return { id, with: filling };
}

/** The sentence in a language. Control characters in what was filled in become blanks; numbers have one decimal at most. */
export function inWords(said: Said, language: Language): string {
  const filling = Object.entries(said.with).map(([name, found]) => [name, typeof found === 'object' ? inWords(found, language) : typeof found === 'string' ? found.replace(/\p{C}+/gu, ' ').slice(0, 500) : found]);
  return fillIn(WORDS[said.id], Object.fromEntries(filling) as Record<string, string | number>, language).trimEnd();
}

/** The whole table, for tests and translators. */
export const allWords: Vocabulary = WORDS;
