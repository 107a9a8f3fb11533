import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Attack } from './attack.ts'
import { blockOf, type ForgedLink, forge, holderOf, RAW, refused, TYPE } from './forge.ts'

/** Each is no more than an odd name here, and has to come out as it is. */
const ODD = [
  'CON',
  'NUL.txt',
  'a\\b',
  '..\\up',
  'C:',
  '~',
  '-rf',
  '$(id)',
  ' ',
  '…',
  'a\u0301',
  'á',
  'p\u0430yment',
  '\u202egpj.exe',
  '\u001b[31m',
  'new\nline',
]

export const attack: Attack = {
  name: 'hostile names',
  what: 'Gives out directories with names that lead elsewhere: `..`, `/etc`, NUL, empty, 4 KB long, twice the same, no Unicode',
  limit: 'A name is one part of a path, Unicode, 1,024 bytes at most, and there once',
  result:
    'Refused with NAME_UNSAFE; nothing is written. What is merely odd is written as it is, and printed without control characters',
  verdict: { harmless: true },
  async run(arena) {
    const { victim, directory, signal } = arena
    const leaf = blockOf(RAW, Buffer.from('here'))
    const tree = (...names: (string | Uint8Array)[]) =>
      forge({ type: TYPE.directory, links: names.map((name): ForgedLink => ({ name, cid: leaf.cid })) })
    const unsafe = {
      parent: tree('..'),
      self: tree('.'),
      'a way up': tree('../../up'),
      absolute: tree('/etc/passwd'),
      slash: tree('a/b'),
      'slash at the end': tree('a/'),
      NUL: tree('a\0b'),
      empty: tree(''),
      long: tree('x'.repeat(4096)),
      twice: tree('same', 'same'),
      'no Unicode, twice': tree(Uint8Array.of(0xff), Uint8Array.of(0xfe)),
    }
    const odd = tree(...ODD)
    await holderOf(arena, [leaf, odd, ...Object.values(unsafe)])
    for (const [what, { cid }] of Object.entries(unsafe))
      await refused(what, ['NAME_UNSAFE'], () => victim.export(String(cid), { signal }))

    const get = async (path: string, output: string) =>
      victim.process.run(['get', path, '-o', join(directory, output)])
    const { code } = await get(String(unsafe['a way up'].cid), 'up')
    if (code !== 1) throw new Error(`skep get ended with ${code}`)
    const written = await get(String(odd.cid), 'odd')
    if (written.code !== 0) throw new Error(written.stderr)
    expectSame(await readdir(directory), ['odd'])
    expectSame(await readdir(join(directory, 'odd')), ODD)
    const { stdout } = await victim.process.run(['ls', String(odd.cid)])
    if (stdout.includes('\u001b') || stdout.trim().split('\n').length !== ODD.length)
      throw new Error(`printed as it is: ${JSON.stringify(stdout)}`)
  },
}

function expectSame(names: readonly string[], expected: readonly string[]): void {
  const [actual, wanted] = [names, expected].map(list => JSON.stringify([...list].sort()))
  if (actual !== wanted) throw new Error(`found ${actual}, expected ${wanted}`)
}
