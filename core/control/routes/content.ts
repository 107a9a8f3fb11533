import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { ExportEntry, ImportEntry, ListEntry } from '../../content/content.ts'
import { answerWithBytes, answerWithEvents } from '../answers.ts'
import { controlError } from '../errors.ts'
import { TOTAL_HEADER } from '../events.ts'
import { decodeTar, encodeTar, type TreeEntry } from '../tar.ts'
import { CONTENT_PATH, PIN_NAME } from './schemas.ts'
import type { CoreServices } from './services.ts'

interface AddQuery {
  pin: boolean
  name?: string
  mode?: number
  mtimeMs?: number
}

interface CatQuery {
  path: string
  offset: number
  length?: number
}

const ADD_SCHEMA = {
  querystring: {
    type: 'object',
    additionalProperties: false,
    properties: {
      pin: { type: 'boolean', default: true },
      name: PIN_NAME,
      // Of a single file; the entries of a tree carry their own.
      mode: { type: 'integer', minimum: 0, maximum: 0o7777 },
      mtimeMs: { type: 'number' },
    },
  },
}

const PATH_SCHEMA = {
  querystring: {
    type: 'object',
    additionalProperties: false,
    required: ['path'],
    properties: { path: CONTENT_PATH },
  },
}

const CAT_SCHEMA = {
  querystring: {
    type: 'object',
    additionalProperties: false,
    required: ['path'],
    properties: {
      path: CONTENT_PATH,
      offset: { type: 'integer', minimum: 0, default: 0 },
      length: { type: 'integer', minimum: 0 },
    },
  },
}

export function contentRoutes({ content }: Pick<CoreServices, 'content'>) {
  return (app: FastifyInstance): void => {
    app.post<{ Querystring: AddQuery }>(
      '/content',
      { config: { scope: 'add' }, schema: ADD_SCHEMA },
      async (request, reply) => {
        const { pin, name } = request.query
        const entries = uploaded(request)
        return answerWithEvents(request, reply, async ({ progress }) => {
          const { cid, size, files } = await content.add(entries, {
            pin,
            ...(name !== undefined && { pinName: name }),
            totalBytes: knownBytes(request),
            signal: request.cancelled,
            onProgress: progress,
          })
          return { cid: cid.toString(), size, files }
        })
      },
    )

    app.get<{ Querystring: CatQuery }>(
      '/content/cat',
      { config: { scope: 'get' }, schema: CAT_SCHEMA },
      async (request, reply) => {
        const { path, offset, length } = request.query
        const bytes = content.cat(path, {
          offset,
          ...(length !== undefined && { length }),
          signal: request.cancelled,
        })
        return answerWithBytes(request, reply, bytes, () => ({ 'content-type': 'application/octet-stream' }))
      },
    )

    app.get<{ Querystring: { path: string } }>(
      '/content/export',
      { config: { scope: 'get' }, schema: PATH_SCHEMA },
      async (request, reply) => {
        const { path } = request.query
        let totalBytes: number | undefined
        const entries = content.export(path, {
          signal: request.cancelled,
          onProgress(progress) {
            totalBytes = progress.totalBytes
          },
        })
        return answerWithBytes(request, reply, encodeTar(beneath(lastPart(path), entries)), () => ({
          'content-type': 'application/x-tar',
          ...(totalBytes !== undefined && { [TOTAL_HEADER]: String(totalBytes) }),
        }))
      },
    )

    app.get<{ Querystring: { path: string } }>(
      '/content/list',
      { config: { scope: 'get' }, schema: PATH_SCHEMA },
      async (request, reply) =>
        answerWithEvents<Record<string, never>, ReturnType<typeof listItem>>(
          request,
          reply,
          async ({ item }) => {
            const entries = content.list(request.query.path, { signal: request.cancelled })
            for await (const entry of entries) await item(listItem(entry))
            return {}
          },
        ),
    )
  }
}

function listItem({ name, cid, type, size }: ListEntry) {
  return { name, cid: cid.toString(), type, size }
}

/** What a client says of the length of a file; that of a tar archive has headers in it. */
function knownBytes({ headers }: FastifyRequest): number {
  const isFile = headers['content-type'] === 'application/octet-stream'
  return isFile ? Number(headers['content-length'] ?? 0) : 0
}

/** A file's bytes, or a tree in a tar archive. */
function uploaded(request: FastifyRequest<{ Querystring: AddQuery }>): AsyncIterable<ImportEntry> {
  // The iterator's default would cut the connection where an upload is refused midway, and the answer with it.
  const bytes: AsyncIterable<Uint8Array> = request.raw.iterator({ destroyOnReturn: false })
  const { mode, mtimeMs } = request.query
  const attributes = { ...(mode !== undefined && { mode }), ...(mtimeMs !== undefined && { mtimeMs }) }
  switch (request.headers['content-type']) {
    case 'application/octet-stream':
      return only({ ...attributes, type: 'file', path: '', bytes })
    case 'application/x-tar':
      return importEntries(decodeTar(bytes))
    default:
      throw controlError(
        'INPUT_INVALID',
        `the content type is ${request.headers['content-type']}; expected application/octet-stream (a file) or application/x-tar (a tree)`,
      )
  }
}

async function* only<T>(value: T): AsyncGenerator<T> {
  yield value
}

async function* importEntries(entries: AsyncIterable<TreeEntry>): AsyncGenerator<ImportEntry> {
  for await (const entry of entries) {
    yield entry.type === 'file' ? { ...entry, bytes: entry.bytes() } : entry
  }
}

/** Entries as the archive names them: all beneath one name, so that unpacking it makes one thing. */
async function* beneath(root: string, entries: AsyncIterable<ExportEntry>): AsyncGenerator<TreeEntry> {
  for await (const entry of entries) {
    yield { ...entry, path: entry.path === '' ? root : `${root}/${entry.path}` }
  }
}

function lastPart(path: string): string {
  return path.split('/').findLast(part => part !== '') ?? path
}
