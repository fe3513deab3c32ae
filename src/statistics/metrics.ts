/** A number that says something of a picture, and how an unusual one is told. */
export interface Metric {
  /** Column that holds it. */
  readonly name: string
  /** What it is, in a few words. */
  readonly title: string
  /** What a picture is whose value is low. */
  readonly low: string
  /** What a picture is whose value is high. */
  readonly high: string
  /** Whether values are apart by their differences or by their ratios (twice as large is as far as half); `nominal` ones are not far or near. */
  readonly scale: 'linear' | 'log' | 'nominal'
}

function metric(
  name: string,
  title: string,
  low: string,
  high: string,
  scale: Metric['scale'] = 'linear',
): Metric {
  return { name, title, low, high, scale }
}

/** The metrics of `imageStats` that are one number per picture, in the order in which they are shown. */
export const metrics: readonly Metric[] = [
  metric('width', 'width in pixels', 'narrower', 'wider', 'log'),
  metric('height', 'height in pixels', 'shorter', 'taller', 'log'),
  metric('size', 'number of pixels', 'smaller', 'larger', 'log'),
  metric('aspect_ratio', 'width by height', 'more upright', 'more stretched out', 'log'),
  metric('channels', 'channels of the file', 'of fewer channels', 'of more channels', 'nominal'),
  metric('depth', 'bits of a sample', 'of fewer bits', 'of more bits', 'nominal'),
  metric('bytes', 'bytes of the file', 'of fewer bytes', 'of more bytes', 'log'),
  metric('mean', 'mean', 'darker', 'lighter'),
  metric('std', 'standard deviation', 'plainer', 'more varied'),
  metric('var', 'variance', 'plainer', 'more varied'),
  metric('skew', 'skewness', 'more of light values', 'more of dark values'),
  metric('kurtosis', 'excess kurtosis', 'more even', 'more of extreme values'),
  metric('entropy', 'entropy in nats', 'of fewer shades', 'of more shades'),
  metric('brightness', '25th percentile', 'darker in the shadows', 'brighter in the shadows'),
  metric('darkness', '75th percentile', 'darker in the lights', 'brighter in the lights'),
  metric('contrast', 'contrast', 'flatter', 'starker'),
  metric('sharpness', 'sharpness', 'blurrier', 'sharper', 'log'),
  metric('zeros', 'share of zeros', 'less black', 'blacker'),
  metric('missing', 'share of missing values', 'less incomplete', 'more incomplete'),
]

const byName = new Map(metrics.map((each) => [each.name, each]))

/** The metric in column `name`; of a column that is none, one in plain words. */
export function metricOf(name: string): Metric {
  return byName.get(name) ?? metric(name, name, `lower in ${name}`, `higher in ${name}`)
}
