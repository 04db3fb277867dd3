// Both languages say everything, with the same blanks to fill in.
import { describe, expect, it } from 'vitest'
import { CODES } from '../../../dashboard/server/api/errors.ts'
import { data as dataEn } from '../../../dashboard/web/texts/data.en.ts'
import { data as dataZh } from '../../../dashboard/web/texts/data.zh.ts'
import { pages as pagesEn } from '../../../dashboard/web/texts/pages.en.ts'
import { pages as pagesZh } from '../../../dashboard/web/texts/pages.zh.ts'
import { BLOOD_PRESSURE, GLUCOSE } from '../../../hub/clinical/rules.ts'
import { HubFlag } from '../../../hub/contract/record.ts'

const zh: Record<string, string> = { ...dataZh, ...pagesZh }
const en: Record<string, string> = { ...dataEn, ...pagesEn }
const blanks = (text = '') => [...text.matchAll(/\{\{(\w+)\}\}/g)].map((match) => match[1]).sort()

describe('the texts of the doctor’s page', () => {
  it('exist in Chinese and English under the same ids, none empty', () => {
    expect(Object.keys(en).sort()).toEqual(Object.keys(zh).sort())
    expect([...Object.values(zh), ...Object.values(en)].filter((text) => text.trim() === '')).toEqual([])
  })

  it('leave the same blanks in both languages', () => {
    for (const key of Object.keys(zh)) expect(blanks(en[key]), key).toEqual(blanks(zh[key]))
  })

  it('hold no Chinese in the English and no curly quotes', () => {
    const own = new Set(['me.otherLanguage'])
    const bad = Object.entries(en).filter(([key, text]) => !own.has(key) && /[\u2e80-\uffef“”‘’]/.test(text))
    expect(bad).toEqual([])
  })

  it('word every refusal of the API, every band of the table and every reason why a reading is nobody’s', () => {
    const bands = [
      ...BLOOD_PRESSURE.systolic.map((row) => `band.bp.${row.band}`),
      ...[...GLUCOSE.any, ...Object.values(GLUCOSE.meal).flat()].map((row) => `band.glucose.${row.band}`),
    ]
    const flags = HubFlag.options.map((flag) => (flag.startsWith('unassigned') ? `why.${flag}` : `flag.${flag}`))
    for (const key of [...Object.keys(CODES).map((code) => `error.${code}`), ...bands, ...flags])
      expect(zh[key], key).toBeTruthy()
  })
})
