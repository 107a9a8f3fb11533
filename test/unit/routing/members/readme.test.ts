import { readFile } from 'node:fs/promises'
import t from 'tap'
import { createMetrics } from '../../../../core/metrics.ts'
import { membersSchema } from '../../../../plugins/routing/members/config.ts'
import { membersError } from '../../../../plugins/routing/members/errors.ts'
import { packFingerprints } from '../../../../plugins/routing/members/fingerprint.ts'
import { createMembersMetrics } from '../../../../plugins/routing/members/metrics.ts'
import { encodeSubscribe, encodeUpdate } from '../../../../plugins/routing/members/wire/codec.ts'
import { helpsOf } from '../../../helpers/plugin-readme.ts'

const readme = await readFile(
  new URL('../../../../plugins/routing/members/README.md', import.meta.url),
  'utf8',
)

t.test('the README names every config key, metric and error', async t => {
  const metrics = createMetrics()
  createMembersMetrics(metrics.factory('routing'))
  const texts = [
    ...Object.entries(membersSchema).flatMap(([key, { doc }]) => [`\`members.${key}\``, doc]),
    ...helpsOf(await metrics.text()).flatMap(([metric, help]) => [`\`${metric}\``, help]),
    ...Object.entries(membersError.fixes).flatMap(([code, fix]) => [`\`${code}\``, fix]),
  ]
  t.ok(texts.length > 30)
  t.same(
    texts.filter(text => !readme.includes(text)),
    [],
  )
})

t.test("the README's worked exchange is what goes over the wire", async t => {
  const epoch = new Uint8Array(Buffer.from('0123456789abcdef', 'hex'))
  const start = { kind: 'start', epoch, sequence: 0, snapshot: true, blocks: 2 } as const
  const messages = [
    encodeSubscribe({ maxBlocks: 100 }),
    encodeUpdate(start),
    encodeUpdate({ kind: 'part', added: packFingerprints([1, 0xaabbccddeeff]), complete: true }),
    encodeUpdate({
      kind: 'change',
      sequence: 1,
      added: packFingerprints([2]),
      removed: packFingerprints([1]),
    }),
    encodeSubscribe({ known: { epoch, sequence: 1 }, maxBlocks: 100 }),
    encodeUpdate({ ...start, sequence: 1, snapshot: false, blocks: 0 }),
  ]
  const expected = messages.flatMap(bytes => [Uint8Array.of(bytes.byteLength), bytes])
  const shown = [...readme.matchAll(/^ {4}([0-9a-f]+)(?: {2,}.*)?$/gm)].map(([, hex]) => hex)
  t.equal(shown.join(''), Buffer.concat(expected).toString('hex'))
})
