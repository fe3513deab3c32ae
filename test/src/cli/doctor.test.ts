import { describe, expect, it } from 'vitest'
import { packageFinding } from '../../../src/cli/doctor.ts'
import { millrace } from '../../helpers/command.ts'

describe('millrace doctor', () => {
  it('finds what the command needs', async () => {
    const { code, stdout } = await millrace(['doctor', '--json'])
    expect(code).toBe(0)
    const { findings } = JSON.parse(stdout) as {
      findings: { name: string; status: string; required: boolean; detail: string }[]
    }
    expect(
      findings.filter(({ required }) => required).map(({ name, status }) => [name, status]),
    ).toEqual(
      ['node', 'apache-arrow', 'rxjs', 'onnxruntime-node', 'sharp', 'parquet-wasm', 'usearch'].map(
        (name) => [name, 'ok'],
      ),
    )
    expect(findings.map(({ name }) => name)).toEqual(expect.arrayContaining(['memory', 'disk']))
  })
})

describe('packageFinding', () => {
  it('says that a package is missing', async () => {
    expect(
      await packageFinding({ name: 'no-such-package', use: 'nothing', required: true }),
    ).toEqual({
      name: 'no-such-package',
      required: true,
      status: 'missing',
      detail: 'nothing; install with: npm install no-such-package',
    })
  })
})
