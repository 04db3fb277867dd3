// The page's few pictures as inline SVG: four severity shapes and the icons that always stand beside a word.
import type { ReactNode } from 'react'

export type Level = 0 | 1 | 2 | 3

const SHAPES: Record<Level, ReactNode> = {
  0: (
    <>
      <circle cx="24" cy="24" r="20" fill="var(--s0-mark)" />
      <path
        d="M14.5 24.5l6.500 6.500 13-14"
        fill="none"
        stroke="var(--card)"
        strokeWidth="4.5"
        strokeLinecap="round"
        strokeLinejoin="round"
      />
    </>
  ),
  1: (
    <path
      d="M24 4l20 20-20 20L4 24z"
      fill="var(--s1-fill)"
      stroke="var(--s1-mark)"
      strokeWidth="3.5"
      strokeLinejoin="round"
    />
  ),
  2: (
    <>
      <path d="M24 6l20 35H4z" fill="var(--s2-mark)" stroke="var(--s2-mark)" strokeWidth="4" strokeLinejoin="round" />
      <path d="M24 18v12" stroke="var(--card)" strokeWidth="4.5" strokeLinecap="round" />
      <circle cx="24" cy="35.6" r="2.5" fill="var(--card)" />
    </>
  ),
  3: (
    <>
      <path d="M15.700 4h16.600L44 15.700v16.600L32.300 44H15.700L4 32.300V15.700z" fill="var(--s3-mark)" />
      <path d="M24 13v14" stroke="var(--on-s3)" strokeWidth="5" strokeLinecap="round" />
      <circle cx="24" cy="35" r="3" fill="var(--on-s3)" />
    </>
  ),
}

/** Decoration only: whoever draws it writes the word beside it (see Severity). */
export function Shape({ level }: { level: Level }) {
  return (
    <svg className="g" viewBox="0 0 48 48" aria-hidden="true">
      {SHAPES[level]}
    </svg>
  )
}

const ICONS = {
  back: 'M15 5l-7 7 7 7',
  kiosk: 'M7 3h10v11H7zM10 14v4M14 14v4M6 21h12l-2-3H8z',
  leave: 'M14 4H5v16h9M10 12h10M17 9l3 3-3 3',
  people:
    'M9 4.500a3.500 3.500 0 1 1 0 7 3.500 3.500 0 0 1 0-7zM2.500 20c0-4 2.600-6.500 6.500-6.500s6.500 2.500 6.500 6.500M16 5a3.500 3.500 0 0 1 0 6.500M18 14c2.300.8 3.500 3 3.500 6',
  print: 'M7 9V4h10v5M7 17H4V9h16v8h-3M7 14h10v6H7z',
  quarantine: 'M4 8l8-4 8 4v8l-8 4-8-4zM4 8l8 4 8-4M12 12v8',
  question: 'M9 9a3 3 0 1 1 4.500 2.600c-1 .6-1.500 1.200-1.500 2.400M12 17.500v.2M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18z',
  search: 'M11 4.500a6.500 6.500 0 1 1 0 13 6.500 6.500 0 0 1 0-13zM16 16l4.500 4.500',
  sync: 'M20 12a8 8 0 1 1-2.500-5.800M20 4v4.500h-4.500',
} as const
export type IconName = keyof typeof ICONS

export function Icon({ name }: { name: IconName }) {
  return (
    <svg
      className="i"
      viewBox="0 0 24 24"
      aria-hidden="true"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.7"
      strokeLinecap="round"
      strokeLinejoin="round"
    >
      <path d={ICONS[name]} />
    </svg>
  )
}

export function Mark() {
  return (
    <svg className="logo" viewBox="0 0 28 28" aria-hidden="true">
      <rect width="28" height="28" rx="7" fill="var(--jade)" />
      <path
        d="M5 15h4l2.500-6 4.500 12 3-8 1.500 2H23"
        fill="none"
        stroke="var(--on-jade)"
        strokeWidth="2.2"
        strokeLinecap="round"
        strokeLinejoin="round"
      />
    </svg>
  )
}
