import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { decode as decodeDigest } from 'multiformats/hashes/digest'
import { createBlocks } from '../../../core/content/blocks.ts'
import { verifyBlock } from '../../../core/content/hashes.ts'
import { createPins, type PinKeeper } from '../../../core/content/pins.ts'
import { linksOf } from '../../../core/content/walk.ts'
import { isSkepError } from '../../../core/errors.ts'
import { createEvents } from '../../../core/events.ts'
import { silentLogger } from '../../../core/logger.ts'
import { createMemoryBudget } from '../../../core/resources/byte-budget.ts'
import { BlockIndex } from '../../../core/storage/block-index.ts'
import { openStorage } from '../../../core/storage/open.ts'
import { countBits } from '../../../core/storage/slots.ts'
import type { Storage } from '../../../core/storage/storage.ts'
import type { Truth } from './truth.ts'

const MIB = 1024 * 1024
const BLOCKS_PER_PAGE = 256

/** What is wrong with a store after a kill, a line each. */
export interface Findings {
  /** Acknowledged, and not there or not whole. */
  readonly lost: readonly string[]
  /** Bytes that are not what their hash says, or that the store itself found damaged. */
  readonly corrupt: readonly string[]
  /** Counts that are off: of owners, of blocks, of slots. */
  readonly miscounted: readonly string[]
  readonly unopenable: readonly string[]
}

export interface Inspection extends Findings {
  /** Of each block, by its hash: the slot, or the index. Undefined where the store could not be opened. */
  readonly places: ReadonlyMap<string, string> | undefined
}

/** Opens the store as the next start would, and compares it with what was acknowledged. */
export async function inspect(directory: string, maxBytes: number, truth: Truth): Promise<Inspection> {
  let storage: Storage
  try {
    storage = await openStorage(
      { directory, maxBytes, minFreeDiskBytes: 0, mapBytes: 512 * MIB },
      { log: silentLogger },
    )
  } catch (error) {
    return { lost: [], corrupt: [], miscounted: [], unopenable: [String(error)], places: undefined }
  }
  await using undo = new AsyncDisposableStack()
  undo.defer(() => storage.close())
  const blocks = createBlocks({
    storage: storage.blocks,
    memory: createMemoryBudget(32 * MIB),
    log: silentLogger,
  })
  const events = createEvents(error => {
    throw error
  })
  const pins = createPins({ storage, blocks, events, log: silentLogger })
  undo.defer(() => pins.stop())
  const places = placesOf(storage)
  const corrupt = await readAll(storage)
  // Once as the kill left it, when a pin may be in the vault alone, and once as the next start goes on from there.
  const miscounted = [...miscountedBlocks(storage), ...(await miscountedOwners(pins, { isStarted: false }))]
  await pins.start()
  miscounted.push(...(await miscountedOwners(pins, { isStarted: true })))
  return { lost: await lostOf(storage, pins, truth), corrupt, miscounted, unopenable: [], places }
}

function placesOf({ index: store, blocks }: Storage): Map<string, string> {
  const index = new BlockIndex(store)
  return new Map(
    blocks.list().map(({ hash }) => {
      const slot = index.entry(hash)?.slot
      return [Buffer.from(hash).toString('latin1'), slot ? `${slot.segment}/${slot.position}` : 'index']
    }),
  )
}

async function readAll({ blocks }: Storage): Promise<string[]> {
  const corrupt: string[] = []
  for (let page = blocks.list({ limit: BLOCKS_PER_PAGE }); page.length > 0; ) {
    for (const { hash } of page) {
      const cid = CID.createV1(raw.code, decodeDigest(hash))
      try {
        if (!verifyBlock(cid, await blocks.get(cid))) corrupt.push(`block ${cid} reads as another`)
      } catch (error) {
        corrupt.push(`block ${cid}: ${error}`)
      }
    }
    const after = page.at(-1)?.hash
    page = blocks.list({ limit: BLOCKS_PER_PAGE, ...(after && { after }) })
  }
  return corrupt
}

async function miscountedOwners(pins: PinKeeper, { isStarted }: { isStarted: boolean }): Promise<string[]> {
  const wrong: string[] = []
  await pins.verify({
    async onFault(fault) {
      if (fault.kind === 'pin' && !isStarted) return
      const figures = fault.kind === 'count' ? ` is ${fault.count}, not ${fault.owners}` : ''
      wrong.push(`${fault.kind} of ${fault.cid}${figures}${isStarted ? '' : ' before a start'}`)
    },
  })
  return wrong
}

/** What the store counts, counted anew. */
function miscountedBlocks({ index: store, blocks }: Storage): string[] {
  const index = new BlockIndex(store)
  let held = 0
  let inSlots = 0
  for (const { hash } of blocks.list()) {
    held += 1
    if (index.entry(hash)?.slot) inSlots += 1
  }
  let taken = 0
  for (const { record } of index.segments()) taken += countBits(record.bitmap)
  const wrong: string[] = []
  if (held !== blocks.stats().blocks) wrong.push(`${blocks.stats().blocks} blocks counted, ${held} are held`)
  if (taken !== inSlots + index.quarantined().length) wrong.push(`${taken} slots taken by ${inSlots} blocks`)
  return wrong
}

async function lostOf(storage: Storage, pins: PinKeeper, truth: Truth): Promise<string[]> {
  const lost: string[] = []
  for (const text of truth.pinned) {
    const cid = CID.parse(text)
    const pin = pins.get(cid)
    if (pin?.state !== 'pinned') lost.push(`the pin of ${cid} is ${pin?.state ?? 'gone'}`)
    lost.push(...(await missingBeneath(storage, cid)))
  }
  for (const text of truth.removed) {
    if (pins.get(CID.parse(text))) lost.push(`the removal of the pin of ${text}`)
  }
  return lost
}

async function missingBeneath({ blocks }: Storage, root: CID): Promise<string[]> {
  const missing: string[] = []
  const left = [root]
  for (let cid = left.pop(); cid; cid = left.pop()) {
    try {
      left.push(...linksOf(cid, await blocks.get(cid)).map(link => link.cid))
    } catch (error) {
      if (!isSkepError(error)) throw error
      missing.push(`block ${cid} beneath ${root}: ${error.code}`)
    }
  }
  return missing
}
