import { type DataType, Field, FixedSizeList, Float64, Int32, List } from 'apache-arrow'
import { fixedShapeTensor } from '../batch/tensor.ts'
import type { StatisticShape } from './profile.ts'
import {
  boxColumns,
  channelColumns,
  pictureColumns,
  ratioColumns,
  type Wanted,
} from './profiles.ts'

/** The fields of all statistics that are wanted. */
export function statisticFields(wanted: Wanted): readonly Field[] {
  const lists = [...channelColumns(wanted), ...boxColumns(wanted)]
  return [
    ...pictureColumns(wanted).map(({ name, statistic }) => fieldOf(name, statistic)),
    ...lists.map(({ name, statistic }) => listField(name, statistic)),
    ...ratioColumns(wanted).map(({ name }) => listField(name, { whole: false })),
  ]
}

/** The field of a statistic that a row has once; null where there is nothing to say. */
function fieldOf(name: string, { whole, length }: StatisticShape): Field {
  const type = whole ? new Int32() : new Float64()
  return length === undefined ? new Field(name, type, true) : fixedShapeTensor(name, [length], type)
}

/** The field of a statistic that a row has any number of times: a list. */
function listField(name: string, { whole, length }: StatisticShape): Field {
  const type = whole ? new Int32() : new Float64()
  const item: DataType =
    length === undefined ? type : new FixedSizeList(length, new Field('item', type, false))
  return new Field(name, new List(new Field('item', item, true)), true)
}
