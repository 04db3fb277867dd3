// A measurement is under way. A live cuff pressure is smaller than any result and says that it is none.
import type { View } from '../view.ts'
import { Picture } from './drawings.tsx'
import { Press, Title, type Visit } from './parts.tsx'
import { Lost } from './ready.tsx'
import { act } from './stream.ts'
import { useWords } from './words.ts'

/** The bar's full length in mm[Hg]: cuffs seldom go higher. */
const FULL_BAR = 250

export function Measuring({ view, visit }: { view: View; visit: Visit }) {
  const { say } = useWords()
  const device = view.devices.find(({ id }) => id === visit.device)
  if (device?.state === 'lost' || device?.state === 'refused') return <Lost device={device} back={null} />
  if (device?.kind === 'glucose')
    return (
      <main>
        <div className="stage card">
          <Picture name="meter" label={say('plug.picture')} />
        </div>
        <div className="act">
          <Title title={say('reading.title')} lead={say('reading.lead')} />
        </div>
      </main>
    )
  return (
    <main className="measuring">
      <div className="stage card">
        <Picture name="seated" label={say('measuring.picture')} />
        <ul className="ticks">
          {(['measuring.back', 'measuring.arm', 'measuring.feet'] as const).map((word) => (
            <li key={word}>
              <Tick />
              {say(word)}
            </li>
          ))}
        </ul>
      </div>
      <div className="act">
        <Title title={say('measuring.title')} lead={say('measuring.lead')} />
        <div className="live">
          {visit.pressure === null ? (
            <p className="note">{say('measuring.wait')}</p>
          ) : (
            <Pressure pressure={Math.round(visit.pressure)} />
          )}
        </div>
        <div className="press">
          {device?.canStart ? (
            <Press word="key.stop" glyph="stop" onPress={() => void act({ do: 'stop', device: device.id })} />
          ) : (
            <p className="hint">{say('measuring.self')}</p>
          )}
        </div>
      </div>
    </main>
  )
}

function Pressure({ pressure }: { pressure: number }) {
  const { say } = useWords()
  return (
    <>
      <div>
        <span>{say('measuring.pressure')}</span>
        <span className="n">
          {pressure} <small>mmHg</small>
        </span>
      </div>
      <span className="gauge">
        <i style={{ inlineSize: `${Math.min(100, (pressure / FULL_BAR) * 100)}%` }} />
      </span>
      <b className="note">{say('measuring.notYet')}</b>
    </>
  )
}

const Tick = () => (
  <svg viewBox="0 0 48 48" aria-hidden="true">
    <circle cx="24" cy="24" r="22" fill="var(--azure)" />
    <path d="M14 25l7 8 13-15" fill="none" stroke="#fff" strokeWidth="5" strokeLinecap="round" strokeLinejoin="round" />
  </svg>
)
