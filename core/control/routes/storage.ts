import type { FastifyInstance } from 'fastify'
import type { PinFault } from '../../content/pin-audit.ts'
import type { PinKeeper } from '../../content/pins.ts'
import type { Storage, StorageCensus } from '../../storage/storage.ts'
import { answerWithEvents } from '../answers.ts'

const VERIFY_SCHEMA = {
  body: {
    type: 'object',
    additionalProperties: false,
    properties: { repair: { type: 'boolean', default: false } },
  },
}

/** What a command shows of {@link PinFault}. */
export interface FaultItem {
  readonly kind: PinFault['kind']
  readonly cid: string
  readonly count?: number
  readonly owners?: number
}

export function storageRoutes({ storage, pins }: { readonly storage: Storage; readonly pins: PinKeeper }) {
  return (app: FastifyInstance): void => {
    app.get('/storage', { config: { scope: 'read' } }, (): Promise<StorageCensus> => storage.census())

    app.post<{ Body: { repair: boolean } }>(
      '/storage/verify-refs',
      { config: { scope: 'storage' }, schema: VERIFY_SCHEMA },
      async (request, reply) =>
        answerWithEvents<Awaited<ReturnType<PinKeeper['verify']>>, FaultItem>(
          request,
          reply,
          ({ item, progress }) =>
            pins.verify({
              repair: request.body.repair,
              signal: request.cancelled,
              onProgress: progress,
              onFault: fault => item(faultItem(fault)),
            }),
        ),
    )
  }
}

export function faultItem(fault: PinFault): FaultItem {
  const { kind, cid } = fault
  const counts = fault.kind === 'count' && { count: fault.count, owners: fault.owners }
  return { kind, cid: cid.toString(), ...counts }
}
