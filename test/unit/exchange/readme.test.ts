import { readFile } from 'node:fs/promises'
import t from 'tap'
import { cidOf } from '../../../core/content/hashes.ts'
import { exchangeError } from '../../../plugins/exchange/errors.ts'
import exchange from '../../../plugins/exchange/index.ts'
import { encodeReply, encodeRequest, Mode, Status } from '../../../plugins/exchange/wire/codec.ts'
import { untold } from '../../helpers/plugin-readme.ts'

t.test('the README names every config key, metric and error', async t => {
  t.same(await untold(exchange, exchangeError.fixes), [])
})

t.test("the README's worked exchange is what goes over the wire", async t => {
  const honey = Buffer.from('honey')
  const cid = cidOf(0x55, honey)
  const answers = (id: number): Uint8Array =>
    encodeReply({ answers: [{ id, status: Status.OK, length: 5 }], haveUpdates: [] })
  const wants = (id: number, mode: Mode, sizeHint: number): Uint8Array =>
    encodeRequest({ wants: [{ id, cid, mode, sizeHint }], cancels: [] })
  const messages = [wants(1, Mode.HAVE, 0), answers(1), wants(2, Mode.BLOCK, 5), answers(2)]
  const expected = [...messages.flatMap(bytes => [Uint8Array.of(bytes.byteLength), bytes]), honey]
  const readme = await readFile(new URL('../../../plugins/exchange/README.md', import.meta.url), 'utf8')
  const shown = [...readme.matchAll(/^ {4}([0-9a-f]+)(?: {2,}.*)?$/gm)].map(([, hex]) => hex)
  t.equal(shown.join(''), Buffer.concat(expected).toString('hex'))
  t.match(readme, cid.toString())
})
