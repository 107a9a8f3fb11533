import t from 'tap'
import { exportedCodecs, isThere, readers } from '../../scripts/bench/fuzz/codecs.ts'
import { targetsWithInputs } from '../../scripts/bench/fuzz/kept-inputs.ts'
import { TARGETS } from '../../scripts/bench/fuzz/targets.ts'

/** What no target names, each for a reason. */
const EXCLUDED: Readonly<Record<string, string>> = {
  'plugins/routing/wire/kad.proto#KadMessage': 'is only written here: @libp2p/kad-dht reads what comes',
}

/** Files that read, and that no target names, each for a reason. */
const READ_BY_OTHERS: Readonly<Record<string, string>> = {
  'core/cli/tree-reader.ts': 'names of files here, by a TextDecoder alone',
  'core/cli/version.ts': 'what the build itself has put in',
  'core/content/holds.ts': 'a hash, of which any bits do',
  'core/content/shards.ts': 'hashes and CIDs that it has just made',
  'core/content/tree-importer.ts': 'CIDs that it has just made',
  'core/control/remote-boards.ts': 'ids of the roster, which is read before',
  'core/fleet/fleet.ts': 'the host of an invite, which is read before',
  'core/fleet/joining.ts': 'messages of the fleet, which have a target each',
  'core/fleet/keys.ts': 'ids of the roster and of invites, which are read before',
  'core/messages/define.ts': 'by the codec of each protocol, which has a target',
  'core/network/base58-bounds.ts': 'nothing: it bounds what others read',
  'core/network/dialer.ts': 'addresses that a user dials, by @multiformats alone',
  'plugins/cache/index.ts': 'chance',
  'plugins/discovery/config.ts': 'addresses of the configuration, which are read before',
  'plugins/discovery/peer-finder.ts': 'addresses of the configuration, which are read before',
  'plugins/discovery/wire/codec.ts': 'by the messages of the schema, which have a target each',
  'plugins/nat/relay-client.ts': 'an id of an address of its own',
  'plugins/reputation/credits.ts': 'ids of the peer table',
  'plugins/routing/dht/key-space.ts': 'a hash that it has just made',
  'plugins/routing/members/holdings.ts': 'keys of the index, of which a wrong one names no block',
  'plugins/routing/members/known-members.ts': 'chance',
  'plugins/routing/routing-node.ts': 'addresses of the configuration, which are read before',
}

t.test('whoever reads has a target', async t => {
  const covered = new Set(TARGETS.flatMap(({ covers }) => covers.map(name => name.split('#')[0])))
  const found = await readers()
  t.ok(found.length > 40, `${found.length} files read`)
  for (const path of found)
    if (!covered.has(path) && !READ_BY_OTHERS[path])
      t.fail(`no target names anything in ${path}: add one beneath scripts/bench/fuzz/targets`)
  for (const path of Object.keys(READ_BY_OTHERS))
    t.ok(found.includes(path) && !covered.has(path), `${path} reads, and no target names it`)
})

t.test('every codec and parser has a target', async t => {
  const covered = new Set(TARGETS.flatMap(({ covers }) => covers))
  const exported = await exportedCodecs()
  t.ok(exported.length > 40, `${exported.length} codecs are found`)
  for (const codec of exported)
    if (!covered.has(codec) && !EXCLUDED[codec])
      t.fail(`no target names ${codec}: add one beneath scripts/bench/fuzz/targets`)
  for (const codec of Object.keys(EXCLUDED))
    t.ok(exported.includes(codec) && !covered.has(codec), `${codec} is excluded, and is there`)
})

t.test('what targets name is there', async t => {
  for (const { name, covers } of TARGETS)
    for (const codec of covers)
      if (!(await isThere(codec))) t.fail(`${name} names ${codec}, which is not there`)
})

t.test('names', async t => {
  const names = TARGETS.map(({ name }) => name)
  t.equal(new Set(names).size, names.length, 'each target has its own')
  for (const name of await targetsWithInputs())
    t.ok(names.includes(name), `the inputs kept for ${name} are tried`)
})
