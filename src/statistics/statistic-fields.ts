import { type DataType, Field, FixedSizeList, Float64, Int32, List } from 'apache-arrow'
import { fixedShapeTensor } from '../batch/tensor.ts'
import type { StatisticShape } from './profile.ts'

/** The field of a statistic that a row has once; null where there is nothing to say. */
export function statisticField(name: string, { whole, length }: StatisticShape): Field {
  const type = whole ? new Int32() : new Float64()
  return length === undefined ? new Field(name, type, true) : fixedShapeTensor(name, [length], type)
}

/** The field of a statistic that a row has any number of times: a list. */
export function statisticsField(name: string, { whole, length }: StatisticShape): Field {
  const type = whole ? new Int32() : new Float64()
  const item: DataType =
    length === undefined ? type : new FixedSizeList(length, new Field('item', type, false))
  return new Field(name, new List(new Field('item', item, true)), true)
}
