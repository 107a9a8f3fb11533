const KIB = 1024
const MIB = 1024 * KIB

/** Requests in order; each names an object by number. */
export interface Trace {
  readonly requests: Uint32Array
  /** Bytes of each object. */
  readonly sizes: Uint32Array
}

export interface FamilyOptions {
  readonly requests: number
  readonly seed: number
}

/** Chance from a seed: mulberry32. The same trace in every run and on every machine. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** What a node holds: chunks of 1 MiB, the last chunks of files and small files of any size, and nodes of trees. */
function sizesOf(objects: number, random: () => number): Uint32Array {
  return Uint32Array.from({ length: objects }, () => {
    const kind = random()
    if (kind < 0.5) return MIB
    if (kind < 0.85) return Math.ceil(4 * KIB * 256 ** random())
    return 100 + Math.floor(random() * 4 * KIB)
  })
}

/** Ranks from 0, drawn so that rank n comes 1/(n+1)^skew times as often as the first. */
function zipf(objects: number, skew: number, random: () => number): () => number {
  const cumulated = new Float64Array(objects)
  let total = 0
  for (let rank = 0; rank < objects; rank++) {
    total += 1 / (rank + 1) ** skew
    cumulated[rank] = total
  }
  return () => {
    const drawn = random() * total
    let low = 0
    let high = objects - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((cumulated[middle] as number) < drawn) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** Requests for each object that a family with a fixed set of them has. */
const REQUESTS_PER_OBJECT = 20

/** The skew of web and content traces: Breslau et al., "Web Caching and Zipf-like Distributions", 1999. */
const SKEW = 0.9

function zipfTrace({ requests, seed }: FamilyOptions): Trace {
  const random = randomFrom(seed)
  const objects = Math.ceil(requests / REQUESTS_PER_OBJECT)
  const draw = zipf(objects, SKEW, random)
  return { sizes: sizesOf(objects, random), requests: Uint32Array.from({ length: requests }, draw) }
}

/** Every third request belongs to a scan: somebody reads a large tree once, a thousand objects in a row. */
const SCAN_SHARE = 1 / 3
const SCAN_LENGTH = 1000

function scanTrace({ requests, seed }: FamilyOptions): Trace {
  const random = randomFrom(seed)
  const popular = Math.ceil((requests * (1 - SCAN_SHARE)) / REQUESTS_PER_OBJECT)
  const draw = zipf(popular, SKEW, random)
  let next = popular
  const list = Uint32Array.from({ length: requests }, (_, n) => {
    const isScan = n % (SCAN_LENGTH / SCAN_SHARE) < SCAN_LENGTH
    if (!isScan) return draw()
    next += 1
    return next - 1
  })
  return { sizes: sizesOf(next, random), requests: list }
}

/** So often all objects change their ranks: what was popular is forgotten, other things come up. */
const SHIFTS = 20

function shiftingTrace({ requests, seed }: FamilyOptions): Trace {
  const random = randomFrom(seed)
  const objects = Math.ceil(requests / REQUESTS_PER_OBJECT)
  const draw = zipf(objects, SKEW, random)
  const period = Math.ceil(requests / SHIFTS)
  const ranking = Uint32Array.from({ length: objects }, (_, n) => n)
  const list = new Uint32Array(requests)
  for (let n = 0; n < requests; n++) {
    if (n % period === 0) shuffle(ranking, random)
    list[n] = ranking[draw()] as number
  }
  return { sizes: sizesOf(objects, random), requests: list }
}

function shuffle(list: Uint32Array, random: () => number): void {
  for (let n = list.length - 1; n > 0; n--) {
    const other = Math.floor(random() * (n + 1))
    const kept = list[n] as number
    list[n] = list[other] as number
    list[other] = kept
  }
}

/** New objects all the time, each asked for again and again for a while: the younger, the likelier. Suits LRU best. */
const MEAN_AGE_SHARE = 1 / 10

function recencyTrace({ requests, seed }: FamilyOptions): Trace {
  const random = randomFrom(seed)
  const objects = Math.ceil(requests / REQUESTS_PER_OBJECT)
  const meanAge = objects * MEAN_AGE_SHARE
  const list = Uint32Array.from({ length: requests }, (_, n) => {
    const newest = Math.floor(n / REQUESTS_PER_OBJECT)
    const age = Math.floor(-Math.log(1 - random()) * meanAge)
    return Math.max(0, newest - age)
  })
  return { sizes: sizesOf(objects, random), requests: list }
}

/** The same things over and over in the same order, more than fit: a backup, a mirror, a player on repeat. */
function loopTrace({ requests, seed }: FamilyOptions): Trace {
  const objects = Math.ceil(requests / REQUESTS_PER_OBJECT)
  return {
    sizes: sizesOf(objects, randomFrom(seed)),
    requests: Uint32Array.from({ length: requests }, (_, n) => n % objects),
  }
}

export const FAMILIES: Readonly<Record<string, (options: FamilyOptions) => Trace>> = {
  zipf: zipfTrace,
  'zipf-scan': scanTrace,
  shifting: shiftingTrace,
  recency: recencyTrace,
  loop: loopTrace,
}
