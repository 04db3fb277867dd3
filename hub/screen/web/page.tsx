// The page: which screen the hub's view calls for, inside the frame that never moves: band, stage, act, keys.
import { type ReactNode, useEffect, useState } from 'react'
import type { View } from '../view.ts'
import { Glyph } from './drawings.tsx'
import { Failure, Goodbye, Idle, LeaveAnyway } from './ending.tsx'
import { meaningOf } from './meaning.ts'
import { Measuring } from './measuring.tsx'
import { Band, type Visit } from './parts.tsx'
import { Ready } from './ready.tsx'
import { Result } from './result.tsx'
import { act, useView } from './stream.ts'
import { Top, Waiting, Welcome } from './welcome.tsx'
import { FIRST_LANGUAGE, speak, useWords } from './words.ts'

/** On the welcome page the first language comes back after this time. */
const LANGUAGE_BACK_MS = 60_000

export function Page() {
  const view = useView()
  const { language } = useWords()
  const visit = view?.visit ?? null
  const visiting = visit !== null
  useEffect(() => {
    document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en'
  }, [language])
  useEffect(() => {
    if (visiting) return () => void speak(FIRST_LANGUAGE) // the next visitor begins anew
  }, [visiting])
  useEffect(() => {
    if (visiting || language === FIRST_LANGUAGE) return
    const back = setTimeout(() => void speak(FIRST_LANGUAGE), LANGUAGE_BACK_MS)
    return () => clearTimeout(back)
  }, [visiting, language])
  return (
    <>
      {!view ? (
        <div className="page">
          <Waiting />
        </div>
      ) : visit && visit.step !== 'goodbye' ? (
        <Visiting key={visit.id} view={view} visit={visit} />
      ) : (
        <Frame view={view} leave={null}>
          <Top view={view} />
          {visit ? (
            <Goodbye saved={visit.results.length > 0} card={visit.who !== null} online={view.online} />
          ) : (
            <Welcome view={view} />
          )}
        </Frame>
      )}
    </>
  )
}

const STEP = { ready: 1, measuring: 2, failure: 2, result: 3, goodbye: 3 } as const

/** One visit; what it chose goes with it when it ends. */
function Visiting({ view, visit }: { view: View; visit: Visit }) {
  const [chosen, choose] = useState<string | null>(null)
  const [asked, ask] = useState<number | null>(null) // after how many results
  const latest = visit.step === 'result' ? visit.results.at(-1) : undefined
  const urgent = latest?.yours === true && meaningOf(latest, []).urgent !== null
  const leaveNow = async () => {
    const device = view.devices.find(({ id }) => id === visit.device)
    if (visit.step === 'measuring' && device?.canStart) await act({ do: 'stop', device: device.id })
    await act({ do: 'leave' })
  }
  const leave = () => (urgent ? ask(visit.results.length) : void leaveNow())
  return (
    <Frame view={view} leave={leave} band={visit.band}>
      <Band visit={visit} step={STEP[visit.step]} />
      {visit.step === 'measuring' ? (
        <Measuring view={view} visit={visit} />
      ) : visit.step === 'result' ? (
        <Result view={view} visit={visit} onLeave={leave} />
      ) : visit.step === 'failure' && visit.failure ? (
        <Failure failure={visit.failure} />
      ) : (
        <Ready view={view} chosen={chosen} choose={choose} />
      )}
      {visit.endsAt ? (
        <Idle endsAt={visit.endsAt} onEnd={() => void leaveNow()} />
      ) : (
        urgent &&
        asked === visit.results.length && <LeaveAnyway onStay={() => ask(null)} onLeave={() => void leaveNow()} />
      )}
    </Frame>
  )
}

interface FrameProps {
  view: View
  band?: number
  leave: (() => void) | null
  children: ReactNode
}

function Frame({ view, band, leave, children }: FrameProps) {
  const { say, language } = useWords()
  const [open, setOpen] = useState(() => matchMedia('(min-width: 110em)').matches)
  const other = language === 'zh' ? 'en' : 'zh'
  const shown = view.aside !== null && open
  return (
    <div className={`page ${band === undefined ? '' : `v${band}`} ${shown ? 'with-panel' : ''}`}>
      {children}
      <footer className="keys">
        {view.notice && <p className="note">{view.notice[language]}</p>}
        <button type="button" lang={other === 'en' ? 'en' : 'zh-CN'} onClick={() => void speak(other)}>
          <Glyph name="language" />
          {say('key.language')}
        </button>
        {view.aside !== null && (
          <button type="button" aria-expanded={open} onClick={() => setOpen(!open)}>
            <Glyph name="panel" />
            {say(open ? 'panel.close' : 'panel.open')}
          </button>
        )}
        {leave && (
          <button type="button" onClick={leave}>
            <Glyph name="leave" />
            {say('key.leave')}
          </button>
        )}
      </footer>
      {shown && <iframe className="panel" src={view.aside ?? ''} title={say('panel.title')} />}
    </div>
  )
}
