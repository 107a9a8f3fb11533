import type { FuzzTarget } from './target.ts'
import { ADMISSION_TARGETS } from './targets/admission.ts'
import { CLIENT_TARGETS } from './targets/client.ts'
import { CONTENT_TARGETS } from './targets/content.ts'
import { CONTROL_TARGETS } from './targets/control.ts'
import { DELEGATED_TARGETS } from './targets/delegated.ts'
import { DISCOVERY_TARGETS } from './targets/discovery.ts'
import { EXCHANGE_TARGETS } from './targets/exchange.ts'
import { FLEET_TARGETS } from './targets/fleet.ts'
import { HTTP_TARGETS } from './targets/http.ts'
import { INDEX_TARGETS } from './targets/index.ts'
import { LMDB_TARGETS } from './targets/lmdb.ts'
import { MEMBERS_TARGETS } from './targets/members.ts'
import { MUXER_TARGETS } from './targets/muxers.ts'
import { NAT_TARGETS } from './targets/nat.ts'
import { NETWORK_TARGETS } from './targets/network.ts'
import { RECORD_TARGETS } from './targets/records.ts'
import { STORAGE_TARGETS } from './targets/storage.ts'
import { TABLE_TARGETS } from './targets/tables.ts'
import { TAR_TARGETS } from './targets/tar.ts'
import { TEXT_TARGETS } from './targets/text.ts'

/** Every codec and parser that reads what comes from elsewhere: other nodes, disks, files, people. */
export const TARGETS: readonly FuzzTarget[] = [
  ...EXCHANGE_TARGETS,
  ...MEMBERS_TARGETS,
  ...RECORD_TARGETS,
  ...TABLE_TARGETS,
  ...STORAGE_TARGETS,
  ...INDEX_TARGETS,
  ...FLEET_TARGETS,
  ...DISCOVERY_TARGETS,
  ...DELEGATED_TARGETS,
  ...CONTENT_TARGETS,
  ...NETWORK_TARGETS,
  ...MUXER_TARGETS,
  ...NAT_TARGETS,
  ...TEXT_TARGETS,
  ...TAR_TARGETS,
  ...CONTROL_TARGETS,
  ...HTTP_TARGETS,
  ...CLIENT_TARGETS,
  ...ADMISSION_TARGETS,
  ...LMDB_TARGETS,
]
