import { setImmediate } from 'node:timers/promises'
import type { CID } from 'multiformats/cid'
import type { Pin } from '../services/pins.ts'
import type { Storage } from '../storage/storage.ts'
import type { ContentOptions } from './content.ts'
import { PinAudit, type PinAuditReport, type PinFault } from './pin-audit.ts'
import type { PinLedger } from './pin-ledger.ts'
import { cidOfKey, decodePin, nodeKey } from './pin-records.ts'

export interface PinVerifyOptions extends ContentOptions {
  readonly repair?: boolean
  /** Waited for. Where writes fail meanwhile it may be told of something twice. */
  onFault?(fault: PinFault): Promise<void>
}

export interface PinVerifyReport extends PinAuditReport {
  readonly pins: number
  readonly faults: number
  readonly repaired: number
}

interface PinVerifyDependencies {
  readonly storage: Storage
  readonly ledger: PinLedger
  /** Says in the vault that a pin isn't whole. */
  reopen(pin: Pin): Promise<void>
  releaseAll(): Promise<void>
}

/** Looks at a pin that seems wrong: one that is being added or removed is right the next time. */
const LOOKS_AT_PIN = 3

/** Compares counts, links and pins, beside whatever is pinned and unpinned meanwhile; puts right what isn't. */
export async function verifyPins(
  { signal, repair = false, onProgress, onFault }: PinVerifyOptions & { readonly signal: AbortSignal },
  dependencies: PinVerifyDependencies,
): Promise<PinVerifyReport> {
  const { storage, ledger, releaseAll } = dependencies
  const pins = storage.vault.bucket('pins')
  let faults = 0
  let repaired = 0
  const meet = async (fault: PinFault): Promise<void> => {
    faults += 1
    await onFault?.(fault)
    if (!repair) return
    await repairFault(fault, dependencies)
    repaired += 1
  }
  const audit = new PinAudit(
    { signal, onFault: meet, ...(onProgress && { onProgress }) },
    { index: storage.index, ledger, store: storage.blocks },
  )
  const report = await audit.run()
  for (const cid of unbalanced(dependencies)) {
    signal.throwIfAborted()
    if (await staysUnbalanced(cid, dependencies)) await meet({ kind: 'pin', cid })
  }
  if (repaired > 0) await releaseAll()
  return { pins: pins.size(), ...report, faults, repaired }
}

/** Pins that aren't counted, and roots that are counted and have no pin. */
function* unbalanced({ storage, ledger }: PinVerifyDependencies): Generator<CID, void, void> {
  const pins = storage.vault.bucket('pins')
  for (const key of pins.keys()) if (!ledger.hasRoot(cidOfKey(key))) yield cidOfKey(key)
  for (const key of ledger.roots()) if (!pins.has(key)) yield cidOfKey(key)
}

/** The vault is written before the ledger, each time: in between the two differ for a moment. */
async function staysUnbalanced(cid: CID, { storage, ledger }: PinVerifyDependencies): Promise<boolean> {
  const { index, vault } = storage
  for (let look = 0; look < LOOKS_AT_PIN; look++) {
    await vault.write(() => {})
    await setImmediate()
    await index.write(() => {})
    if (ledger.hasRoot(cid) === vault.bucket('pins').has(nodeKey(cid))) return false
  }
  return true
}

async function repairFault(
  fault: PinFault,
  { storage, ledger, reopen }: PinVerifyDependencies,
): Promise<void> {
  const { cid } = fault
  switch (fault.kind) {
    case 'count':
      return ledger.repair(cid, fault.owners - fault.count)
    case 'release':
      return ledger.repair(cid, 0)
    case 'links':
      return ledger.relink(cid, fault.links)
    case 'pin': {
      const pin = storage.vault.bucket('pins').get(nodeKey(cid))
      if (!pin) return ledger.removeRoot(cid)
      // What is beneath it may be gone: the next start, or the next `add`, looks.
      await reopen(decodePin(pin))
      return ledger.addRoot(cid)
    }
  }
}
