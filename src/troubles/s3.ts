import type { Entry } from './trouble.js';

/** S3 servers, as Terraform, command line clients and the SDK pass their codes and sentences on. */
export const S3: readonly Entry[] = [
  {
    id: 's3.signature',
    pattern: /\bSignatureDoesNotMatch\b|The request signature we calculated does not match/i,
    cause: { en: 'the S3 secret key does not belong to the access key (the signature does not match)', fr: 'la clé secrète S3 ne va pas avec la clé d’accès (la signature ne correspond pas)' },
    fix: { en: 'enter both keys again without blanks around them, check the region, and the clock with: date -u', fr: 'saisissez de nouveau les deux clés, sans blanc autour, vérifiez la région, et l’horloge avec : date -u' },
  },
  {
    id: 's3.clock',
    pattern: /\bRequestTimeTooSkewed\b|difference between the request time and the (?:current|server's) time is too large/i,
    cause: { en: 'the clock is wrong: the S3 server refuses the time of the request', fr: 'l’horloge est fausse : le serveur S3 refuse l’heure de la requête' },
    fix: { en: 'set the clock: timedatectl set-ntp true; compare with: date -u', fr: 'réglez l’horloge : timedatectl set-ntp true ; comparez avec : date -u' },
  },
  {
    id: 's3.access-key',
    pattern: /\bInvalidAccessKeyId\b|Access Key Id you provided does not exist/i,
    cause: { en: 'the S3 server does not know the access key', fr: 'le serveur S3 ne connaît pas la clé d’accès' },
    fix: { en: 'check the access key and that the endpoint is that of its region; a new key is made where the bucket is managed', fr: 'vérifiez la clé d’accès, et que le point d’accès est bien celui de sa région ; une nouvelle clé se crée là où le bucket est géré' },
  },
  {
    id: 's3.no-bucket',
    pattern: /\bNoSuchBucket\b|The specified bucket does not exist/i,
    cause: { en: 'there is no such bucket at this endpoint', fr: 'ce bucket n’existe pas à ce point d’accès' },
    fix: { en: 'check the bucket name, the endpoint and the region, or have it created: koprogo-infra setup', fr: 'vérifiez le nom du bucket, le point d’accès et la région, ou faites-le créer : koprogo-infra setup' },
  },
  {
    id: 's3.bucket-taken',
    pattern: /\bBucketAlreadyExists\b|The requested bucket name is not available/i,
    cause: { en: 'the bucket name belongs to somebody else', fr: 'le nom de bucket appartient à quelqu’un d’autre' },
    fix: { en: 'choose another bucket name, for example with the name of the association in it: koprogo-infra setup', fr: 'choisissez un autre nom de bucket, par exemple avec le nom de l’association : koprogo-infra setup' },
  },
  {
    id: 's3.slow-down',
    pattern: /\bSlowDown\b|Please reduce your request rate/i,
    cause: { en: 'the S3 server is overloaded or has had too many requests', fr: 'le serveur S3 est surchargé ou a reçu trop de requêtes' },
    fix: { en: 'wait some minutes, then type the same command again', fr: 'attendez quelques minutes, puis relancez la même commande' },
  },
  {
    id: 's3.checksum',
    pattern: /\bXAmzContentSHA256Mismatch\b|provided 'x-amz-content-sha256' header does not match/i,
    cause: { en: 'the data changed on the way to the S3 server, or the server does not understand the checksum', fr: 'les données ont changé en chemin vers le serveur S3, ou celui-ci ne comprend pas la somme de contrôle' },
    fix: { en: 'type the same command again; if it stays so, a proxy alters requests: connect without it', fr: 'relancez la même commande ; si cela persiste, un proxy modifie les requêtes : connectez-vous sans lui' },
  },
  {
    id: 's3.region',
    pattern: /\bAuthorizationHeaderMalformed\b|\bPermanentRedirect\b|\bIllegalLocationConstraintException\b|The authorization header is malformed; the region/i,
    cause: { en: 'the bucket is in another region than the one that was given', fr: 'le bucket est dans une autre région que celle indiquée' },
    fix: { en: 'give the region and the endpoint of the bucket, for OVH: gra and https://s3.gra.io.cloud.ovh.net', fr: 'indiquez la région et le point d’accès du bucket, pour OVH : gra et https://s3.gra.io.cloud.ovh.net' },
  },
  {
    id: 's3.quota',
    pattern: /\bQuotaExceeded\b|\bTooManyBuckets\b|attempted to create more buckets than allowed/i,
    cause: { en: 'the quota of the S3 account is used up', fr: 'le quota du compte S3 est épuisé' },
    fix: { en: 'delete buckets or objects that are not needed, or raise the quota', fr: 'supprimez les buckets ou objets inutiles, ou augmentez le quota' },
  },
  {
    id: 's3.denied',
    pattern: /(?:S3|PutObject|GetObject|HeadBucket|HeadObject|ListObjects(?:V2)?|CreateBucket|DeleteObject|ListBuckets|<Code>)[^\n]{0,200}\bAccessDenied\b/i,
    cause: { en: 'this S3 key is not allowed to do that', fr: 'cette clé S3 n’a pas le droit de faire cela' },
    fix: { en: 'give the key the rights on the bucket that docs/backup.md lists, and check that the bucket belongs to this account', fr: 'donnez à la clé les droits sur le bucket que liste docs/backup.md, et vérifiez que le bucket appartient à ce compte' },
  },
];
