import { hash } from 'node:crypto'

const SUM_BITS = 128
const SUM_BYTES = SUM_BITS / 8

/**
 * The sum of a set of records, each of a table, a key and a value: 128 bits of a hash of each, added up. Records can be added
 * and taken out in any order, so that it is kept up with each write and can be made again from all that is there. It tells
 * bits that went wrong, not records that somebody forged.
 */
export class RecordSum {
  #sum: bigint

  constructor(sum = 0n) {
    this.#sum = sum
  }

  add(table: string, key: Uint8Array, value: Uint8Array): void {
    this.#sum = BigInt.asUintN(SUM_BITS, this.#sum + hashOf(table, key, value))
  }

  remove(table: string, key: Uint8Array, value: Uint8Array): void {
    this.#sum = BigInt.asUintN(SUM_BITS, this.#sum - hashOf(table, key, value))
  }

  equals(other: RecordSum): boolean {
    return this.#sum === other.#sum
  }

  /** 16 bytes, big-endian. */
  encode(): Uint8Array {
    return Buffer.from(this.#sum.toString(16).padStart(2 * SUM_BYTES, '0'), 'hex')
  }

  /** Undefined where `bytes` are none. */
  static decode(bytes: Uint8Array): RecordSum | undefined {
    return bytes.length === SUM_BYTES ? new RecordSum(numberOf(bytes)) : undefined
  }
}

/** Lengths go first, so that no record looks like another one cut elsewhere. */
function hashOf(table: string, key: Uint8Array, value: Uint8Array): bigint {
  const name = Buffer.from(table)
  const lengths = Buffer.alloc(8)
  lengths.writeUInt32BE(name.length, 0)
  lengths.writeUInt32BE(key.length, 4)
  return numberOf(hash('sha256', Buffer.concat([lengths, name, key, value]), 'buffer').subarray(0, SUM_BYTES))
}

function numberOf(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
}
