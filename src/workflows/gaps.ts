import type { RecordBatch } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { column } from '../batch/batch.ts'
import { sink, type WriteSummary } from '../flow/sink.ts'
import type { RunSummary } from '../run/run.ts'
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

/** The receipt of {@link measureGaps}. */
interface GapSummary extends WriteSummary {
  readonly gaps: SetGaps
}

/** What was gathered, for a checkpoint. */
interface Sums {
  readonly rows: number
  readonly all: GapSums
  readonly labels: ReadonlyMap<string, GapSums>
}

const name = 'measureGaps'

/**
 * A sink that measures the gaps between the rows, scored by frozen models, and the fitted set; they are in its
 * receipt. Holds a few numbers for each label.
 */
export function measureGaps(
  references: ScoreReferences,
): OperatorFunction<RecordBatch, WriteSummary> {
  return sink<Sums>({
    name,
    guarantee: 'exactly-once',
    open: (_, from) => {
      const tallies = new Tallies(references, from)
      return {
        write: (batch) => {
          tallies.add(batch)
        },
        stage: () => tallies.sums,
        finish: () => {
          const { sums, gaps } = tallies
          const summary: GapSummary = {
            ...{ sink: name, location: 'summary', rows: sums.rows, bytes: 0, files: 0 },
            gaps,
          }
          return { summary, state: sums }
        },
        abort: () => undefined,
      }
    },
  })
}

/** The gaps that a run measured, also one that had finished before it was resumed; none if it did not measure any. */
export function gapsOf({ sinks }: RunSummary): SetGaps {
  const receipt = sinks.find(({ sink }) => sink === name) as GapSummary | undefined
  return receipt?.gaps ?? { gap: null, labelGaps: {} }
}

class Tallies {
  readonly #all: GapTally
  readonly #labels: ReadonlyMap<string, GapTally>
  #rows: number

  constructor({ all, labels }: ScoreReferences, from: Sums | undefined) {
    this.#rows = from?.rows ?? 0
    this.#all = new GapTally(all, from?.all)
    this.#labels = new Map(
      [...labels].map(([label, one]) => [label, new GapTally(one, from?.labels.get(label))]),
    )
  }

  add(batch: RecordBatch): void {
    this.#rows += batch.numRows
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
    return { rows: this.#rows, all: this.#all.sums, labels: new Map(labels) }
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
export function gapText(about: string, gap: Gap): string {
  const { band, percentileRatio, standardError, logDensityRatio, logDensityBand } = gap
  const ratio =
    logDensityRatio === null
      ? 'log densities differ in sign'
      : `by log density ${logDensityRatio.toFixed(2)}: ${String(logDensityBand)}`
  return `${about}: ${band} (by percentile ${percentileRatio.toFixed(2)} ± ${standardError.toFixed(2)}; ${ratio})`
}
