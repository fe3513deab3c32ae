// The public face: what a pipeline file and a program import from `millrace`. Operators are in
// `millrace/operators/*`, connectors in `millrace/connectors/*`.
export { Flow, flowOf, type FlowInfo, type Guarantee, type Pull } from './flow.ts'
export { operate, type OperateSpec, type Step } from './operate.ts'
export { concatFlows } from './concat-flows.ts'
export { declare } from './declare.ts'
export { fanOut, type FanOutOptions } from './fan-out.ts'
export { mergeFlows } from './merge-flows.ts'
export { prefetch } from './prefetch.ts'
export { stateless } from './stateless.ts'
export { zipFlows } from './zip-flows.ts'
export { source, type SourceSpec } from './source.ts'
export { sink, type SinkSpec, type Writer, type WriteSummary } from './sink.ts'
export { Barrier, Control, type Reject, Rejects, Watermark } from './control.ts'
export type { Context } from './context.ts'

export { run, type Progress, type RunOptions, type RunSummary } from './run.ts'
export type { Job } from './plan.ts'
export { check, type Problem } from './check.ts'
export { explain, type Plan, type PlannedColumn, type PlanNode } from './explain.ts'
export type { Counts, RunSettings } from './run-state.ts'
export type { OperatorSummary } from './tally.ts'

export {
  ConnectorError,
  DataError,
  type ErrorCode,
  FlowError,
  OptionError,
  OverrunError,
  RejectLimitError,
  SchemaError,
} from './errors.ts'

export {
  batchOf,
  binaryColumn,
  boolColumn,
  type Column,
  column,
  columnsOf,
  concat,
  float64Column,
  int32Column,
  int64Column,
  select,
  take,
  textColumn,
  withColumns,
} from './batch.ts'
export { type ColumnKind, heavy, requireField, schemaWith, schemaWithout } from './schema.ts'
export { fixedShapeTensor, tensorColumn, tensorShape, tensorValues } from './tensor.ts'
