import { open } from 'node:fs/promises'
import { cliError } from '../../errors.ts'
import { systemReason } from '../../system-reason.ts'

/** Invites and keys have a few hundred characters. */
const MAX_BYTES = 4096
/** Readable by its owner alone. */
const FILE_MODE = 0o600

/** Throws what `invalid` makes of why it is none: it is longer than anything that is meant, or empty. */
export async function readSecret(
  input: AsyncIterable<Uint8Array>,
  invalid: (why: string) => Error,
): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of input) {
    chunks.push(chunk)
    bytes += chunk.byteLength
    if (bytes > MAX_BYTES) throw invalid(`it has more than ${MAX_BYTES} bytes`)
  }
  const text = Buffer.concat(chunks).toString().trim()
  if (text === '') throw invalid('it is empty')
  return text
}

/** As {@link readSecret}. @throws SkepError INPUT_UNREADABLE */
export async function readSecretFile(path: string, invalid: (why: string) => Error): Promise<string> {
  try {
    const file = await open(path)
    return await readSecret(file.createReadStream(), invalid)
  } catch (cause) {
    if (!(cause instanceof Error && 'syscall' in cause)) throw cause
    throw cliError('INPUT_UNREADABLE', `cannot read ${path}: ${systemReason(cause)}`, { cause })
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
    throw cliError('OUTPUT_FAILED', `cannot write ${path}: ${systemReason(cause)}`, { cause })
  }
}
