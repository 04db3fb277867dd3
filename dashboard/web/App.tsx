// The frame: a bar with the pages there are, one column of work; on a phone the same pages as tabs at the bottom.
import { Button } from '@mantine/core'
import { useEffect, useState } from 'react'
import { speak, useText } from './i18n.ts'
import { Kiosks } from './pages/kiosks/Kiosks.tsx'
import { isAway } from './pages/kiosks/state.ts'
import { Quarantine } from './pages/quarantine/Quarantine.tsx'
import { Readings } from './pages/resident/Readings.tsx'
import { Resident } from './pages/resident/Resident.tsx'
import { Residents } from './pages/residents/Residents.tsx'
import { Unassigned } from './pages/unassigned/Unassigned.tsx'
import { Freshness } from './parts/Freshness.tsx'
import { Me } from './parts/Me.tsx'
import { useNarrow } from './parts/narrow.ts'
import { SearchField } from './parts/SearchField.tsx'
import { Icon, type IconName, Mark } from './parts/symbols.tsx'
import { useKiosks, useQuarantine, useResidents, useUnassigned } from './queries.ts'
import { go, hrefOf, type Place, usePlace } from './route.ts'
import { useLine, useSites } from './session.tsx'

type Main = 'residents' | 'unassigned' | 'kiosks' | 'quarantine'
const PAGES: readonly { page: Main; place: Place; icon: IconName }[] = [
  { page: 'residents', place: { page: 'residents' }, icon: 'people' },
  { page: 'unassigned', place: { page: 'unassigned', id: null }, icon: 'question' },
  { page: 'kiosks', place: { page: 'kiosks' }, icon: 'kiosk' },
  { page: 'quarantine', place: { page: 'quarantine', id: null }, icon: 'quarantine' },
]
const above = (place: Place): Main =>
  place.page === 'resident' || place.page === 'readings' ? 'residents' : place.page

export function App() {
  const { t, lang } = useText()
  const narrow = useNarrow()
  const place = usePlace()
  const { first } = useSites()
  const { failure } = useLine()
  const [q, setQ] = useState('')
  const counts = useCounts()
  useEffect(() => {
    document.title = `${t(`nav.${above(place)}`)} · ${first?.name[lang] ?? t('mark')}`
  }, [place, first, lang, t])
  const links = PAGES.map(({ page, place: to, icon }) => (
    <a key={page} href={hrefOf(to)} aria-current={above(place) === page ? 'page' : undefined}>
      {narrow && <Icon name={icon} />}
      <span>
        {t(`nav.${page}`)}{' '}
        {counts[page] !== null && <b className={counts[page]?.hot ? 'hot' : undefined}>{counts[page]?.n}</b>}
      </span>
    </a>
  ))
  return (
    <div className={failure ? 'app cut' : 'app'}>
      <button type="button" className="skip" onClick={skip}>
        {t('nav.skip')}
      </button>
      {!narrow && (
        <header className="bar">
          <a href={hrefOf({ page: 'residents' })} className="mark">
            <Mark />
            {first?.name[lang] ?? t('mark')}
          </a>
          <nav aria-label={t('nav.label')}>{links}</nav>
          <SearchField q={q} onSearch={setQ} onType={toList} hotkey="/" />
          <Freshness />
          <Button
            variant="subtle"
            size="compact-sm"
            lang={lang === 'zh' ? 'en' : 'zh-CN'}
            className="lang"
            onClick={() => void speak(lang === 'zh' ? 'en' : 'zh')}
          >
            {t('me.otherLanguage')}
          </Button>
          <Me />
        </header>
      )}
      <Work place={place} q={q} onSearch={setQ} />
      {narrow && (
        <nav className="tabs" aria-label={t('nav.label')}>
          {links}
        </nav>
      )}
    </div>
  )
}

function Work({ place, q, onSearch }: { place: Place; q: string; onSearch: (q: string) => void }) {
  switch (place.page) {
    case 'resident':
      return <Resident id={place.id} />
    case 'readings':
      return <Readings id={place.id} />
    case 'unassigned':
      return <Unassigned id={place.id} />
    case 'quarantine':
      return <Quarantine id={place.id} />
    case 'kiosks':
      return <Kiosks />
    case 'residents':
      return <Residents q={q} onSearch={onSearch} />
  }
}

/** What stands beside each word of the bar; red only for a kiosk out of contact. */
function useCounts(): Record<Main, { n: number; hot: boolean } | null> {
  const residents = useResidents('').total
  const unassigned = useUnassigned().total
  const quarantine = useQuarantine().total
  const kiosks = useKiosks().data
  const away = kiosks?.filter(isAway).length ?? 0
  return {
    residents: residents === null ? null : { n: residents, hot: false },
    unassigned: unassigned === null ? null : { n: unassigned, hot: false },
    kiosks: away === 0 ? null : { n: away, hot: true },
    quarantine: quarantine === null || quarantine === 0 ? null : { n: quarantine, hot: false },
  }
}

/** Who searches wants the list. */
const toList = () => go({ page: 'residents' })

/** A button, no link: the # of the address belongs to the pages. */
function skip() {
  const main = document.getElementById('main')
  main?.setAttribute('tabindex', '-1')
  main?.focus()
}
