import { join } from 'node:path'
import t from 'tap'
import { silentLogger } from '../../../core/logger.ts'
import { openStorage } from '../../../core/storage/open.ts'
import { QUIET } from '../../helpers/quiet-node.ts'
import { SkepProcess, skep } from '../../helpers/skep-process.ts'
import { temporaryDirectory } from '../../helpers/temporary-directory.ts'

const MIB = 1024 * 1024

t.test(
  'looking into a store, checking and repairing it, of a node that runs and one that is stopped',
  async t => {
    const directory = join(await temporaryDirectory(t), 'node')
    const node = await SkepProcess.start(directory, QUIET)
    t.teardown(() => node.end('SIGKILL'))
    const { stdout } = await node.run(['add', '-', '--json'], { input: Buffer.alloc(3 * MIB, 'skep') })
    const { cid } = JSON.parse(stdout)

    const running = await node.json<{ segmentBlocks: number }>(['storage', 'stats'])
    t.match(running, { segmentBlocks: 1, inlineBlocks: 1, quarantine: { slots: 0 } })
    t.match(await node.run(['storage', 'stats']), {
      code: 0,
      stdout: /^blocks +2: 1 in the index, 1 in segments$/m,
    })
    t.match(await node.json(['storage', 'verify-refs']), {
      pins: 1,
      nodes: 2,
      links: 1,
      faults: 0,
      repaired: 0,
    })
    t.match(await node.run(['storage', 'compact']), { code: 1, stderr: /is in use|uses/ })
    await node.end()

    t.match(JSON.parse((await node.run(['storage', 'stats', '--json'])).stdout), { segmentBlocks: 1 })
    t.match(await node.run(['storage', 'verify-refs']), {
      code: 0,
      stdout: /^1 pins, 2 blocks, 1 links: 0 wrong, 0 repaired$/m,
    })

    // What no command does: a count that is off.
    const storage = await openStorage(
      { directory, maxBytes: 64 * MIB, minFreeDiskBytes: 0, mapBytes: 64 * MIB },
      { log: silentLogger },
    )
    const roots = storage.index.bucket('pin-roots')
    const [root] = roots.keys()
    if (!root) throw new Error('nothing is pinned')
    await storage.index.write(batch => {
      batch.delete(roots, root)
      batch.put(
        roots,
        Buffer.concat([root.subarray(0, 10), Buffer.alloc(24, 1), root.subarray(34)]),
        Buffer.of(1),
      )
    })
    await storage.close()

    const wrong = await node.run(['storage', 'verify-refs', '--json'])
    t.equal(wrong.code, 1)
    const lines = wrong.stdout
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
    t.match(lines.at(-1), { faults: lines.length - 1, repaired: 0 })
    t.ok(lines.some(({ kind, cid: of }) => kind === 'count' && of === cid))
    t.match(JSON.parse(wrong.stderr), { error: { code: 'REFERENCES_WRONG' } })

    // The scrub would find it first, and the node would end.
    const alone = [...QUIET, '--set', 'plugins.verification.enabled=false']
    const again = await SkepProcess.start(directory, alone)
    t.teardown(() => again.end('SIGKILL'))
    t.match(await again.run(['storage', 'verify-refs']), {
      code: 1,
      stdout: new RegExp(`^${cid}  is counted 2 times, and has 1 owners$`, 'm'),
      stderr: /verify-refs --repair/,
    })
    t.match(await again.run(['storage', 'verify-refs', '--repair']), { code: 0 })
    t.match(await again.json(['storage', 'verify-refs']), { pins: 1, faults: 0 })
    await again.end()

    t.match(await node.run(['storage', 'compact', '--json']), {
      code: 0,
      stdout: /"beforeBytes":\d+,"afterBytes":\d+/,
    })
    t.match(await node.run(['storage', 'verify-refs']), { code: 0 })
  },
)

t.test('where there is no store, none is made', async t => {
  const directory = join(await temporaryDirectory(t), 'nothing')
  for (const command of ['stats', 'verify-refs', 'compact']) {
    t.match(
      await skep(['storage', command, '--data', directory]),
      { code: 3, stderr: /no store in/ },
      command,
    )
  }
})
