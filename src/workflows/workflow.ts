import type { Links } from '../pictures/file-roots.ts'
import type { CheckpointOptions } from '../run/checkpointer.ts'
import type { Progress } from '../run/run.ts'
import type { FitParts, OutlierSettings, ReportParts } from './report-parts.ts'
import type { ScoredParts } from './score-parts.ts'

/** Where rows come from. */
export interface SourceSpec {
  /** Path, glob or URL. */
  readonly path: string
  /** The split that all of its rows are in; also the prefix of their ids. */
  readonly split?: string
}

/** Options that every workflow takes. */
export interface WorkflowOptions {
  /** Sources, read one after another. */
  readonly sources: readonly SourceSpec[]
  /** Pattern of labels and splits in the paths, for instance `{split}/{label}/{name}`. */
  readonly labels?: string
  /** Which links in folders are followed: by default those that stay within them. */
  readonly links?: Links
  /** A model for the embeddings, as `infer` takes it, in place of the bundled one. */
  readonly model?: string
  /** Seed for whatever is random. */
  readonly seed: number
  /** Most items read. */
  readonly limit?: number
  /** Worker threads. */
  readonly threads?: number
  /** Most bytes in the windows of all parts together. */
  readonly memory?: number
  /** Longest time that the run may take; see `RunOptions`. */
  readonly timeoutMs?: number
  /** When it tells what holds it up; see `RunOptions`. */
  readonly stallMs?: number
  /** Keeps checkpoints, so that a run that was cut short can be resumed. */
  readonly checkpoint?: CheckpointOptions
  /** See `RunOptions`. */
  readonly only?: ReadonlyMap<string, number>
}

/** Options of `report` and `fit`. */
export interface FolderOptions extends WorkflowOptions {
  /** Folder to write. */
  readonly out: string
}

/** Options of `fit`. */
export interface FitOptions extends FolderOptions {
  /** What it keeps of the statistics; by default both. */
  readonly parts?: FitParts
}

/** Options of `report`. */
export interface ReportOptions extends FolderOptions {
  /** What it is made of; by default all but CSV files. */
  readonly parts?: ReportParts
}

/** Options of `score`. */
export interface ScoreOptions extends WorkflowOptions {
  /** Folder of fitted models. */
  readonly models: string
  /** File to write. */
  readonly out: string
  /** Parquet file to write the rejects to. */
  readonly rejects?: string
  /** What it says beside the scores; by default all. */
  readonly parts?: ScoredParts
}

/** Options of `compare`. */
export interface CompareOptions extends WorkflowOptions {
  /** Folder of fitted models, or a source that is fitted. */
  readonly fit: SourceSpec
}

/** Options of `stats`. */
export interface StatsOptions extends WorkflowOptions {
  /** File to write: a row per picture. */
  readonly out?: string
  /** Parquet file to write the rejects to. */
  readonly rejects?: string
  /** Whether the channels are told apart. */
  readonly channels?: boolean
  /** What is out of bounds. */
  readonly outliers?: OutlierSettings
}

/** What a workflow is given to stop it and to follow it. */
export interface WorkflowContext {
  /** Aborts when it is to stop and publish nothing. */
  readonly signal: AbortSignal
  /** Aborts when it is to take a last checkpoint and to leave the rest for a resumed run. */
  readonly drain: AbortSignal
  /** Shows how far it is. */
  readonly onProgress: (progress: Progress) => void
  /** Tells the user something, in one line. */
  readonly note: (line: string) => void
}

/** What a workflow did. */
export interface WorkflowResult {
  /** For machines: printed by `--json`. */
  readonly summary: object
  /** For a person. */
  readonly text: string
}

/**
 * A workflow: `report`, `stats`, `fit`, `score`, `compare`. One that was cut short at any point comes out right when it is
 * called again with `checkpoint.resume`; fails with a `SuspendedError` when it is drained.
 */
export type Workflow<Options> = (
  options: Options,
  context: WorkflowContext,
) => Promise<WorkflowResult>
