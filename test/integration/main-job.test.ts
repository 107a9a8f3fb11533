import { cp, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { createNamespace, namespacesMissing } from '../helpers/namespace.ts'
import { SkepProcess } from '../helpers/skep-process.ts'
import { temporaryDirectory } from '../helpers/temporary-directory.ts'
import { describeTree, hashFile } from '../helpers/tree.ts'

/** Some 4,000 real files in nested folders. */
const REAL_TREE = fileURLToPath(new URL('../../node_modules/@libp2p', import.meta.url))

t.test('two nodes that know nothing of each other', { skip: await namespacesMissing() }, async t => {
  await using namespace = await createNamespace()
  const options = { namespace: namespace.name }
  const directory = await temporaryDirectory(t)
  const port = ['--set', 'plugins.monitoring.port=0']
  const [alice, bob] = await Promise.all([
    SkepProcess.start(join(directory, 'alice'), port, options),
    SkepProcess.start(join(directory, 'bob'), port, options),
  ])
  t.teardown(() => Promise.all([alice.end(), bob.end()]))

  await t.test('find each other by mDNS', async t => {
    const found = await eventually('bob to connect to alice', async () => {
      const { peers } = await bob.status()
      return peers.find(({ peer, liveness }) => peer === alice.ready.peerId && liveness === 'connected')
    })
    t.equal(found.peer, alice.ready.peerId)
  })

  await t.test('a file of more than 100 MB', async t => {
    const { cid } = await alice.json<{ cid: string }>(['add', process.execPath])
    const output = join(directory, 'received')
    await bob.json(['get', cid, '-o', output])
    t.equal(await hashFile(output), await hashFile(process.execPath))
  })

  await t.test('a tree of more than 2,000 files, with names, modes and symlinks', async t => {
    const tree = join(directory, 'tree')
    await cp(REAL_TREE, tree, { recursive: true, verbatimSymlinks: true })
    await symlink('package.json', join(tree, 'a link'))
    const before = await describeTree(tree)
    t.ok(before.filter(line => line.startsWith('file')).length >= 2000, 'the tree is large enough')

    const { cid } = await alice.json<{ cid: string }>(['add', tree, '--hidden', '--preserve-mode'])
    const output = join(directory, 'tree received')
    await bob.json(['get', cid, '-o', output])
    t.same(await describeTree(output), before)
  })
})
