// 20,000 rows of 1,792 float32 columns, top 40: fitting and applying against scikit-learn's
// IncrementalPCA. Without python3-sklearn: against ml-matrix on 500 columns.
// Run: npm run build && npx jiti bench/pca.ts
import { EigenvalueDecomposition, Matrix as Dense } from 'ml-matrix'
import { closeKernel } from '../src/kernels/kernel.ts'
import type { Matrix } from '../src/models/model.ts'
import { Pca } from '../src/models/pca.ts'
import { clusteredRows, compare, seconds, Sklearn } from './compare.ts'

const components = 40

async function fit(rows: Matrix): Promise<Pca> {
  const pca = new Pca({ components })
  pca.begin()
  await pca.learn(rows)
  await pca.end()
  return pca
}

const sklearn = await Sklearn.start()
if (sklearn) {
  const rows = clusteredRows(20_000, 1792, 60)
  const task = { task: 'incremental', components }
  await compare(
    'PCA of 20,000 × 1,792, top 40',
    {
      'Pca (exact)': () => seconds(() => fit(rows)),
      'scikit-learn IncrementalPCA (float32)': () => sklearn.time(rows, task),
    },
    3,
  )
  const pca = await fit(rows)
  await compare(
    'Scores of 20,000 × 1,792',
    { 'Pca.apply': () => seconds(() => pca.apply(rows)) },
    5,
  )
} else {
  console.log('python3-sklearn is not there: compared with ml-matrix instead')
  const rows = clusteredRows(5000, 500, 60)
  function dense(): Promise<unknown> {
    const x = Dense.from1DArray(rows.rows, rows.columns, rows.values).center('column')
    const scatter = x.transpose().mmul(x)
    return Promise.resolve(new EigenvalueDecomposition(scatter, { assumeSymmetric: true }))
  }
  await compare(
    'PCA of 5,000 × 500, top 40',
    { Pca: () => seconds(() => fit(rows)), 'ml-matrix': () => seconds(dense) },
    3,
  )
}
sklearn?.close()
await closeKernel()
