import { Field, Float64, type RecordBatch, Schema, Utf8 } from 'apache-arrow'
import { map } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { batchOf, binaryColumn, float64Column, textColumn } from '../../../src/batch/batch.ts'
import { declare } from '../../../src/flow/declare.ts'
import { Flow, flowOf } from '../../../src/flow/flow.ts'
import { heavy } from '../../../src/batch/schema.ts'
import { collect } from '../../helpers/sources.ts'

const batch = batchOf([textColumn('id', ['a']), float64Column('x', new Float64Array([1]))])
const source = new Flow<RecordBatch>(
  async function* () {
    yield await Promise.resolve(batch)
  },
  { name: 'rows', role: 'source', schema: () => batch.schema },
)
const id = new Field('id', new Utf8(), true)
const x = new Field('x', new Float64(), true)
const foreign = (flow: Flow<RecordBatch>) => flow.pipe(map((b) => b))

describe('declare', () => {
  it('says the schema that a foreign operator hides', async () => {
    const hidden = flowOf(foreign(source))
    expect(await hidden.schema()).toBeUndefined()
    const schema = new Schema([id, x])
    const declared = flowOf(hidden.pipe(declare(schema)))
    expect(await declared.schema()).toBe(schema)
    expect(await collect(declared)).toEqual([batch])
  })

  it('lets heavy columns be dropped', async () => {
    const image = heavy(binaryColumn('image', []).field)
    const flow = flowOf(foreign(source).pipe(declare(new Schema([id, x, image]))))
    expect(await collect(flow)).toEqual([batch])
  })

  it.each([
    {
      fields: [id, x, new Field('y', new Float64(), true)],
      message: 'Expected column `y` for declare, got columns id, x; did you mean `x`?',
    },
    {
      fields: [id, new Field('x', new Utf8(), true)],
      message: 'Expected column `x` to be Utf8, got Float64',
    },
    { fields: [id], message: 'Expected column `x` to be left out, got Float64' },
  ])('refuses another schema: $message', async ({ fields, message }) => {
    const flow = flowOf(foreign(source).pipe(declare(new Schema(fields))))
    await expect(collect(flow)).rejects.toMatchObject({ code: 'SCHEMA', message })
  })
})
