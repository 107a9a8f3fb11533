import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { CID } from 'multiformats/cid'
import t from 'tap'
import { verifyBlock } from '../../../core/content/hashes.ts'
import { openAt } from './stores.ts'

const ROUNDS = 6

t.test('SIGKILL at any moment: every acknowledged block is there, and whole', async t => {
  const directory = t.testdir()
  const script = new URL('put-forever.ts', import.meta.url).pathname
  const held = new Map<string, CID>()
  let acknowledged = 0

  for (let round = 0; round < ROUNDS; round++) {
    const child = spawn(process.execPath, [script, directory], { stdio: ['ignore', 'pipe', 'inherit'] })
    const exited = once(child, 'exit')
    const killAfter = acknowledged + 1 + randomInt(150)
    for await (const line of createInterface({ input: child.stdout })) {
      if (line.startsWith('+')) {
        const cid = CID.parse(line.slice(1))
        held.set(Buffer.from(cid.multihash.bytes).toString('hex'), cid)
        if (++acknowledged >= killAfter) child.kill('SIGKILL')
      } else held.delete(line.slice(1))
    }
    await exited

    const storage = await openAt(t, directory)
    for (const cid of held.values()) {
      const bytes = await storage.blocks.get(cid)
      if (!verifyBlock(cid, bytes)) throw new Error(`block ${cid} reads as another`)
    }
    // What was written but not acknowledged may be there too; then it is whole.
    for (const { hash, size } of storage.blocks.list()) {
      const cid = held.get(Buffer.from(hash).toString('hex'))
      if (cid && storage.blocks.sizeOf(cid) !== size) throw new Error(`block ${cid} has two sizes`)
    }
    t.ok(held.size > 0, `round ${round + 1}: ${held.size} blocks held of ${acknowledged} acknowledged`)
    await storage.close()
  }
})
