// Nobody is here: how to begin, what can be measured, and whether the line is up.
import type { View } from '../view.ts'
import { Glyph, Picture } from './drawings.tsx'
import { type Device, Press, Title } from './parts.tsx'
import { act } from './stream.ts'
import { useWords } from './words.ts'
import type { Word } from './words.zh.ts'

export function Waiting() {
  const { say } = useWords()
  return (
    <main className="waiting">
      <Title title={say('wait.title')} lead={say('wait.lead')} />
    </main>
  )
}

/** The site's name and whether the clinic can be reached. */
export function Top({ view }: { view: View }) {
  const { say, language } = useWords()
  return (
    <header className="top">
      <b>{view.site[language]}</b>
      <span>
        <Glyph name={view.online ? 'line' : 'noLine'} />
        {say(view.online ? 'line.on' : 'line.off')}
      </span>
    </header>
  )
}

export function Welcome({ view }: { view: View }) {
  const { say } = useWords()
  const reader = view.devices.find((device) => device.kind === 'identity')
  const ready = reader?.state === 'open'
  const { title, lead } = greeting(view, reader)
  return (
    <main className="welcome">
      <div className="stage">
        {view.full ? (
          <Picture name="plug" label={say('full.picture')} />
        ) : ready ? (
          <Picture name="card" label={say('welcome.picture')} />
        ) : (
          <Picture name="seated" label={say('measuring.picture')} />
        )}
      </div>
      <div className="act">
        <Title title={say(title)} lead={say(lead)} />
        {view.damaged && <p className="hint">{say('damaged')}</p>}
        {!view.full && (
          <>
            <div className="press">
              <Press
                word="welcome.guest"
                note="welcome.guest.note"
                glyph="person"
                main={!ready}
                onPress={() => void act({ do: 'guest' })}
              />
            </div>
            <Can devices={view.devices} />
          </>
        )}
      </div>
    </main>
  )
}

function greeting(view: View, reader: Device | undefined): { title: Word; lead: Word } {
  if (view.full) return { title: 'full.title', lead: 'full.lead' }
  if (!reader) return { title: 'welcome.open', lead: 'welcome.open.lead' }
  if (reader.state !== 'open') return { title: 'welcome.noReader', lead: 'welcome.noReader.lead' }
  if (view.cardFailure) return { title: 'card.again', lead: 'card.again.lead' }
  return { title: 'welcome.title', lead: 'welcome.lead' }
}

/** What can be measured today; an instrument that is away is named, not hidden. */
function Can({ devices }: { devices: readonly Device[] }) {
  const { say } = useWords()
  const kinds = (['blood-pressure', 'glucose', 'body'] as const).filter((kind) => devices.some((d) => d.kind === kind))
  if (kinds.length === 0) return null
  return (
    <ul className="can">
      <li className="note">{say('can.title')}</li>
      {kinds.map((kind) => {
        const here = devices.some((d) => d.kind === kind && (d.state === 'open' || d.state === 'opening'))
        const what = say(`can.${kind}`)
        return (
          <li key={kind} className={here ? '' : 'out'}>
            <Glyph name={kind === 'glucose' ? 'drop' : kind === 'body' ? 'seat' : 'cuff'} />
            {here ? what : say('can.lost', { what })}
          </li>
        )
      })}
    </ul>
  )
}
