import { glob, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'

const ROOT = resolve(import.meta.dirname, '../../..')

/** What reads bytes or text, by how this project names such. */
const EXPORTS = /^export (?:async )?function\*? ((?:decode|parse|unpack)\w*)/gm

/** How a line reads bytes, or the text of an address, an id or a CID. */
const READS =
  /JSON\.parse\(|new DataView\(|\.read(?:U?Int|BigU?Int|Double|Float)|\.decode\(|baseDecode\(|CID\.parse\(|peerIdFrom(?:String|Multihash|CID)\(|privateKeyFrom|(?<![.\w])multiaddr\((?!`)/
const COMMENT = /^\s*(?:\/\/|\/?\*)/

/** A message of a schema, and the fields that it has. */
const MESSAGES = /^message (\w+) \{([^}]*)\}/gm

/** Every codec and parser that core and plugins export, and every message that a peer or a disk may hold, as targets name them. */
export async function exportedCodecs(): Promise<string[]> {
  const found: string[] = []
  for await (const path of glob(['core/**/*.{ts,proto}', 'plugins/**/*.{ts,proto}'], { cwd: ROOT })) {
    if (path.endsWith('.d.ts')) continue
    const source = await readFile(join(ROOT, path), 'utf8')
    const names = path.endsWith('.proto') ? outerMessages(source) : namesIn(source, EXPORTS)
    found.push(...names.map(name => `${path}#${name}`))
  }
  return found.sort()
}

/** Every file of core and plugins that reads bytes or text by itself, whatever its exports are called. */
export async function readers(): Promise<string[]> {
  const found: string[] = []
  for await (const path of glob(['core/**/*.ts', 'plugins/**/*.ts'], { cwd: ROOT })) {
    if (path.endsWith('.d.ts')) continue
    const lines = (await readFile(join(ROOT, path), 'utf8')).split('\n')
    if (lines.some(line => READS.test(line) && !COMMENT.test(line))) found.push(path)
  }
  return found.sort()
}

/** True where `path#name` is still there. */
export async function isThere(covered: string): Promise<boolean> {
  const [path = '', name = ''] = covered.split('#')
  const source = await readFile(join(ROOT, path), 'utf8').catch(() => '')
  return new RegExp(`\\b(function\\*?|class|message|const) ${name}\\b`).test(source)
}

function namesIn(source: string, pattern: RegExp): string[] {
  return Array.from(source.matchAll(pattern), ([, name = '']) => name)
}

/** Those that are no part of another: with those, their parts are read. */
function outerMessages(source: string): string[] {
  const fields = Array.from(source.matchAll(MESSAGES), ([, , body = '']) => body).join('\n')
  return namesIn(source, MESSAGES).filter(
    name => !new RegExp(`^\\s*(repeated |optional )?${name} \\w`, 'm').test(fields),
  )
}
