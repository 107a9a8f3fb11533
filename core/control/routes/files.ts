import type { FastifyInstance } from 'fastify'
import type { Content, ImportEntry } from '../../content/content.ts'
import { answerWithEvents } from '../answers.ts'
import { openSharedFile, readSharedFile, type SharedFile } from '../shared-file.ts'
import { PIN_NAME } from './schemas.ts'

interface AddFileBody {
  readonly file: SharedFile
  readonly pin: boolean
  readonly name?: string
  readonly mode?: number
  readonly mtimeMs?: number
}

const NUMBER = { type: 'string', pattern: '^-?\\d{1,20}$' } as const

const ADD_FILE_SCHEMA = {
  body: {
    type: 'object',
    additionalProperties: false,
    required: ['file'],
    properties: {
      file: {
        type: 'object',
        additionalProperties: false,
        required: ['path', 'dev', 'ino', 'size', 'mtime'],
        properties: {
          path: { type: 'string', pattern: '^/', maxLength: 4096 },
          dev: NUMBER,
          ino: NUMBER,
          size: { type: 'integer', minimum: 0 },
          mtime: NUMBER,
        },
      },
      pin: { type: 'boolean', default: true },
      name: PIN_NAME,
      mode: { type: 'integer', minimum: 0, maximum: 0o7777 },
      mtimeMs: { type: 'number' },
    },
  },
}

/**
 * Files that the node reads itself, which spares them the way over the socket. Only for clients that may read whatever the
 * node may: the user that runs it, and root. Others would be lent the node's eyes.
 */
export function fileRoutes({ content }: { readonly content: Content }) {
  return (app: FastifyInstance): void => {
    app.post<{ Body: AddFileBody }>(
      '/content/file',
      { config: { scope: 'local' }, schema: ADD_FILE_SCHEMA },
      async (request, reply) => {
        const { file, pin, name, ...attributes } = request.body
        await using handle = await openSharedFile(file)
        await answerWithEvents(request, reply, async ({ progress }) => {
          const bytes = readSharedFile(handle, file)
          const entry: ImportEntry = { ...attributes, type: 'file', path: '', bytes, givesBytes: true }
          const { cid, size, files } = await content.add(only(entry), {
            pin,
            ...(name !== undefined && { pinName: name }),
            totalBytes: file.size,
            signal: request.cancelled,
            onProgress: progress,
          })
          return { cid: cid.toString(), size, files }
        })
      },
    )
  }
}

async function* only<T>(value: T): AsyncGenerator<T> {
  yield value
}
