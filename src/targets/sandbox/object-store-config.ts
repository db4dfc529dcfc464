import { z } from 'zod';

/** The key's name that RGW's built-in test KMS knows; asked for as `aws:kms`, because RGW silently ignores AES256. */
export const KMS_KEY_ID = 'testkey-1';
/** How large the object store can grow: the size of the sparse file behind it, in bytes. */
const CAPACITY = 64 * 1024 ** 3;

export const storeIdentity = z.object({
  fsid: z.uuid(),
  osdUuid: z.uuid(),
  monPort: z.number().int().min(1).max(65535),
  kmsKey: z.string().regex(/^[A-Za-z0-9+/]{43}=$/),
});
/** What a store is made with once, and keeps. `kmsKey` encrypts its objects: a throw-away key for data on this computer. */
export type StoreIdentity = z.infer<typeof storeIdentity>;

/**
 * A whole Ceph of our own in one directory: one monitor, one OSD, one RGW, all on loopback, nothing in /etc/ceph.
 * No cephx: everything listens on 127.0.0.1 only and RGW checks the S3 signatures.
 * `ms mon client mode` must be said, because radosgw wants "secure", which does not exist without cephx.
 * No admin sockets: their paths would be too long in a deep directory, and nothing uses them.
 */
export function cephConf(directory: string, port: number, identity: StoreIdentity): string {
  return `[global]
fsid = ${identity.fsid}
mon host = [v2:127.0.0.1:${identity.monPort}]
mon initial members = a
public addr = 127.0.0.1
ms bind msgr1 = false
ms mon client mode = crc
ms client mode = crc
ms cluster mode = crc
ms service mode = crc
ms mon cluster mode = crc
ms mon service mode = crc
auth cluster required = none
auth service required = none
auth client required = none
keyring = ${directory}/keyring
admin socket =
pid file = ${directory}/$name.pid
log file = ${directory}/$name.log
mon cluster log file = ${directory}/cluster.log
mon data = ${directory}/mon
mon data avail crit = 1
mon data avail warn = 2
mon allow pool size one = true
mon max pg per osd = 1000
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
osd data = ${directory}/osd
osd objectstore = bluestore
bluestore block size = ${CAPACITY}
bluestore cache autotune = false
bluestore cache size = 134217728
client mount timeout = 60
rgw data = ${directory}/rgw
debug ms = 0
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:${port}
rgw init timeout = 90
rgw enable usage log = false
rgw crypt require ssl = false
rgw crypt s3 kms backend = testing
rgw crypt s3 kms encryption keys = ${KMS_KEY_ID}=${identity.kmsKey}
rgw lc debug interval = 10
`;
}
