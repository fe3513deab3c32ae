import type { RecordBatch } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { column } from '../batch/batch.ts'
import { sink, type WriteSummary } from '../flow/sink.ts'
import { type Gap, type GapSums, GapTally, type ScoreReference } from '../models/gap.ts'

/** How the rows score that familiarity was fitted to. */
export interface ScoreReferences {
  /** All of them. */
  readonly all: ScoreReference
  /** Those of each label that has a density. */
  readonly labels: ReadonlyMap<string, ScoreReference>
}

/** The gaps between a set and the fitted one. */
export interface SetGaps {
  /** Of all rows. */
  readonly gap: Gap | null
  /** Of the rows of each label, by name. */
  readonly labelGaps: Readonly<Record<string, Gap>>
}

interface Sums {
  readonly all: GapSums
  readonly labels: ReadonlyMap<string, GapSums>
}

/**
 * A sink that measures the gaps between the rows, scored by frozen models, and the fitted set. `tell` is called with
 * the gaps so far at each checkpoint, and at the end of the run, also of one that is resumed behind it. Holds a
 * few numbers for each label.
 */
export function measureGaps(
  references: ScoreReferences,
  tell: (gaps: SetGaps) => void,
): OperatorFunction<RecordBatch, WriteSummary> {
  return sink<Sums>({
    name: 'measureGaps',
    guarantee: 'exactly-once',
    open: (_, from) => {
      const tallies = new Tallies(references, from)
      return {
        write: (batch) => {
          tallies.add(batch)
        },
        stage: () => tallies.sums,
        finish: () => {
          const { sums } = tallies
          const rows = sums.all.rows
          const summary = { sink: 'measureGaps', location: 'summary', rows, bytes: 0, files: 0 }
          return { summary, state: sums }
        },
        abort: () => undefined,
      }
    },
    publish: (sums) => {
      tell(new Tallies(references, sums).gaps)
    },
  })
}

class Tallies {
  readonly #all: GapTally
  readonly #labels: ReadonlyMap<string, GapTally>

  constructor({ all, labels }: ScoreReferences, from: Sums | undefined) {
    this.#all = new GapTally(all, from?.all)
    this.#labels = new Map(
      [...labels].map(([label, one]) => [label, new GapTally(one, from?.labels.get(label))]),
    )
  }

  add(batch: RecordBatch): void {
    const scores = column(batch, 'familiarity')
    const labels = batch.getChild('label')
    const own = batch.getChild('label_familiarity')
    for (let row = 0; row < batch.numRows; row++) {
      this.#all.add(numberAt(scores.get(row)))
      this.#labels.get(String(labels?.get(row)))?.add(numberAt(own?.get(row)))
    }
  }

  get sums(): Sums {
    const labels = [...this.#labels].map(([label, { sums }]) => [label, sums] as const)
    return { all: this.#all.sums, labels: new Map(labels) }
  }

  get gaps(): SetGaps {
    const labels = [...this.#labels].flatMap(([label, { gap }]) => (gap ? [[label, gap]] : []))
    labels.sort(([a = ''], [b = '']) => (a < b ? -1 : 1))
    return {
      gap: this.#all.gap ?? null,
      labelGaps: Object.fromEntries(labels) as SetGaps['labelGaps'],
    }
  }
}

/** NaN for a null. */
function numberAt(value: unknown): number {
  return typeof value === 'number' ? value : NaN
}

/** Labels that are told a person; the rest is in the summary. */
const mostLabels = 10

/** The gaps for a person: of all rows, then of the labels, of which the least familiar come first. */
export function gapsText({ gap, labelGaps }: SetGaps): string[] {
  if (!gap) return []
  const labels = Object.entries(labelGaps)
  labels.sort(([, a], [, b]) => a.percentileRatio - b.percentileRatio)
  const more = labels.length - mostLabels
  return [
    gapText('familiarity beside the fitted set', gap),
    ...labels.slice(0, mostLabels).map(([label, one]) => gapText(`  label ${label}`, one)),
    ...(more > 0 ? [`  ${String(more)} more labels: see --json`] : []),
  ]
}

/** A gap for a person, in a line. */
export function gapText(name: string, gap: Gap): string {
  const { band, percentileRatio, standardError, logDensityRatio, logDensityBand } = gap
  const ratio =
    logDensityRatio === null
      ? 'log densities differ in sign'
      : `by log density ${logDensityRatio.toFixed(2)}: ${String(logDensityBand)}`
  return `${name}: ${band} (by percentile ${percentileRatio.toFixed(2)} ± ${standardError.toFixed(2)}; ${ratio})`
}
