// `kiosk-hub new-driver VENDOR MODEL`: lays the one file and the one capture of a new device, in a checkout of the sources.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export const KINDS = ['blood-pressure', 'glucose'] as const
export type NewKind = (typeof KINDS)[number]

/** What stands in the places of the two texts, by kind. */
const PLACES: Record<NewKind, Record<'EVENT' | 'MEANING' | 'DURATION' | 'FIGURE' | 'EXAMPLE', string>> = {
  glucose: {
    EVENT: 'Glucose',
    MEANING: "{ kind: 'glucose', value, unit: 'mg/dL', range: null, context: 'unknown', deviceTime: null }",
    DURATION: '  // a driver of live measurements names how long one takes: measuringSeconds',
    FIGURE: '30 39 39',
    EXAMPLE: '{"kind":"glucose","value":99,"unit":"mg/dL","range":null,"context":"unknown","deviceTime":null}',
  },
  'blood-pressure': {
    EVENT: 'BloodPressure',
    MEANING:
      "{ ...{ kind: 'blood-pressure', systolic: value, diastolic: 80, mean: null }, pulse: null, unit: 'mm[Hg]', deviceTime: null, flags: [] }",
    DURATION: '  measuringSeconds: { min: 20, max: 180 },',
    FIGURE: '31 32 30',
    EXAMPLE:
      '{"kind":"blood-pressure","systolic":120,"diastolic":80,"mean":null,"pulse":null,"unit":"mm[Hg]","deviceTime":null,"flags":[]}',
  },
}

/**
 * Lays both files; nothing is overwritten.
 * @param sources a checkout of the sources
 * @returns their paths: the driver, the capture
 * @throws Error that says what is wrong and what to do
 */
export function newDriver(sources: string, vendor: string, model: string, kind: NewKind): [string, string] {
  const texts = join(sources, 'devices/kit/new')
  if (!existsSync(texts)) throw new Error(`${sources} holds no devices/kit: start this in a checkout of the sources`)
  const id = `${vendor} ${model}`
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '')
  if (!/^[a-z0-9]+-[a-z0-9-]+$/.test(id) || /['\\\n]/.test(vendor + model))
    throw new Error(
      `"${vendor}" "${model}": expected a maker and a model of letters and digits, such as Omron HBP-9030`,
    )
  const folder = join(sources, 'devices', kind)
  const [driver, capture] = [join(folder, `${id}.ts`), join(folder, `${id}.capture`)]
  const there = [driver, capture].filter((file) => existsSync(file))
  if (there.length > 0) throw new Error(`${there.join(', ')}: there already, and left as it is`)
  const places: Record<string, string> = { ...PLACES[kind], VENDOR: vendor, MODEL: model, KIND: kind, ID: id }
  const filled = (text: string) =>
    readFileSync(join(texts, text), 'utf8').replaceAll(/\b[A-Z]+\b/g, (word) => places[word] ?? word)
  mkdirSync(folder, { recursive: true })
  writeFileSync(driver, filled('driver.txt'))
  writeFileSync(capture, filled('capture.txt'))
  return [driver, capture]
}
