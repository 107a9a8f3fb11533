import { randomBytes } from 'node:crypto'
import type { Attack } from './attack.ts'
import { refused } from './forge.ts'

const RECORD_BYTES = 512
const LONG_BYTES = 1024 * 1024
const MANY = 20_000

export const attack: Attack = {
  name: 'tar bombs',
  what: `Uploads archives with headers of terabytes, PAX records and names of a megabyte, sparse files, devices, ways up, noise, and ${MANY.toLocaleString('en')} directories that end midway`,
  limit:
    '64 KiB of PAX records or name an entry; files, directories and symlinks alone; 200,000 entries a directory; the quota',
  result: 'Refused with the reason; nothing is pinned, and what was written belongs to the cache',
  verdict: { harmless: true },
  async run({ victim, signal }) {
    const upload = (...parts: readonly Uint8Array[]) =>
      victim.client.operate({
        method: 'POST',
        path: 'content',
        body: { type: 'application/x-tar', bytes: streamOf(parts) },
        signal,
      })
    const end = new Uint8Array(2 * RECORD_BYTES)
    const damaged = ['TREE_INVALID']
    const forbidden = ['TREE_ENTRY_REFUSED', 'ENTRY_INVALID']
    const kilobyte = new Uint8Array(2 * RECORD_BYTES)
    for (const [what, codes, parts] of [
      [
        'a terabyte that ends after a kilobyte',
        [...damaged, 'STORAGE_FULL'],
        [header({ sizeBytes: 2n ** 40n }), kilobyte],
      ],
      ['2^63 bytes', [...damaged, 'STORAGE_FULL'], [header({ sizeBytes: 2n ** 63n - 1n }), kilobyte]],
      [
        'long PAX records',
        damaged,
        [header({ type: 'x', sizeBytes: BigInt(LONG_BYTES) }), new Uint8Array(LONG_BYTES), end],
      ],
      [
        'long global records',
        damaged,
        [header({ type: 'g', sizeBytes: BigInt(LONG_BYTES) }), new Uint8Array(LONG_BYTES), end],
      ],
      [
        'a long name',
        damaged,
        [header({ type: 'L', sizeBytes: BigInt(LONG_BYTES) }), new Uint8Array(LONG_BYTES), end],
      ],
      ['a sparse file', forbidden, [header({ type: 'S' }), end]],
      ['a device', forbidden, [header({ type: '3' }), end]],
      ['a hard link', forbidden, [header({ type: '1' }), end]],
      ['a way up', forbidden, [header({ name: '../../up' }), end]],
      ['an absolute path', forbidden, [header({ name: '/etc/passwd' }), end]],
      ['noise', damaged, [randomBytes(64 * 1024)]],
      ['directories without end', damaged, [...directories(MANY), header({ sizeBytes: 1n })]],
    ] as const) {
      await refused(what, codes, () => upload(...parts))
    }
    const { pins } = await victim.status()
    if (pins.pinning > 0) throw new Error(`${pins.pinning} pins are left half made`)
  },
}

async function* streamOf(parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts
}

function* directories(count: number): Generator<Uint8Array> {
  for (let at = 0; at < count; at++) yield header({ name: `directory ${at}`, type: '5' })
}

/** https://www.gnu.org/software/tar/manual/html_node/Standard.html */
function header({ name = 'file', type = '0', sizeBytes = 0n }): Uint8Array {
  const record = Buffer.alloc(RECORD_BYTES)
  record.write(name, 0)
  record.write('0000644\0', 100)
  // Base 256, for numbers that eleven octal digits have no room for.
  record.writeBigUInt64BE(sizeBytes, 128)
  record[124] = 0x80
  record.write('00000000000\0', 136)
  record.write(`        ${type}`, 148)
  record.write('ustar\x0000', 257)
  const sum = record.reduce((total, byte) => total + byte, 0)
  record.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return record
}
