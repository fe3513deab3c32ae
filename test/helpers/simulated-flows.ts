import { Field, Int32, type RecordBatch } from 'apache-arrow'
import { limit } from '../../operators/limit.ts'
import { rebatch } from '../../operators/rebatch.ts'
import { batchOf, int32Column, textColumn } from '../../src/batch/batch.ts'
import { schemaWith } from '../../src/batch/schema.ts'
import { concatFlows } from '../../src/flow/concat-flows.ts'
import { Rejects } from '../../src/flow/control.ts'
import { fanOut } from '../../src/flow/fan-out.ts'
import { type Flow, flowOf } from '../../src/flow/flow.ts'
import { mergeFlows } from '../../src/flow/merge-flows.ts'
import { operate } from '../../src/flow/operate.ts'
import { source } from '../../src/flow/source.ts'
import { zipFlows } from '../../src/flow/zip-flows.ts'
import { operateTable } from '../../src/table/column-store.ts'
import type { Scheduler } from './scheduler.ts'
import {
  type Operation,
  OperationStep,
  pairOf,
  type PlanPart,
  type Table,
  totalled,
} from './simulated-plan.ts'

const { schema } = batchOf([textColumn('id', [])])

/** Builds the flows of a plan, of the library's own parts; what is asynchronous in them takes turns. */
export class FlowBuilder {
  readonly #scheduler: Scheduler
  readonly #fans = new Map<PlanPart, readonly Flow<RecordBatch>[]>()
  readonly #tables = new Map<PlanPart, Flow<RecordBatch>>()

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler
  }

  /** The flow of a part. */
  build(part: PlanPart): Flow<RecordBatch> {
    if (part.type === 'source') return this.#source(part.name, part.rows, part.batch)
    if (part.type === 'operate') return this.operate(this.build(part.input), part)
    if (part.type === 'rebatch')
      return flowOf(this.build(part.input).pipe(rebatch({ rows: part.rows })))
    if (part.type === 'limit') return flowOf(this.build(part.input).pipe(limit(part.rows)))
    if (part.type === 'table') return this.#table(part)
    if (part.type === 'concat') return concatFlows(part.inputs.map((input) => this.build(input)))
    if (part.type === 'merge') return mergeFlows(...part.inputs.map((input) => this.build(input)))
    if (part.type === 'first')
      return first(
        part,
        part.inputs.map((input) => this.build(input)),
      )
    if (part.type === 'zip') return this.#zip(part.inputs.map((input) => this.build(input)))
    let fan = this.#fans.get(part.fan)
    if (!fan) {
      fan = fanOut<number>(part.of)(this.build(part.fan))
      this.#fans.set(part.fan, fan)
    }
    return fan[part.index] as Flow<RecordBatch>
  }

  /** Puts the number of all rows behind each id, by a blocking operator. */
  #table(part: Table): Flow<RecordBatch> {
    return flowOf(this.#totals(part).pipe(joined(heightOf(part))))
  }

  /** One flow for all readers of a table. */
  #totals(part: Table): Flow<RecordBatch> {
    const { input, stacked } = part
    const below = stacked ? this.#totals(input as Table) : this.build(input)
    const made = this.#tables.get(part) ?? flowOf(below.pipe(total))
    this.#tables.set(part, made)
    return made
  }

  #source(name: string, rows: number, size: number): Flow<RecordBatch> {
    const turn = (): Promise<void> => this.#scheduler.turn()
    return source<RecordBatch, number>({
      name: 'source',
      schema: () => schema,
      settings: { name, rows, size },
      async *read(_context, from = 0) {
        for (let row = from; row < rows; row += size) {
          await turn()
          const length = Math.min(size, rows - row)
          const ids = Array.from({ length }, (_, i) => name + String(row + i))
          yield [batchWith(ids), row + length]
        }
        await turn()
      },
    })
  }

  /** Does with the rows of `input` what `operation` says. */
  operate(input: Flow<RecordBatch>, operation: Operation): Flow<RecordBatch> {
    const turn = (): Promise<void> => this.#scheduler.turn()
    const { name, counts, concurrency, ordered } = operation
    return flowOf(
      input.pipe(
        operate<RecordBatch, RecordBatch>({
          name,
          concurrency,
          ordered,
          schema: (given) => given,
          settings: { ...operation },
          start() {
            const step = new OperationStep(operation)
            return {
              async *next(batch) {
                await turn()
                const made = idsOf(batch).flatMap((id) => step.next(id))
                const refused = step.rejected.splice(0)
                if (refused.length > 0) {
                  yield refusal(refused, name)
                  await turn()
                }
                if (made.length > 0) yield batchWith(made)
              },
              *flush() {
                const made = step.flush()
                if (made.length > 0) yield batchWith(made)
              },
              ...(counts && {
                snapshot: () => step.count,
                restore(count: unknown) {
                  step.count = count as number
                },
              }),
            }
          },
        }),
      ),
    )
  }

  #zip(inputs: readonly Flow<RecordBatch>[]): Flow<RecordBatch> {
    const [a, b] = inputs.map((input) => flowOf(input.pipe(rebatch({ rows: 1 })))) as [
      Flow<RecordBatch>,
      Flow<RecordBatch>,
    ]
    return flowOf(
      zipFlows(a, b).pipe(
        operate<readonly [RecordBatch, RecordBatch], RecordBatch>({
          name: 'pair',
          schema: (given) => given,
          start: () => ({
            *next([one, two]) {
              yield batchWith([pairOf(idsOf(one)[0] ?? '', idsOf(two)[0] ?? '')])
            },
          }),
        }),
      ),
    )
  }
}

/** The first rows of any of `inputs`, by a number in place of their ids. */
function first(
  { name, rows }: { readonly name: string; readonly rows: number },
  inputs: readonly Flow<RecordBatch>[],
): Flow<RecordBatch> {
  const numbered = operate<RecordBatch, RecordBatch>({
    name: 'numbered',
    schema: (given) => given,
    settings: { name },
    start() {
      let count = 0
      return {
        *next(batch) {
          yield batchWith(idsOf(batch).map(() => name + String(count++)))
        },
        snapshot: () => count,
        restore(saved: unknown) {
          count = saved as number
        },
      }
    },
  })
  return flowOf(mergeFlows(...inputs).pipe(limit(rows), numbered))
}

/** Adds the number of all rows as a column. */
const total = operateTable({
  name: 'total',
  schema: (given) => schemaWith(given, [new Field('total', new Int32(), true)]),
  async *run(rows) {
    for await (const { numRows } of rows.read(['id']))
      yield batchOf([int32Column('total', new Array<number>(numRows).fill(rows.numRows))])
  },
})

function heightOf({ input, stacked }: Table): number {
  return stacked ? 1 + heightOf(input as Table) : 1
}

/** Puts that number behind each id, `times` times. */
function joined(times: number) {
  return operate<RecordBatch, RecordBatch>({
    name: 'joined',
    schema: () => schema,
    start: () => ({
      *next(batch) {
        const totals = [...(batch.getChild('total') ?? [])].map(Number)
        yield batchWith(
          idsOf(batch).map((id, row) => {
            let made = id
            for (let i = 0; i < times; i++) made = totalled(made, totals[row] ?? -1)
            return made
          }),
        )
      },
    }),
  })
}

/** The ids of a batch. */
export function idsOf(batch: RecordBatch): readonly string[] {
  return [...(batch.getChild('id') ?? [])].map(String)
}

/** A batch of rows with these ids. */
export function batchWith(ids: readonly string[]): RecordBatch {
  return batchOf([textColumn('id', ids)])
}

function refusal(ids: readonly string[], operator: string): Rejects {
  const message = 'Expected another id'
  return new Rejects(ids.map((id) => ({ id, operator, code: 'DATA', message, attempt: 1 })))
}
