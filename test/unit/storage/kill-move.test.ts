import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout } from 'node:timers/promises'
import { CID } from 'multiformats/cid'
import t from 'tap'
import { verifyBlock } from '../../../core/content/hashes.ts'
import { sampleDisk } from '../../helpers/disk-sampler.ts'
import { MIB, openAt, segmentFiles } from './stores.ts'

const ROUNDS = 6
const CAP = 32 * MIB

t.test('SIGKILL while blocks move: every one that was kept is there, and the bound holds', async t => {
  const directory = t.testdir()
  const script = new URL('move-forever.ts', import.meta.url).pathname
  const kept = new Map<string, CID>()
  const sampler = await sampleDisk(directory)
  for (let round = 0; round < ROUNDS; round++) {
    const child = spawn(process.execPath, [script, directory, ...kept.keys()], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const exited = once(child, 'exit')
    const killer = new AbortController()
    for await (const line of createInterface({ input: child.stdout })) {
      if (line === 'round') {
        // From now on one size makes way for another: any moment of that will do.
        setTimeout(randomInt(400), undefined, killer).then(
          () => child.kill('SIGKILL'),
          () => undefined,
        )
        continue
      }
      const cid = CID.parse(line)
      kept.set(Buffer.from(cid.multihash.bytes).toString('hex'), cid)
    }
    const [, signal] = await exited
    killer.abort()
    t.equal(signal, 'SIGKILL')

    const storage = await openAt(t, directory, { maxBytes: CAP })
    for (const cid of kept.values()) {
      if (!verifyBlock(cid, await storage.blocks.get(cid))) throw new Error(`block ${cid} reads as another`)
    }
    for (const { hash } of storage.blocks.list()) await storage.blocks.inspect(hash, () => true)
    t.ok(storage.blocks.stats().usedBytes <= CAP, `round ${round + 1}: ${kept.size} blocks kept`)
    await storage.close()
  }
  const { maxBytes } = await sampler.end()
  t.ok(maxBytes <= CAP, `${maxBytes} of ${CAP} bytes at most`)
  t.ok(segmentFiles(directory).length > 0)
})
