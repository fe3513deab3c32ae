// The public face: what a pipeline file and a program import from `millrace`. Operators are in
// `millrace/operators/*`, connectors in `millrace/connectors/*`.
export { Flow, flowOf, type FlowInfo, type Guarantee, type Pull } from './flow/flow.ts'
export { operate, type OperateSpec, type Step } from './flow/operate.ts'
export { concatFlows } from './flow/concat-flows.ts'
export { declare } from './flow/declare.ts'
export { fanOut, type FanOutOptions } from './flow/fan-out.ts'
export { mergeFlows } from './flow/merge-flows.ts'
export { prefetch } from './flow/prefetch.ts'
export { stateless } from './flow/stateless.ts'
export { zipFlows } from './flow/zip-flows.ts'
export { source, type SourceSpec } from './flow/source.ts'
export { sink, type SinkSpec, type Writer, type WriteSummary } from './flow/sink.ts'
export { Barrier, Control, type Reject, Rejects, Watermark } from './flow/control.ts'
export type { Context } from './flow/context.ts'

export { run, type Progress, type RunOptions, type RunSummary } from './run/run.ts'
export type { CheckpointOptions, CheckpointSummary } from './run/checkpointer.ts'
export { resumePoint } from './run/resume-point.ts'
export type { Job } from './run/plan.ts'
export { check, type CheckOptions, type Problem } from './run/check.ts'
export { explain, type Plan, type PlannedColumn, type PlanNode } from './run/explain.ts'
export type { Counts, RunSettings } from './run/run-state.ts'
export type { OperatorSummary } from './run/tally.ts'

export {
  ConnectorError,
  DataError,
  type ErrorCode,
  FlowError,
  OptionError,
  OverrunError,
  RejectLimitError,
  RunTimeoutError,
  SchemaError,
  WorkerError,
} from './errors.ts'

export type { StorageOptions } from './storage/storage-options.ts'
export type { WatchOptions } from './pictures/watch-options.ts'

export type { FamiliarityStrategy, ScoringModel } from './models/density.ts'
export type { FitSize, Matrix, Model, ModelState } from './models/model.ts'

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
} from './batch/batch.ts'
export { type ColumnKind, heavy, requireField, schemaWith, schemaWithout } from './batch/schema.ts'
export { fixedShapeTensor, tensorColumn, tensorShape, tensorValues } from './batch/tensor.ts'
