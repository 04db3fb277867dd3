// What the page says, in the visitor's language; Chinese until somebody asks for English.
import i18next from 'i18next'
import { useSyncExternalStore } from 'react'
import type { Word } from './words.zh.ts'

export type Language = 'zh' | 'en'
export const FIRST_LANGUAGE: Language = 'zh'

// Each language is fetched when it is first spoken: most visitors never need the other.
const WORDS = {
  zh: async () => (await import('./words.zh.ts')).zh,
  en: async () => (await import('./words.en.ts')).en,
}

export async function prepareWords(): Promise<void> {
  await i18next.init({
    keySeparator: false,
    nsSeparator: false,
    interpolation: { escapeValue: false }, // React escapes
  })
  await speak(FIRST_LANGUAGE)
}

export async function speak(language: Language): Promise<void> {
  if (!i18next.hasResourceBundle(language, 'translation'))
    i18next.addResourceBundle(language, 'translation', await WORDS[language]())
  await i18next.changeLanguage(language)
}

// i18next and React are two lines apart; react-i18next would take a tenth of the page's budget for them.
const subscribe = (changed: () => void) => {
  i18next.on('languageChanged', changed)
  return () => i18next.off('languageChanged', changed)
}
const current = (): Language => (i18next.language === 'en' ? 'en' : 'zh')

export function useWords() {
  const language = useSyncExternalStore(subscribe, current)
  return { language, say: (word: Word, values: Record<string, string | number> = {}) => i18next.t(word, values) }
}
