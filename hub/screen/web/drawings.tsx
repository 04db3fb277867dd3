// The drawings of the page by name; all of them lie in drawings.svg.

const SHEET = new URL('./drawings.svg', import.meta.url).href

export type GlyphName =
  | 'language'
  | 'leave'
  | 'stop'
  | 'person'
  | 'cuff'
  | 'drop'
  | 'line'
  | 'noLine'
  | 'calendar'
  | 'doctor'
  | 'walk'
  | 'seat'
  | 'repeat'
  | 'phone'
  | 'check'
  | 'panel'
  | 'question'
  | `severity${0 | 1 | 2 | 3}`

export type PictureName = 'card' | 'take' | 'seated' | 'arm' | 'meter' | 'plug' | 'done'

/** In the order of the visit's bands: jade, azure, plum, olive, mulberry, slate. */
export const EMBLEMS = ['leaf', 'fish', 'hill', 'moon', 'boat', 'flower'] as const

const Drawing = ({ name }: { name: string }) => <use href={`${SHEET}#${name}`} />

/** A symbol; always beside a word, so it is hidden from readers. */
export const Glyph = ({ name }: { name: GlyphName }) => (
  <svg className="glyph" aria-hidden="true">
    <Drawing name={name} />
  </svg>
)

/** Says "this visit is still mine" also to who does not read. */
export const Emblem = ({ band }: { band: number }) => (
  <svg className="emblem" aria-hidden="true">
    <Drawing name={EMBLEMS[band] ?? EMBLEMS[0]} />
  </svg>
)

/** A picture with its text twin. */
export const Picture = ({ name, label }: { name: PictureName; label: string }) => (
  <svg className="pic" role="img" aria-label={label}>
    <Drawing name={name} />
  </svg>
)
