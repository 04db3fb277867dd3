// The page's two languages: Chinese unless the reader chose English, remembered in this browser.
import i18next from 'i18next'
import { useMemo } from 'react'
import { initReactI18next, useTranslation } from 'react-i18next'
import { data as dataEn } from './texts/data.en.ts'
import { data as dataZh } from './texts/data.zh.ts'
import { pages as pagesEn } from './texts/pages.en.ts'
import { pages as pagesZh } from './texts/pages.zh.ts'

const zh = { ...pagesZh, ...dataZh }
const en: Record<keyof typeof zh, string> = { ...pagesEn, ...dataEn }

export type Lang = 'zh' | 'en'
type Base<K> = K extends `${infer B}_${'one' | 'other'}` ? B : K
/** An id of a text; plural forms are asked for without their ending, with `count`. */
export type Key = Base<keyof typeof zh>
export type T = (key: Key, values?: Record<string, string | number>) => string

const KEPT = 'language'
const ROOT_LANG: Record<Lang, string> = { zh: 'zh-CN', en: 'en' }

export async function startTexts() {
  const kept = localStorage.getItem(KEPT)
  i18next.on('languageChanged', (lang) => {
    document.documentElement.lang = ROOT_LANG[lang as Lang]
  })
  await i18next.use(initReactI18next).init({
    resources: { zh: { translation: zh }, en: { translation: en } },
    lng: kept === 'en' ? 'en' : 'zh',
    fallbackLng: false,
    keySeparator: false,
    nsSeparator: false,
    interpolation: { escapeValue: false }, // React escapes
  })
}

export async function speak(lang: Lang) {
  localStorage.setItem(KEPT, lang)
  await i18next.changeLanguage(lang)
}

export function useText(): { t: T; lang: Lang; has: (key: string) => key is Key } {
  const { t, i18n } = useTranslation()
  return useMemo(
    () => ({
      t: (key, values) => t(key, values ?? {}),
      lang: i18n.language as Lang,
      has: (key): key is Key => key in zh || `${key}_other` in zh,
    }),
    [t, i18n.language],
  )
}
