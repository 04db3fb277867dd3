// A visit has begun: which measurement, and how to get ready for it.
import type { View } from '../view.ts'
import { Glyph, Picture } from './drawings.tsx'
import { type Device, Press, Title } from './parts.tsx'
import { act } from './stream.ts'
import { useWords } from './words.ts'
import type { Word } from './words.zh.ts'

interface Props {
  view: View
  chosen: string | null
  choose: (device: string | null) => void
}

export function Ready({ view, chosen, choose }: Props) {
  const instruments = view.devices.filter((device) => device.kind !== 'identity')
  const only = instruments.length === 1 ? instruments[0] : undefined
  const device = instruments.find(({ id }) => id === chosen) ?? only
  if (view.full) return <Unable title="full.title" lead="full.lead" />
  if (instruments.length === 0) return <Unable title="none.title" lead="none.lead" />
  if (!device) return <Choose instruments={instruments} choose={choose} />
  const back = only ? null : () => choose(null)
  if (device.state === 'lost' || device.state === 'refused') return <Lost device={device} back={back} />
  if (device.kind === 'body') return <Use back={back} />
  return device.kind === 'glucose' ? <Plug back={back} /> : <Fit device={device} back={back} />
}

function Choose({ instruments, choose }: { instruments: readonly Device[]; choose: Props['choose'] }) {
  const { say } = useWords()
  return (
    <main className="choose">
      <Title title={say('choose.title')} lead={say('choose.lead')} />
      <div className="choices">
        {instruments.map((device) => {
          const kind = device.kind === 'identity' ? 'body' : device.kind
          const away = device.state === 'lost' || device.state === 'refused'
          return (
            <button type="button" key={device.id} className={away ? 'away' : ''} onClick={() => choose(device.id)}>
              <Glyph name={GLYPHS[kind]} />
              <span>
                {say(`can.${kind}`)}
                <small>{say(away ? 'choose.lost' : `choose.${kind}.note`)}</small>
              </span>
            </button>
          )
        })}
      </div>
    </main>
  )
}

const GLYPHS = { 'blood-pressure': 'cuff', body: 'seat', glucose: 'drop' } as const

const Back = ({ back }: { back: (() => void) | null }) => back && <Press word="key.other" onPress={back} />

function Fit({ device, back }: { device: Device; back: (() => void) | null }) {
  const { say } = useWords()
  const opening = device.state === 'opening'
  return (
    <main>
      <div className="stage card">
        <Picture name="arm" label={say('fit.picture')} />
      </div>
      <div className="act">
        <Title title={say('fit.title')} lead={say('fit.lead')} />
        {(opening || !device.canStart) && <p className="hint">{say(opening ? 'lost.opening' : 'fit.self')}</p>}
        <div className="press">
          <Back back={back} />
          {device.canStart && !opening && (
            <Press word="fit.start" main onPress={() => void act({ do: 'start', device: device.id })} />
          )}
        </div>
      </div>
    </main>
  )
}

function Plug({ back }: { back: (() => void) | null }) {
  const { say } = useWords()
  return (
    <main>
      <div className="stage card">
        <Picture name="meter" label={say('plug.picture')} />
      </div>
      <div className="act">
        <Title title={say('plug.title')} lead={say('plug.lead')} />
        <p className="hint">{say('plug.self')}</p>
        <div className="press">
          <Back back={back} />
        </div>
      </div>
    </main>
  )
}

/** A scale, a height rod or an oximeter: it measures by itself. */
function Use({ back }: { back: (() => void) | null }) {
  const { say } = useWords()
  return (
    <main>
      <div className="act">
        <Title title={say('use.title')} lead={say('use.lead')} />
        <p className="hint">{say('use.self')}</p>
        <div className="press">
          <Back back={back} />
        </div>
      </div>
    </main>
  )
}

/** Which instrument is away, and what to do about it. */
export function Lost({ device, back }: { device: Device; back: (() => void) | null }) {
  const { say } = useWords()
  const lead: Word = device.cause === 'gone' ? 'lost.gone' : device.cause === 'silent' ? 'lost.silent' : 'lost.staff'
  return (
    <main>
      <div className="stage card">
        <Picture name="plug" label={say('lost.picture')} />
      </div>
      <div className="act">
        <Title title={say('lost.title', { what: say(`device.${device.kind}`) })} lead={say(lead)} />
        <div className="press">
          <Back back={back} />
        </div>
      </div>
    </main>
  )
}

function Unable({ title, lead }: { title: Word; lead: Word }) {
  const { say } = useWords()
  return (
    <main>
      <div className="stage card">
        <Picture name="plug" label={say('full.picture')} />
      </div>
      <div className="act">
        <Title title={say(title)} lead={say(lead)} />
      </div>
    </main>
  )
}
