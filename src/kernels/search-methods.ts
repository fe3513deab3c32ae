import { Transfer } from '../worker.ts'
import * as blocks from './near-pairs.ts'
import { pairScale } from './pair-scale.ts'
import * as exact from './nearest.ts'
import * as foreign from './nearest-foreign.ts'

/** Neighbour search as the kernel worker answers it; the arrays of the answer move. */
export const searchMethods = {
  pairScale,
  async nearest(message: exact.NearestMessage): Promise<Transfer<exact.Nearest>> {
    const found = await exact.nearest(message)
    return new Transfer(found, buffersOf([found.distances, found.rows]))
  },
  async nearestForeign(
    message: foreign.NearestForeignMessage,
  ): Promise<Transfer<foreign.NearestForeign>> {
    const found = await foreign.nearestForeign(message)
    return new Transfer(found, buffersOf([found.distances, found.rows]))
  },
  async nearPairs(message: blocks.NearPairsMessage): Promise<Transfer<blocks.NearPairs>> {
    const found = await blocks.nearPairs(message)
    const { first, second, distances, hamming } = found
    return new Transfer(found, buffersOf([first, second, distances, hamming]))
  },
}

function buffersOf(values: readonly ArrayBufferView[]): ArrayBuffer[] {
  return values.map((v) => v.buffer as ArrayBuffer)
}
