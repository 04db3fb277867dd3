// How a measurement or a visit ends without a result on the screen: failure, still here?, goodbye.

import { Picture } from './drawings.tsx'
import { Press, Sheet, Title, useSecondsUntil, type Visit } from './parts.tsx'
import { act } from './stream.ts'
import { useWords } from './words.ts'
import type { Word } from './words.zh.ts'

type FailureView = NonNullable<Visit['failure']>

/** No reading exists, so no number stands here; the device's own code goes to staff, not to the visitor. */
export function Failure({ failure }: { failure: FailureView }) {
  const { say } = useWords()
  return (
    <main>
      <div className="stage card">
        <Cause failure={failure} />
      </div>
      <div className="act">
        <Title title={say('failure.title')} lead={say(advice(failure))} />
        <div className="press">
          <Press word="key.retry" main onPress={() => void act({ do: 'again' })} />
        </div>
      </div>
    </main>
  )
}

const advice = ({ of, reason }: FailureView): Word =>
  of === 'identity' ? 'failure.card-unreadable' : of === 'glucose' ? 'failure.glucose' : `failure.${reason}`

function Cause({ failure: { of, reason } }: { failure: FailureView }) {
  const { say } = useWords()
  if (of === 'identity') return <Picture name="card" label={say('welcome.picture')} />
  if (of === 'glucose') return <Picture name="meter" label={say('plug.picture')} />
  if (reason === 'movement' || reason === 'too-long' || reason === 'stopped' || reason === 'out-of-range')
    return <Picture name="seated" label={say('failure.picture')} />
  return <Picture name="arm" label={say('fit.picture')} />
}

export function Idle({ endsAt, onEnd }: { endsAt: string; onEnd: () => void }) {
  const { say } = useWords()
  const seconds = useSecondsUntil(endsAt)
  return (
    <Sheet title={say('idle.title')} lead={say('idle.lead', { s: seconds })}>
      <Press word="idle.stay" main onPress={() => void act({ do: 'stay' })} />
      <Press word="idle.end" onPress={onEnd} />
    </Sheet>
  )
}

/** Asked once more before somebody leaves with a value that needs acting on now. */
export function LeaveAnyway({ onStay, onLeave }: { onStay: () => void; onLeave: () => void }) {
  const { say } = useWords()
  return (
    <Sheet title={say('leave.ask')} lead={say('leave.ask.lead')}>
      <Press word="leave.stay" main onPress={onStay} />
      <Press word="key.leave" onPress={onLeave} />
    </Sheet>
  )
}

/** Nothing of the visit is left on the page: no name, no number. */
export function Goodbye({ saved, card, online }: { saved: boolean; card: boolean; online: boolean }) {
  const { say } = useWords()
  const kept = card ? 'end.card' : 'end.none.lead'
  return (
    <main className="welcome goodbye">
      <div className="stage">
        {card ? (
          <Picture name="take" label={say('end.picture')} />
        ) : (
          <Picture name="done" label={say('end.picture.guest')} />
        )}
      </div>
      <div className="act">
        <Title title={say(saved ? 'end' : card ? 'end.card' : 'end.none')} lead={say(saved ? kept : 'end.none.lead')} />
        {saved && !online && <p className="hint">{say('end.offline')}</p>}
      </div>
    </main>
  )
}
