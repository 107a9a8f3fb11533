import { type Token, token } from '../container.ts'

/** What the cache plugin lets others see. */
export interface Cache {
  stats(): CacheStats
}

export interface CacheStats {
  readonly strategy: string
  readonly hits: number
  readonly evictedBlocks: number
  readonly evictedBytes: number
}

export const Cache: Token<Cache> = token('cache')
