import type { BlockStore } from '../../core/api.ts'
import { isIntact } from './block-hash.ts'
import type { VerificationConfig } from './config.ts'

/** Of the reads that `sample` hashes, one in so many. */
const SAMPLE = 64

export interface ReadCheckDependencies {
  readonly blocks: Pick<BlockStore, 'attachCheck'>
  /** From 0 to below 1. */
  readonly random: () => number
}

/** Has blocks hashed as they are read for use. Returns the function that ends it. */
export function attachReadCheck(
  onRead: VerificationConfig['onRead'],
  { blocks, random }: ReadCheckDependencies,
): () => void {
  switch (onRead) {
    case 'never':
      return () => {}
    case 'sample':
      return blocks.attachCheck((hash, bytes) => random() * SAMPLE >= 1 || isIntact(hash, bytes))
    case 'always':
      return blocks.attachCheck(isIntact)
  }
}
