import {
  Bool,
  Field,
  Float64,
  Int32,
  type RecordBatch,
  Schema,
  Utf8,
  vectorFromArray,
} from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { batchOf } from '../src/batch/batch.ts'
import { decodeBatch, encodeBatch } from '../src/batch/ipc.ts'
import { operate } from '../src/flow/operate.ts'
import { requireField } from '../src/batch/schema.ts'

const reads = [
  'id',
  'exact_group',
  'exact_keep',
  'near_group',
  'near_keep',
  'near_by',
  'embedding_distance',
  'hash_distance',
]

const fields = [
  new Field('group', new Int32(), false),
  new Field('kind', new Utf8(), false),
  new Field('id', new Utf8(), false),
  new Field('split', new Utf8(), true),
  new Field('by', new Utf8(), true),
  new Field('embedding_distance', new Float64(), true),
  new Field('hash_distance', new Int32(), true),
  new Field('keep', new Bool(), false),
]
/** Those behind `duplicates` with `spread`. */
const spreadFields = ['centroid_distance', 'centroid_mean', 'centroid_std', 'x', 'y'].map(
  (name) => new Field(name, new Float64(), true),
)

/** Rows of a batch of the answer. */
const batchRows = 4096

/** One row of the answer, by name of field. */
type Member = Readonly<Record<string, unknown>> & { readonly group: number }

/**
 * Turns the columns that `duplicates` adds into a table of groups.
 *
 * - Rows: one per member of a group: the exact groups, then the near ones, each ascending, members
 *   in input order. They come after the last input row.
 * - Columns: `id`, `split` (where it is there) and those of `duplicates` → `group`, `kind` (`exact`,
 *   `near`), `id`, `split`, `by`, `embedding_distance`, `hash_distance`, `keep`; the others are left out.
 *   `by` and the distances are null for the member that is kept; an exact copy is there `by` `hash`.
 *   Behind `duplicates` with `spread` also, for the near groups, `centroid_distance`, the group's mean and (population) standard
 *   deviation of it, `centroid_mean` and `centroid_std`, and the place in the group, `x` and `y` (Float64).
 * - State: the members of groups, about 300 bytes each.
 *
 * @throws {SchemaError} if a column of `duplicates` is missing
 * @example
 * flow.pipe(duplicates(), duplicateGroups()) // => { group: 0, kind: 'exact', id: 'a.png', keep: true, … }
 */
export function duplicateGroups(): OperatorFunction<RecordBatch, RecordBatch> {
  return operate<RecordBatch, RecordBatch>({
    name: 'duplicateGroups',
    schema: schemaOf,
    holds: 'the members of groups, about 300 bytes each',
    start() {
      const exact: Member[] = []
      const near: Member[] = []
      let schema = new Schema(fields)
      return {
        *next(batch) {
          schema = schemaOf(batch.schema)
          for (let row = 0; row < batch.numRows; row++) {
            const group = valueIn(batch, 'exact_group', row) as number | null
            if (group !== null) exact.push(exactMember(batch, row, group))
            const nearGroup = valueIn(batch, 'near_group', row) as number | null
            if (nearGroup !== null) near.push(nearMember(batch, row, nearGroup))
          }
          yield* []
        },
        *flush() {
          const members = [...exact.sort(byGroup), ...withMoments(near.sort(byGroup))]
          for (let from = 0; from < members.length; from += batchRows)
            yield batchOfMembers(members.slice(from, from + batchRows), schema)
        },
        // As columns: objects would be cloned one by one, with the names of all their fields.
        snapshot: () => encodeBatch(batchOfMembers([...exact, ...near], schema)),
        restore(state) {
          const members = decodeBatch(state as Uint8Array)
          schema = members.schema
          for (const row of members) {
            const member = row.toJSON() as unknown as Member
            ;(member['kind'] === 'exact' ? exact : near).push(member)
          }
        },
      }
    },
  })
}

function schemaOf(input: Schema): Schema {
  for (const name of reads) requireField(input, name, { owner: 'duplicateGroups' })
  const spreads = input.names.includes('centroid_distance')
  return new Schema(spreads ? [...fields, ...spreadFields] : fields)
}

function exactMember(batch: RecordBatch, row: number, group: number): Member {
  const keep = valueIn(batch, 'exact_keep', row)
  const by = keep === true ? null : 'hash'
  const distance = keep === true ? null : 0
  return {
    ...named(batch, row, { group, kind: 'exact', keep, by }),
    embedding_distance: distance,
    hash_distance: distance,
  }
}

function nearMember(batch: RecordBatch, row: number, group: number): Member {
  const keep = valueIn(batch, 'near_keep', row)
  return {
    ...named(batch, row, { group, kind: 'near', keep, by: valueIn(batch, 'near_by', row) }),
    embedding_distance: valueIn(batch, 'embedding_distance', row),
    hash_distance: valueIn(batch, 'hash_distance', row),
    centroid_distance: valueIn(batch, 'centroid_distance', row),
    x: valueIn(batch, 'group_x', row),
    y: valueIn(batch, 'group_y', row),
  }
}

function named<T extends object>(
  batch: RecordBatch,
  row: number,
  of: T,
): T & { id: unknown; split: unknown } {
  return { ...of, id: valueIn(batch, 'id', row), split: valueIn(batch, 'split', row) }
}

function byGroup(a: Member, b: Member): number {
  return a.group - b.group
}

/** The members with the moments of the distances in their group. */
function withMoments(members: readonly Member[]): Member[] {
  const distances = new Map<number, number[]>()
  for (const { group, centroid_distance: distance } of members) {
    const known = distances.get(group) ?? []
    if (typeof distance === 'number') known.push(distance)
    distances.set(group, known)
  }
  const moments = new Map([...distances].map(([group, known]) => [group, momentsOf(known)]))
  return members.map((member) => ({ ...member, ...moments.get(member.group) }))
}

function momentsOf(distances: readonly number[]): Readonly<Record<string, number>> {
  if (distances.length === 0) return {}
  const mean = distances.reduce((a, b) => a + b, 0) / distances.length
  const variance = distances.reduce((sum, x) => sum + (x - mean) ** 2, 0) / distances.length
  return { centroid_mean: mean, centroid_std: Math.sqrt(variance) }
}

function batchOfMembers(members: readonly Member[], schema: Schema): RecordBatch {
  const columns = schema.fields.map((field) => ({
    field,
    vector: vectorFromArray(
      members.map((member) => member[field.name] ?? null),
      field.type,
    ),
  }))
  return batchOf(columns, schema)
}

function valueIn(batch: RecordBatch, name: string, row: number): unknown {
  return batch.getChild(name)?.get(row) ?? null
}
