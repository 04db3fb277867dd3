// What several screens share: the visit's band, the keys, a sheet, the clock of the site.
import { type ReactNode, useEffect, useRef, useState } from 'react'
import type { View } from '../view.ts'
import { Emblem, Glyph, type GlyphName } from './drawings.tsx'
import { useWords } from './words.ts'
import type { Word } from './words.zh.ts'

export type Visit = NonNullable<View['visit']>
export type Device = View['devices'][number]

/** Whose visit this is: colour, emblem, masked name, and how far along. */
export function Band({ visit, step }: { visit: Visit; step: 1 | 2 | 3 }) {
  const { say } = useWords()
  return (
    <header className="band">
      <Emblem band={visit.band} />
      <div>
        <p className="who" lang="zh-CN">
          {visit.who?.name ?? say('visit.guest')}
        </p>
        <p className="num">{visit.who?.number ?? say('visit.guest.note')}</p>
      </div>
      <div className="steps">
        <span>{say(`step.${step}`)}</span>
        <div className="dots" role="img" aria-label={say('step.of', { n: step })}>
          {[1, 2, 3].map((one) => (
            <i key={one} className={one === step ? 'now' : one < step ? 'done' : ''} />
          ))}
        </div>
      </div>
    </header>
  )
}

export function Title({ title, lead }: { title: string; lead?: string | undefined }) {
  return (
    <div className="hello">
      <h1>{title}</h1>
      {lead && <p className="lead">{lead}</p>}
    </div>
  )
}

interface PressProps {
  word: Word
  onPress: () => void
  glyph?: GlyphName
  main?: boolean
  note?: Word
}

export function Press({ word, onPress, glyph, main = false, note }: PressProps) {
  const { say } = useWords()
  return (
    <button type="button" className={main ? 'main' : ''} onClick={onPress}>
      {glyph && <Glyph name={glyph} />}
      <span>
        {say(word)}
        {note && <small>{say(note)}</small>}
      </span>
    </button>
  )
}

/** One question over a dimmed page; nothing else can be pressed while it is asked. */
export function Sheet({ title, lead, children }: { title: string; lead: string; children: ReactNode }) {
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    const element = dialog.current
    element?.showModal()
    return () => element?.close()
  }, [])
  return (
    <dialog ref={dialog} aria-labelledby="sheet-title" onCancel={(event) => event.preventDefault()}>
      <h2 id="sheet-title">{title}</h2>
      <p className="lead" role="timer">
        {lead}
      </p>
      <div className="press">{children}</div>
    </dialog>
  )
}

/** Whole seconds until an instant, never below 0; counts down by itself. */
export function useSecondsUntil(instant: string): number {
  const until = Date.parse(instant)
  const [now, setNow] = useState(() => Date.now())
  useEffect(() => {
    const tick = setInterval(() => setNow(Date.now()), 250)
    return () => clearInterval(tick)
  }, [])
  return Math.max(0, Math.ceil((until - now) / 1000))
}

/** An instant by the site's clock: the hour alone today, with month and day before that. */
export function siteTime(instant: string, zone: string, now: Date): string {
  const parts = (of: Date) =>
    Object.fromEntries(
      new Intl.DateTimeFormat('en-GB', {
        timeZone: zone,
        year: 'numeric',
        month: '2-digit',
        day: '2-digit',
        hour: '2-digit',
        minute: '2-digit',
        hourCycle: 'h23',
      })
        .formatToParts(of)
        .map(({ type, value }) => [type, value]),
    )
  const at = parts(new Date(instant))
  const today = parts(now)
  const day = `${at.month}-${at.day}`
  const clock = `${at.hour}:${at.minute}`
  if (at.year !== today.year) return `${at.year}-${day} ${clock}`
  return day === `${today.month}-${today.day}` ? clock : `${day} ${clock}`
}
