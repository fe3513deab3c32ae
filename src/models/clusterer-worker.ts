import { serve } from '../worker.ts'
import { clusterRows } from './clusterer.ts'

const methods = { clusterRows }

/** What the thread answers. */
export type ClustererMethods = typeof methods

serve(methods)
