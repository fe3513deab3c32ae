import { toCsv } from '../../connectors/to-csv.ts'
import { toJsonl } from '../../connectors/to-jsonl.ts'
import { toParquet } from '../../connectors/to-parquet.ts'

/** The sink that a file's name asks for: `.jsonl`, `.csv`, `-` for JSON lines on stdout, else Parquet. */
export function sinkFor(out: string) {
  if (/\.jsonl$|^-$/.test(out)) return toJsonl
  return out.endsWith('.csv') ? toCsv : toParquet
}
