import { attack as amplification } from './amplification.ts'
import type { AttackGroup } from './attack.ts'
import { attack as connectionFlood } from './connection-flood.ts'
import { attack as controlSocketAbuse } from './control-socket-abuse.ts'
import { attack as controlTcpAbuse } from './control-tcp-abuse.ts'
import { attack as deafAskers } from './deaf-askers.ts'
import { attack as decodeBombs } from './decode-bombs.ts'
import { attack as deepDag } from './deep-dag.ts'
import { attack as dhtAnswers } from './dht-answers.ts'
import { attack as dhtFlood } from './dht-flood.ts'
import { DHT_RECORDS, attack as dhtRecords } from './dht-records.ts'
import { attack as dialBack } from './dial-back.ts'
import { attack as endlessData } from './endless-data.ts'
import { attack as endlessLengths } from './endless-lengths.ts'
import { ENDLESS_ROUTER, attack as endlessRouter } from './endless-router.ts'
import { attack as endlessStreams } from './endless-streams.ts'
import { attack as endlessTree } from './endless-tree.ts'
import { attack as falseSizes } from './false-sizes.ts'
import { meetMember } from './fleet-of-victim.ts'
import { attack as forgedInvites } from './forged-invites.ts'
import { attack as forgedRosters } from './forged-rosters.ts'
import { attack as halfOpenHandshakes } from './half-open-handshakes.ts'
import { attack as haveButNeverSend } from './have-but-never-send.ts'
import { attack as hostileNames } from './hostile-names.ts'
import { attack as identifyFlood } from './identify-flood.ts'
import { attack as malformedMessages } from './malformed-messages.ts'
import { attack as mdnsFlood } from './mdns-flood.ts'
import { attack as monitoringAbuse } from './monitoring-abuse.ts'
import { attack as mplexFlood } from './mplex-flood.ts'
import { attack as oneByteASecond } from './one-byte-a-second.ts'
import { attack as oversizeLengths } from './oversize-lengths.ts'
import { attack as pingFlood } from './ping-flood.ts'
import { attack as poisonedIndex } from './poisoned-index.ts'
import { attack as privateAddresses } from './private-addresses.ts'
import { attack as rapidReset } from './rapid-reset.ts'
import { attack as sharedShards } from './shared-shards.ts'
import { attack as silentGuests } from './silent-guests.ts'
import { attack as slowReaders } from './slow-readers.ts'
import { attack as spoofedRecords } from './spoofed-records.ts'
import { attack as strangersAtAClosedFleet } from './strangers-at-a-closed-fleet.ts'
import { attack as streamFlood } from './stream-flood.ts'
import { attack as subnetFlood } from './subnet-flood.ts'
import { attack as symlinkEscape } from './symlink-escape.ts'
import { attack as tarBombs } from './tar-bombs.ts'
import { attack as wantFlood } from './want-flood.ts'
import { attack as wideAndDeep } from './wide-and-deep.ts'
import { attack as windowAbuse } from './window-abuse.ts'
import { attack as wrongBytes } from './wrong-bytes.ts'

/** All attacks, by the node that they are tried on. Each group has a test file, so that groups run beside each other. */
export const attacks = {
  content: {
    settings: [
      // Who lied is asked again a second later: a ban has to come of its lies, not of distrust.
      'plugins.exchange.distrustMs=1s',
      // The limit itself, sooner: nobody waits half a minute for it here.
      'plugins.exchange.stallTimeoutMs=2s',
    ].flatMap(setting => ['--set', setting]),
    attacks: [wrongBytes, haveButNeverSend, falseSizes, hostileNames, symlinkEscape],
  },
  dags: { attacks: [deepDag, endlessTree, sharedShards, wideAndDeep, decodeBombs] },
  http: {
    settings: [
      'control.port=0',
      // The limits themselves, sooner.
      'control.requestTimeoutMs=1s',
      'control.stallTimeoutMs=1s',
    ].flatMap(setting => ['--set', setting]),
    attacks: [tarBombs, controlSocketAbuse, controlTcpAbuse, monitoringAbuse],
  },
  connections: {
    attacks: [
      connectionFlood,
      halfOpenHandshakes,
      endlessLengths,
      oversizeLengths,
      endlessStreams,
      rapidReset,
      streamFlood,
      endlessData,
      pingFlood,
      deafAskers,
      identifyFlood,
      windowAbuse,
    ],
  },
  patience: { attacks: [slowReaders, oneByteASecond, wantFlood, mplexFlood] },
  peers: {
    settings: [
      ...['plugins.routing.dht.network=fleet', 'plugins.routing.dht.mode=server'].flatMap(setting => [
        '--set',
        setting,
      ]),
      ...DHT_RECORDS,
      ...ENDLESS_ROUTER,
    ],
    attacks: [
      spoofedRecords,
      amplification,
      malformedMessages,
      poisonedIndex,
      dhtFlood,
      dhtRecords,
      dhtAnswers,
      endlessRouter,
      forgedRosters,
    ],
  },
  fleet: {
    settings: ['--set', 'fleet.mode=closed'],
    meet: meetMember,
    attacks: [strangersAtAClosedFleet, forgedInvites, silentGuests],
  },
  internet: {
    settings: ['--set', 'plugins.discovery.mdns.enabled=true'],
    attacks: [subnetFlood, privateAddresses, dialBack, mdnsFlood],
  },
} satisfies Record<string, AttackGroup>
