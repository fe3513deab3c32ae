import { Random } from '../../src/kernels/random.ts'

/** Whole numbers and choices from a seed: input `index` of a suite is the same whatever comes before it. */
export class Dice {
  readonly #random: Random

  constructor(seed: number, index: number) {
    this.#random = new Random(seed, index)
  }

  /** A whole number in [0, `end`). */
  below(end: number): number {
    return Math.floor(this.#random.uniform() * end)
  }

  /** One of a list. */
  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T
  }
}

/** A file that was damaged, and how. */
export interface Damaged {
  readonly how: string
  readonly bytes: Uint8Array
}

type Damage = (file: Buffer, dice: Dice, other: Buffer) => Uint8Array

/** Numbers that a header might claim, least significant byte first. */
const claims = [0n, 1n, 2n ** 16n, 2n ** 31n - 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 40n, 2n ** 62n]

const damages: Readonly<Record<string, Damage>> = {
  'bits flipped'(file, dice) {
    const flipped = Buffer.from(file)
    for (let left = 1 + dice.below(8); left > 0; left--) {
      const at = place(file, dice)
      flipped[at] = (flipped[at] ?? 0) ^ (1 << dice.below(8))
    }
    return flipped
  },
  'a run overwritten'(file, dice) {
    const at = place(file, dice)
    const run = file.subarray(at, at + length(dice)).length
    const kind = dice.of(['zeros', 'ones', 'noise'])
    const noise = () => (kind === 'noise' ? dice.below(256) : kind === 'ones' ? 255 : 0)
    return spliced(file, at, at + run, Uint8Array.from({ length: run }, noise))
  },
  'a number overwritten'(file, dice) {
    const bytes = Buffer.alloc(8)
    bytes.writeBigUInt64LE(dice.of(claims))
    const number = bytes.subarray(0, dice.of([2, 4, 8]))
    if (dice.below(4) === 0) number.reverse()
    const at = place(file, dice)
    return spliced(file, at, at + number.length, number)
  },
  cut: (file, dice) => file.subarray(0, place(file, dice)),
  'without its beginning': (file, dice) => file.subarray(place(file, dice)),
  'a run left out'(file, dice) {
    const at = place(file, dice)
    return spliced(file, at, at + length(dice), Buffer.alloc(0))
  },
  'a run twice'(file, dice) {
    const at = place(file, dice)
    return spliced(file, at, at, file.subarray(at, at + length(dice)))
  },
  'the file twice': (file) => Buffer.concat([file, file]),
  'the end of another': (file, dice, other) =>
    Buffer.concat([file.subarray(0, place(file, dice)), other.subarray(place(other, dice))]),
}

/** Damages one of `files`, by name, in one way or two. */
export function damaged(files: Readonly<Record<string, Uint8Array>>, dice: Dice): Damaged {
  const [name, file] = dice.of(Object.entries(files))
  const [otherName, other] = dice.of(Object.entries(files))
  const steps = Array.from({ length: dice.below(4) === 0 ? 2 : 1 }, () => {
    return dice.of(Object.keys(damages))
  })
  const bytes = steps.reduce<Uint8Array>(
    (sum, step) => damages[step]?.(Buffer.from(sum), dice, Buffer.from(other)) ?? sum,
    file,
  )
  return { how: `${name} (with ${otherName}): ${steps.join(', ')}`, bytes }
}

/** A place in a file: as often near its ends, where headers and footers are, as anywhere. */
function place({ length }: Uint8Array, dice: Dice): number {
  const near = Math.min(length, dice.of([length, 64, 512]))
  return dice.below(2) === 0 ? dice.below(near) : length - 1 - dice.below(near)
}

function length(dice: Dice): number {
  return 1 + dice.below(dice.of([4, 32, 600]))
}

function spliced(file: Buffer, start: number, end: number, between: Uint8Array): Uint8Array {
  return Buffer.concat([file.subarray(0, start), between, file.subarray(end)])
}
