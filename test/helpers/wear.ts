import { tmpdir } from 'node:os'
import { silentLogger } from '../../core/logger.ts'
import { WearGauge } from '../../core/resources/wear-gauge.ts'
import type { Storage } from '../../core/storage/storage.ts'

/** A gauge that has seen nothing yet, for a node whose disk is beside the point. */
export function freshWear(storage: Storage): WearGauge {
  return new WearGauge(
    { directory: tmpdir(), ratedBytes: 0, fullWrites: 300, minLifeMs: 0 },
    { storage, log: silentLogger, nowMs: () => performance.now() },
  )
}
