import type { ScoreReference } from './gap.ts'
import type { FitSize, Model, ModelState } from './model.ts'

/** What a density says of rows. */
export interface DensityScores {
  /** Natural logarithm of the density; higher is more familiar. */
  readonly logDensity: Float64Array
  /** Percent of the learned rows whose score is at or below this row's, from 0 to 100. */
  readonly percentile: Float64Array
}

/** A model of how familiar rows are. */
export interface Density extends Model<DensityScores> {
  /** How the learned rows score. */
  readonly reference: ScoreReference
}

/** How densities are made. */
export interface DensityStrategy {
  /** Its name, saved with the models. */
  readonly type: string
  /** A density that has learned nothing yet. */
  readonly make: (size: FitSize) => Density
  /** A density from what was saved. */
  readonly fromState: (state: ModelState) => Density
}

/** A model of one's own that says of each row how familiar it is: any number, higher is more familiar. */
export interface ScoringModel extends Model<Float64Array> {
  /** Numbers that its fit may choose, where the scores are log densities: tells by how much it favours its own rows. */
  readonly freeParameters?: number
}

/** A strategy of one's own. */
export interface FamiliarityStrategy {
  /** Its name, saved with the models: not `gmm`. */
  readonly type: string
  /** A model that has learned nothing yet. */
  readonly make: (size: FitSize) => ScoringModel
  /** A model from what its `state` gave. */
  readonly fromState: (state: ModelState) => ScoringModel
}
