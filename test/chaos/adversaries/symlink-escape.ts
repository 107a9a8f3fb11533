import { mkdir, readdir, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Attack } from './attack.ts'
import { blockOf, directory as directoryOf, forge, holderOf, RAW, refused, TYPE } from './forge.ts'

export const attack: Attack = {
  name: 'symlink escape',
  what: 'Gives out symlinks that lead out of the tree, and then files through them: by the same name, by path, by a sharded directory',
  limit: 'A name is there once; symlinks are made last, when all else is written; no path goes through one',
  result: 'Nothing is written outside the tree; a symlink is made as it is, and followed by nobody',
  verdict: { harmless: true },
  async run(arena) {
    const { victim, directory, signal } = arena
    const outside = join(directory, 'outside')
    await mkdir(outside)
    const leaf = blockOf(RAW, Buffer.from('through'))
    const link = forge({ type: TYPE.symlink, data: outside })
    const long = forge({ type: TYPE.symlink, data: 'x'.repeat(100_000) })
    const inner = directoryOf({ stolen: leaf.cid })
    const twice = forge({
      type: TYPE.directory,
      links: [
        { name: 'way', cid: link.cid },
        { name: 'way', cid: inner.cid },
      ],
    })
    const plain = directoryOf({ way: link.cid, file: leaf.cid })
    const tooLong = directoryOf({ way: long.cid })
    await holderOf(arena, [leaf, link, long, inner, twice, plain, tooLong])
    const [twicePath, plainPath, longPath] = [twice, plain, tooLong].map(({ cid }) => String(cid))

    await refused('a name twice', ['NAME_UNSAFE'], () => victim.export(`${twicePath}`, { signal }))
    await refused('a path through it', ['PATH_NOT_FOUND'], () =>
      victim.cat(`${plainPath}/way/stolen`, signal),
    )
    await refused('its bytes', ['NOT_A_FILE'], () => victim.cat(`${plainPath}/way`, signal))
    const get = (path: string, output: string) =>
      victim.process.run(['get', path, '-o', join(directory, output)])
    const [bad, good, endless] = await Promise.all([
      get(`${twicePath}`, 'bad'),
      get(`${plainPath}`, 'good'),
      get(`${longPath}`, 'long'),
    ])
    if (bad.code !== 1 || good.code !== 0 || endless.code !== 1)
      throw new Error(`skep get ended with ${bad.code}, ${good.code} and ${endless.code}: ${good.stderr}`)
    const found = (await readdir(directory)).sort().join()
    if (found !== 'good,outside') throw new Error(`left behind: ${found}`)
    if ((await readdir(outside)).length > 0) throw new Error('something was written outside')
    const target = await readlink(join(directory, 'good/way'))
    if (target !== outside) throw new Error(`the symlink leads to ${target}`)
  },
}
