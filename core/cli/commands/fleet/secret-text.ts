import { open } from 'node:fs/promises'
import { messageOf } from '../../../errors.ts'
import { cliError } from '../../errors.ts'

/** Invites and keys have a few hundred characters. */
const MAX_BYTES = 4096
/** Readable by its owner alone. */
const FILE_MODE = 0o600

/** @throws SkepError USAGE where it is longer than anything that is meant */
export async function readSecret(input: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of input) {
    chunks.push(chunk)
    bytes += chunk.byteLength
    if (bytes > MAX_BYTES) throw cliError('USAGE', `expected at most ${MAX_BYTES} bytes of input`)
  }
  return Buffer.concat(chunks).toString().trim()
}

/** @throws SkepError INPUT_UNREADABLE, USAGE */
export async function readSecretFile(path: string): Promise<string> {
  try {
    const file = await open(path)
    return await readSecret(file.createReadStream())
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === undefined) throw cause
    throw cliError('INPUT_UNREADABLE', `cannot read ${path}: ${messageOf(cause)}`, { cause })
  }
}

/** Into a file that isn't there yet, and that nobody else can read. @throws SkepError OUTPUT_EXISTS, OUTPUT_FAILED */
export async function writeSecretFile(path: string, text: string): Promise<void> {
  try {
    await using file = await open(path, 'wx', FILE_MODE)
    await file.writeFile(`${text}\n`)
    await file.sync()
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'EEXIST') throw cliError('OUTPUT_EXISTS', `${path} is there already`, { cause })
    throw cliError('OUTPUT_FAILED', `cannot write ${path}: ${messageOf(cause)}`, { cause })
  }
}
