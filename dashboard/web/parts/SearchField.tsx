// One field to find a resident by name or the end of a number; `/` leads to it, Esc empties it.
import { CloseButton, TextInput } from '@mantine/core'
import { useEffect, useMemo, useRef, useState } from 'react'
import { useText } from '../i18n.ts'
import { useKeys } from '../keys.ts'
import { Icon } from './symbols.tsx'

/** Asked a moment after the last letter, not at each. */
const PAUSE_MS = 250

interface Props {
  q: string
  /** A moment after the last letter; it must not lead anywhere: the reader may have gone on. */
  onSearch: (q: string) => void
  /** At each letter. */
  onType?: () => void
  /** The key that leads here; only one field of a page has one. */
  hotkey: '/' | null
}

export function SearchField({ q, onSearch, onType, hotkey }: Props) {
  const { t } = useText()
  const field = useRef<HTMLInputElement>(null)
  const [text, setText] = useState(q)
  useKeys(useMemo(() => (hotkey === null ? {} : { [hotkey]: () => field.current?.focus() }), [hotkey]))
  useEffect(() => {
    if (text.trim() === q) return
    const pause = setTimeout(() => onSearch(text.trim()), PAUSE_MS)
    return () => clearTimeout(pause)
  }, [text, q, onSearch])
  const clear = () => {
    setText('')
    onSearch('')
  }
  return (
    <search className="find">
      <TextInput
        ref={field}
        aria-label={t('search.label')}
        placeholder={t('search.placeholder')}
        maxLength={100}
        autoComplete="off"
        value={text}
        leftSection={<Icon name="search" />}
        rightSection={
          text === '' && hotkey === null ? null : text === '' ? (
            <kbd className="desk">{hotkey}</kbd>
          ) : (
            <CloseButton aria-label={t('search.clear')} onClick={clear} />
          )
        }
        onChange={(event) => {
          setText(event.currentTarget.value)
          onType?.()
        }}
        onKeyDown={(event) => {
          if (event.key === 'Escape') clear()
          if (event.key !== 'Enter') return
          onSearch(text.trim())
          onType?.()
        }}
      />
    </search>
  )
}
